"""Rules of transformation from SQL Server to SQL Server, on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import CreateDatabase
from tests.support.pairs import SCHEMA, TABLE, Pair, a_pair

pytestmark = pytest.mark.sqlserver

MASKED = {"column": "note", "use": "mask", "kind": "all"}
REJECTING = {"column": "note", "use": "mask", "kind": "keep_first", "unmatched": "reject"}


def ruled(pair: Pair, *rules: dict[str, Any]) -> None:
    table = {"source": "src", "schema": SCHEMA, "name": TABLE, "transform": list(rules)}
    pair.configure(tables=[table])


def notes(pair: Pair) -> list[tuple[Any, ...]]:
    """Key, value, operation and end of every version."""
    return pair.target.fetch(
        f"SELECT id, note, _operation, _closed_by FROM bronze.src_{TABLE} ORDER BY id, _valid_from"
    )


def test_rules_live_through_their_changes(create_database: CreateDatabase, tmp_path: Path) -> None:
    """Quarantine and replay; a changed rule is held, and then rewrites open versions in place."""
    with a_pair(("sqlserver", "sqlserver"), create_database, tmp_path) as pair:
        pair.begin(3)
        pair.source.execute(f"UPDATE {SCHEMA}.{TABLE} SET note = 'x' WHERE id = 2")
        ruled(pair, REJECTING)
        done = pair.run("once")
        assert done.returncode == 0, done
        assert notes(pair) == [(0, "firs*", "I", None), (1, "firs*", "I", None)]
        shown = pair.run("quarantine", "show", TABLE, "--json")
        (entry,) = json.loads(shown.stdout)["entries"]
        assert (entry["column"], entry["reason"]) == ("note", "unrecognised")
        pair.source.execute(f"UPDATE {SCHEMA}.{TABLE} SET note = 'second' WHERE id = 2")
        done = pair.run("quarantine", "replay")
        assert done.returncode == 0, done
        assert notes(pair)[2:] == [(2, "seco**", "I", None)]
        ruled(pair, MASKED)
        planned = pair.run("plan")
        assert "changed rule: column note" in planned.stdout, planned
        done = pair.run("once")
        assert done.returncode == 1, done
        assert "release --rewrite src.app.account" in done.stderr
        assert pair.run("release", "--rewrite", TABLE).returncode == 0
        done = pair.run("once")
        assert done.returncode == 0, done
        stars = [(0, "*****", "I", None), (1, "*****", "I", None), (2, "******", "I", None)]
        assert notes(pair) == stars
        assert pair.run("once").returncode == 0
        assert notes(pair) == stars
