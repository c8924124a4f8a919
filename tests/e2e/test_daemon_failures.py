"""Law 8: what fails under a running daemon fails tables, and only those that need it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from cdc_daemon.databases.postgresql.embedded import EmbeddedPostgres
from tests.support.databases import Database, Databases
from tests.support.proxy import Proxy
from tests.support.replicas import (
    Replica,
    changing,
    configure,
    laws_hold,
    make_tables,
    mirrored,
    more,
    terminate,
    until,
)
from tests.support.site import Site

TABLES = ("apple", "berry", "cherry", "date")
UNREACHED = ("the control schema has not been reached yet",)
SILENT = ("the target does not answer",)
End = Callable[[EmbeddedPostgres], None]
ENDS = pytest.mark.parametrize(
    "end",
    [EmbeddedPostgres.kill, pytest.param(EmbeddedPostgres.halt, marks=pytest.mark.long)],
    ids=["killed", "halted"],
)


@pytest.fixture
def far(private_postgres: EmbeddedPostgres) -> Database:
    """A database on a server that may fail."""
    return Databases(private_postgres).create()


def fresh(site: Site, daemon: Replica) -> None:
    """Every table is captured again, by itself, and the daemon says so."""
    until(more(site, TABLES, 1), 40, "every table is promoted again")
    assert daemon.reasons() == ()
    assert daemon.returncode is None


def settles(site: Site, daemon: Replica) -> None:
    """What no longer changes is mirrored; then the daemon stops in good order."""
    until(lambda: mirrored(site, TABLES), what="bronze is what the source holds")
    until(lambda: not any(table["failures"] for table in daemon.tables().values()))
    done = daemon.stop()
    assert done.returncode == 0, done.stdout[-2000:]
    laws_hold(site, TABLES)


def test_target_goes_and_comes_back(
    far: Database, private_postgres: EmbeddedPostgres, source_db: Database, tmp_path: Path
) -> None:
    """Without its target the daemon waits, unready where it never had it; then all goes on."""
    site = Site(source_db, far, tmp_path)
    make_tables(source_db, TABLES)
    configure(site, *TABLES)
    private_postgres.kill()
    with Replica(site) as daemon:
        with changing(source_db, TABLES):
            daemon.wait_event(event="target does not answer")
            assert daemon.reasons() == UNREACHED
            private_postgres.start()
            fresh(site, daemon)
            for end in (private_postgres.kill, private_postgres.halt):
                before = daemon.lines
                end()
                until(lambda before=before: _says(daemon, before, "target does not answer"))
                assert daemon.get("/healthz")[0] == 200
                assert set(daemon.tables()) == set(TABLES)
                private_postgres.start()
                fresh(site, daemon)
        settles(site, daemon)


def _says(daemon: Replica, before: tuple[str, ...], event: str) -> bool:
    return any(event in line for line in daemon.lines[len(before) :])


@pytest.mark.long
def test_target_stays_away(
    far: Database, private_postgres: EmbeddedPostgres, source_db: Database, tmp_path: Path
) -> None:
    """A target that is gone for long makes the daemon unready, and nothing worse."""
    site = Site(source_db, far, tmp_path)
    make_tables(source_db, TABLES)
    configure(site, *TABLES)
    with Replica(site) as daemon:
        until(more(site, TABLES, 1))
        private_postgres.halt()
        until(lambda: daemon.reasons() == SILENT, 60)
        assert daemon.get("/healthz")[0] == 200
        private_postgres.start()
        until(lambda: daemon.reasons() == (), 60)
        fresh(site, daemon)
        settles(site, daemon)


@ENDS
def test_source_goes_and_comes_back(
    end: End,
    far: Database,
    private_postgres: EmbeddedPostgres,
    source_db: Database,
    target_db: Database,
    tmp_path: Path,
) -> None:
    """A source that is down fails its own tables, ever more seldom; those of another go on."""
    site = Site(far, target_db, tmp_path)
    make_tables(far, TABLES)
    make_tables(source_db, ["elsewhere"])
    configure(site, *TABLES)
    _add_source(site, "other", source_db, "elsewhere")
    with Replica(site) as daemon:
        with changing(far, TABLES):
            until(more(site, [*TABLES, "elsewhere"], 1))
            end(private_postgres)
            until(lambda: all(_failures(daemon, name) >= 3 for name in TABLES), what="failures")
            until(more(site, ["elsewhere"], 2), what="the other source's table goes on")
            assert daemon.reasons() == ()
            for name in TABLES:
                _backs_off(site, name)
            private_postgres.start()
            fresh(site, daemon)
        settles(site, daemon)


def _add_source(site: Site, name: str, database: Database, table: str) -> None:
    document = json.loads(site.path.read_text())
    document["connections"][name] = {
        **document["connections"]["src"],
        "port": database.port,
        "database": database.name,
        "password": database.password,
    }
    document["tables"].append({"source": name, "schema": "public", "name": table})
    site.path.write_text(json.dumps(document))


def _failures(daemon: Replica, name: str) -> int:
    return int(daemon.tables()[name]["failures"])


def _backs_off(site: Site, name: str) -> None:
    """The waits between failures double from a second on."""
    rows = site.target.fetch(
        "SELECT extract(epoch FROM recorded_at - seconds * interval '1 s' "
        "- lag(recorded_at) OVER (ORDER BY event_id))::float, error_kind FROM cdc.pipeline_event "
        f"WHERE kind = 'TABLE_TOTAL' AND status = 'failed' AND table_name = '{name}' "
        "ORDER BY event_id"
    )
    assert {kind for _, kind in rows} == {"DatabaseUnavailable"}
    waits = [wait for wait, _ in rows[1:]]
    assert all(wait > 0.9 * min(4, 2**n) for n, wait in enumerate(waits)), waits


def test_connections_break(site: Site, source_proxy: Proxy, target_proxy: Proxy) -> None:
    """Connections that servers end, or that the network breaks, cost their batches, no more."""
    make_tables(site.source, TABLES)
    configure(
        site,
        *TABLES,
        source_via=site.source.through(source_proxy.port),
        target_via=site.target.through(target_proxy.port),
    )
    with Replica(site) as daemon:
        with changing(site.source, TABLES):
            until(more(site, TABLES, 1))
            for n in range(4):
                until(more(site, TABLES[:1], 1))
                (source_proxy, target_proxy)[n % 2].cut_all(reset=n > 1)
                until(more(site, TABLES[:1], 1))
                assert terminate(site.source) + terminate(site.target) > 0
            source_proxy.refuse()
            source_proxy.cut_all()
            until(lambda: all(_failures(daemon, name) for name in TABLES))
            source_proxy.heal()
            fresh(site, daemon)
        settles(site, daemon)
