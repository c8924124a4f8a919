"""Law 8 among tables: a bad one stops itself, and none is mistaken for another."""

from __future__ import annotations

from typing import Any

from tests.support.replicas import (
    Replica,
    changing,
    configure,
    laws_hold,
    make_tables,
    mirrored,
    more,
    promoted,
    terminate,
    until,
)
from tests.support.site import Site

TABLES = ("apple", "berry", "cherry", "date")
BAD: dict[str, tuple[str, dict[str, Any], str]] = {
    "missing": ("", {}, "TableNotFound"),
    "keyless": ("CREATE TABLE keyless (v int)", {}, "NoKey"),
    "double": (
        "CREATE TABLE double (v int); INSERT INTO double VALUES (1), (1)",
        {"key": ["v"]},
        "DuplicateKey",
    ),
    "nulls": (
        "CREATE TABLE nulls (v int); INSERT INTO nulls VALUES (NULL)",
        {"key": ["v"]},
        "NullKey",
    ),
    "emptied": (
        "CREATE TABLE emptied (id int PRIMARY KEY); INSERT INTO emptied SELECT generate_series(1, 2000)",
        {},
        "GuardTripped",
    ),
}
"""Tables that fail, each for a reason of its own."""


def test_bad_tables_among_good_ones(site: Site) -> None:
    """A bad table stops itself; the others are captured as if it were not there."""
    make_tables(site.source, TABLES)
    site.source.execute(";".join(sql for sql, *_ in BAD.values() if sql))
    bad = [{"name": name, **keys} for name, (_, keys, _) in BAD.items()]
    configure(site, *bad, *TABLES, lanes={"small": {"workers": 2, "queue_size": 4}})
    with Replica(site) as daemon:
        with changing(site.source, TABLES):
            until(more(site, [*TABLES, "emptied"], 1))
            site.source.execute("DELETE FROM emptied")
            until(lambda: daemon.tables()["emptied"]["held"])
            until(more(site, TABLES, 3))
            until(lambda: _kinds(daemon) == {name: kind for name, (*_, kind) in BAD.items()})
            assert set(promoted(site)) == {*TABLES, "emptied"}
            assert daemon.reasons() == ()
        until(lambda: mirrored(site, TABLES))
        assert daemon.stop().returncode == 0
    laws_hold(site, TABLES)


def _kinds(daemon: Replica) -> dict[str, str]:
    """What each bad table failed of."""
    tables = daemon.tables()
    return {name: (tables[name]["last_batch"] or {}).get("error_kind") for name in BAD}


def test_log_lines_keep_their_context(site: Site) -> None:
    """Of tables that run at once, each line names its own run, table and batch (law 9)."""
    names = [f"t{n}" for n in range(8)]
    make_tables(site.source, names, rows=50)
    site.source.execute(";".join(sql for sql, *_ in BAD.values() if sql))
    bad = [{"name": name, **keys} for name, (_, keys, _) in BAD.items()]
    lanes = {"small": {"workers": 8, "queue_size": 64}}
    configure(site, *names, *bad, lanes=lanes, logging={"level": "DEBUG"})
    with Replica(site) as daemon:
        until(more(site, names, 2), 60)
        terminate(site.source)
        until(more(site, names, 1), 60)
        assert daemon.stop().returncode == 0
        events = daemon.events()
        assert len(events) == len(daemon.lines)
    known = {
        batch: (f"src.public.{table}", run)
        for batch, table, run in site.target.fetch(
            "SELECT batch_id, table_name, run_id FROM cdc.batch"
        )
    }
    runs = {run for _, run in known.values()}
    told: list[int] = []
    for event in events:
        if event["logger"] != "cdc_daemon.batch":
            assert not {"table", "batch_id"} & event.keys(), event
            continue
        assert event["run_id"] in runs
        if "batch_id" in event:
            assert known[event["batch_id"]] == (event["table"], event["run_id"])
            told += [event["batch_id"]] if event["event"] == "batch" else []
    assert sorted(told) == sorted(known)
