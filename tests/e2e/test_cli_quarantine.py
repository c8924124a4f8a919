"""``quarantine list``, ``show`` and ``purge`` as processes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.process import Completed
from tests.support.site import Site

FOUND = """
INSERT INTO cdc.quarantine (source, schema_name, table_name, key_digest, column_name, reason,
    row_count, first_batch_id, last_batch_id, first_seen_at, last_seen_at, resolved_at)
VALUES
    ('src', 'public', 'account', '{one:032x}', 'name', 'failed', 1, 1, 3, '2026-01-01Z', '2026-01-03Z', NULL),
    ('src', 'public', 'account', '{two:032x}', 'name', 'failed', 1, 2, 3, '2026-01-02Z', '2026-01-03Z', NULL),
    ('src', 'public', 'account', NULL, 'id', 'null_key', 5, 2, 2, '2026-01-02Z', '2026-01-02Z', NULL),
    ('src', 'public', 'account', '{one:032x}', 'name', 'gone', 1, 1, 1, '2026-01-01Z', '2026-01-01Z', '2026-01-02Z'),
    ('src', 'public', 'other', '{two:032x}', NULL, 'refused', 1, 4, 4, '2026-01-04Z', '2026-01-04Z', NULL),
    ('old', 'public', 'other', '{two:032x}', NULL, 'refused', 1, 4, 4, '2026-01-04Z', '2026-01-04Z', '2026-01-05Z');
"""
PROMOTED = """
INSERT INTO cdc.batch (source, schema_name, table_name, window_name, run_id, status, read_at, extracted,
    quarantined)
SELECT 'src', 'public', name, 'all', 'r', status, now(), 9, rows
FROM (VALUES ('account', 'promoted', 3), ('other', 'promoted', 0), ('account', 'failed', NULL))
    AS b (name, status, rows);
INSERT INTO cdc.table_state (source, schema_name, table_name, last_batch_id)
SELECT source, schema_name, table_name, batch_id FROM cdc.batch WHERE status = 'promoted';
"""
ONE, TWO = 0xABC, 2**128 - 2


@pytest.fixture
def kept(site: Site) -> Site:
    """Two tables with something in quarantine, and one that is no longer configured."""
    site.configure("account", "other", "fresh")
    assert site.run("control", "apply").returncode == 0
    site.target.execute(FOUND.format(one=ONE, two=TWO))
    return site


def cells(done: Completed) -> list[list[str]]:
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines()]


def told(done: Completed) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def reasons(site: Site) -> list[str]:
    """Of what is on record, in order."""
    rows = site.target.fetch("SELECT reason FROM cdc.quarantine ORDER BY quarantine_id")
    return [reason for (reason,) in rows]


def test_what_is_open_is_listed_by_its_cause(kept: Site) -> None:
    """One line a table, column and reason, of all tables or those that are named."""
    shown = kept.run("quarantine", "list")
    first = ["src.public.account", "id", "null_key", "1", "5"]
    assert [line[:5] for line in cells(shown)[1:3]] == [
        first,
        ["src.public.account", "name", "failed", "2", "2"],
    ]
    causes = told(kept.run("quarantine", "list", "--json"))["causes"]
    assert causes[1] == {
        "table": "src.public.account",
        "source": "src",
        "schema": "public",
        "name": "account",
        "column": "name",
        "reason": "failed",
        "entries": 2,
        "rows": 2,
        "first_seen_at": "2026-01-01T00:00:00+00:00",
        "last_seen_at": "2026-01-03T00:00:00+00:00",
    }
    assert [(one["table"], one["column"]) for one in causes[2:]] == [("src.public.other", None)]
    named = told(kept.run("quarantine", "list", "account", "--json"))["causes"]
    assert named == causes[:2]
    assert kept.run("quarantine", "list", "fresh").stdout == "nothing is in quarantine\n"


def test_entries_are_shown_by_digest(kept: Site) -> None:
    """Law 9: the newest first, keys as 32 digits; resolved ones where they are asked for."""
    shown = kept.run("quarantine", "show", "account")
    lines = cells(shown)[1:]
    assert [line[1:4] for line in lines] == [
        ["unknown", "id", "null_key"],
        [f"{TWO:032x}", "name", "failed"],
        [f"{ONE:032x}", "name", "failed"],
    ]
    document = told(kept.run("quarantine", "show", "account", "--all", "--json"))
    assert (document["table"], document["more"]) == ("src.public.account", False)
    resolved, unknown, *_ = document["entries"]
    assert sorted(resolved) == sorted(unknown)
    assert resolved == {
        "number": 4,
        "key_digest": f"{ONE:032x}",
        "column": "name",
        "reason": "gone",
        "rows": 1,
        "first_batch_id": 1,
        "last_batch_id": 1,
        "first_seen_at": "2026-01-01T00:00:00+00:00",
        "last_seen_at": "2026-01-01T00:00:00+00:00",
        "resolved_at": "2026-01-02T00:00:00+00:00",
    }
    assert (unknown["key_digest"], unknown["rows"], unknown["resolved_at"]) == (None, 5, None)
    fresh = kept.run("quarantine", "show", "fresh")
    assert fresh.stdout == "src.public.fresh: nothing is in quarantine\n"


def test_more_entries_than_asked_for_are_not_hidden(kept: Site) -> None:
    """A list that was cut says so, one that was not does not."""
    cut = kept.run("quarantine", "show", "account", "--limit", "2")
    *shown, last = cut.stdout.splitlines()
    assert (len(shown), last) == (3, "there are more than 2; --limit N shows them")
    for limit, more in ((2, True), (3, False)):
        line = ("quarantine", "show", "account", "--limit", str(limit), "--json")
        document = told(kept.run(*line))
        assert (len(document["entries"]), document["more"]) == (limit, more)


def test_resolved_entries_are_purged_and_it_is_on_record(kept: Site) -> None:
    """Of all tables, configured or not; what is open stays, and each table has its event."""
    done = kept.run("quarantine", "purge")
    assert done.returncode == 0
    lines = ["old.public.other: 1", "src.public.account: 1", "2 entries purged"]
    assert done.stdout.splitlines() == lines
    assert reasons(kept) == ["failed", "failed", "null_key", "refused"]
    events = kept.events("OPERATOR_QUARANTINE_PURGE")
    assert [(event["table"], event["deleted"]) for event in events] == [
        ("other", 1),
        ("account", 1),
    ]
    assert all(event["user"] and event["entries"] == "resolved" for event in events)
    again = kept.run("quarantine", "purge")
    assert again.stdout == "0 entries purged\n"
    assert kept.events("OPERATOR_QUARANTINE_PURGE") == events


def test_what_is_open_is_purged_where_it_is_asked_for(kept: Site) -> None:
    """Of the tables that are named alone."""
    done = kept.run("quarantine", "purge", "account", "--open")
    assert done.stdout.splitlines() == ["src.public.account: 4", "4 entries purged"]
    assert reasons(kept) == ["refused", "refused"]
    (event,) = kept.events("OPERATOR_QUARANTINE_PURGE")
    assert (event["table"], event["entries"]) == ("account", "open and resolved")


def test_status_tells_of_rows_in_quarantine(kept: Site) -> None:
    """As the last promoted batch left them, with the command that shows which; null before it."""
    kept.target.execute(PROMOTED)
    told_of = {one["name"]: one for one in told(kept.run("status", "--json"))["tables"]}
    assert [told_of[name]["quarantined"] for name in ("account", "other", "fresh")] == [3, 0, None]
    last = told_of["account"]["last_batch"]
    assert (last["status"], last["quarantined"]) == ("failed", None)
    lines = kept.run("status").stdout.splitlines()
    at = lines.index("src.public.account: 3 rows in quarantine")
    assert lines[at + 1] == "  which: `cdc-daemon quarantine show src.public.account`"
    assert sum("in quarantine" in line for line in lines) == 1


def test_a_table_that_is_not_there_changes_nothing(kept: Site) -> None:
    """A slip of the keyboard is told with what was meant, and purges none of the others."""
    before = reasons(kept)
    for action in ("list", "show", "purge"):
        done = kept.run("quarantine", action, "acount")
        assert done.returncode == 2
        assert "did you mean src.public.account?" in done.stderr
    assert kept.run("quarantine", "purge", "account", "nosuch").returncode == 2
    assert kept.run("quarantine", "purge", "other").returncode == 2  # of src, or of old
    assert reasons(kept) == before


def test_before_the_control_tables_are_there(site: Site) -> None:
    """Nothing is written; what to do is told."""
    site.configure("account")
    for action in ("list", "purge"):
        done = site.run("quarantine", action)
        assert done.returncode == 3
        assert "control apply" in done.stderr
