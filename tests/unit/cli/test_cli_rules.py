"""``validate-config`` and rules of transformation, without a database."""

from __future__ import annotations

import json

import pytest

from tests.support.imports import TELL_IMPORTS, packages
from tests.support.process import cdc

CONNECTION = {"engine": "postgresql", "host": "db", "database": "d", "user": "u"}
KEY = {"env": "MADE_UP_KEY"}
GOOD, SHORT = "hunter2-hunter2-hunter2", "hunter2"


@pytest.fixture
def validated(tmp_path):
    """Runs ``validate-config`` over rules of the only table."""

    def _validated(*rules, env=None):
        document = {
            "connections": {"core": CONNECTION, "wh": CONNECTION},
            "target": {"connection": "wh"},
            "tables": [{"source": "core", "schema": "s", "name": "a", "transform": rules}],
        }
        path = tmp_path / "c.yaml"
        path.write_text(json.dumps(document, indent=1))
        return cdc(["validate-config"], path, env)

    return _validated


HASH = {"column": "a", "use": "hash", "key": KEY}


def test_a_secret_that_is_elsewhere_is_a_warning(validated):
    """A check of the file need not have the keys; it says which are not there, and for what."""
    done = validated(HASH, {**HASH, "column": "b"})
    assert done.returncode == 0, done.stderr
    (warning,) = [line for line in done.stdout.splitlines() if line.startswith("warning: ")]
    assert "c.yaml:2" in warning
    assert "tables[0].transform[0]: environment variable MADE_UP_KEY is not set" in warning
    assert warning.endswith("which 2 rules need")


def test_a_secret_that_is_there_is_judged(validated):
    """One that is too short is refused; law 9: neither is shown."""
    good, short = (validated(HASH, env={"MADE_UP_KEY": key}) for key in (GOOD, SHORT))
    assert (good.returncode, short.returncode) == (0, 2)
    assert "warning" not in good.stdout
    assert "transform[0]: the key of a hash has at least 16 bytes" in short.stderr
    assert SHORT not in good.stdout + good.stderr + short.stdout + short.stderr


def test_every_bad_rule_is_told_with_its_line(validated):
    """With 2, and all at once."""
    done = validated({"column": "a", "use": "hsah"}, {"use": "drop"}, {**HASH, "kye": 1})
    assert done.returncode == 2
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert [f"transform[{n}]" in error for n, error in enumerate(errors)] == [True] * 3


def test_a_check_of_rules_needs_no_driver(validated):
    """Rules are built without a database's driver and without a server."""
    done = validated(HASH, env={**TELL_IMPORTS, "MADE_UP_KEY": GOOD})
    assert done.returncode == 0
    heavy = {"asyncpg", "adbc_driver_manager", "adbc_driver_postgresql", "pgpq", "aiohttp"}
    assert not heavy & packages(done.stderr)
