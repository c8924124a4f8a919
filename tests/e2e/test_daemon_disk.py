"""Laws 7 and 8 where the landing disk fills up under a running daemon."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from tests.support.disks import free_files, limit_files, small_disk
from tests.support.replicas import (
    Replica,
    changing,
    configure,
    landing_folder,
    laws_hold,
    make_tables,
    mirrored,
    more,
    promoted,
    until,
)
from tests.support.site import Site

SMALL = ("apple", "berry", "cherry")
BIG = """
    CREATE TABLE big (id int PRIMARY KEY, quantity int, note text);
    INSERT INTO big SELECT g, g, repeat(md5(g::text), 8) FROM generate_series(1, 100000) AS g;
"""
"""25 MB, where the disk holds 5 MB, or a file 1 MB."""
FAILURES = 2
NO_SPACE, TOO_LARGE = "No space left on device", "File too large"
Watched = tuple[Replica, Callable[[], None], str]


@contextmanager
def on_a_small_disk(site: Site) -> Iterator[Watched]:
    """A daemon whose landing folder lies on a small disk, or where none may be mounted, as below."""
    with small_disk(landing_folder(site)) as disk:
        if disk.holds:
            with Replica(site) as daemon:
                yield daemon, disk.grow, NO_SPACE
        else:
            with with_small_files(site) as watched:
                yield watched


@contextmanager
def with_small_files(site: Site) -> Iterator[Watched]:
    """A daemon whose files cannot grow, what lets them, and what the system says of it."""
    with Replica(site) as daemon:
        limit_files(daemon.listens().pid)
        yield daemon, lambda: free_files(daemon.pid), TOO_LARGE


@pytest.mark.parametrize("watched", [on_a_small_disk, with_small_files])
def test_a_table_that_fills_the_disk_waits_for_room(
    watched: Callable[[Site], AbstractContextManager[Watched]], site: Site
) -> None:
    """It fails by name, with backoff, and writes nothing; small tables go on; with room it is done."""
    make_tables(site.source, SMALL)
    site.source.execute(BIG)
    configure(site, "big")
    assert site.run("once").returncode == 0  # a first load needs no room
    site.source.execute("UPDATE big SET quantity = -1 WHERE id % 5 = 0")
    configure(site, *SMALL)
    with watched(site) as (daemon, make_room, reason):
        with changing(site.source, SMALL):
            until(more(site, SMALL, 1))
            configure(site, *SMALL, {"name": "big", "lane": "large"})
            daemon.signal(signal.SIGHUP)
            until(lambda: daemon.tables().get("big", {}).get("failures", 0) >= FAILURES)
            _is_told(daemon, reason)
            until(more(site, SMALL, 2), what="small tables go on")
            _nothing_is_half_done(site)
            make_room()
            until(lambda: promoted(site)["big"] > 1, what="there is room again")
            until(lambda: daemon.tables()["big"]["state"] == "active")
        until(lambda: mirrored(site, [*SMALL, "big"]))
        assert daemon.stop().returncode == 0
        laws_hold(site, [*SMALL, "big"])
    _backed_off(site)


def _is_told(daemon: Replica, reason: str) -> None:
    """On the status page: what failed, and what helps; the daemon itself is as ready as before."""
    until(lambda: daemon.tables()["big"]["state"] == "failing", what="it waits, and is not held")
    last: dict[str, Any] = daemon.tables()["big"]["last_batch"]
    assert last["error_kind"] == "LandingFailed"
    assert last["error"].startswith("landing files in ")
    assert last["error"].endswith(reason)
    assert "`runtime.landing_dir`" in last["remedy"]
    assert daemon.reasons() == ()


def _nothing_is_half_done(site: Site) -> None:
    """Between two attempts neither the target nor the disk has anything of the table."""
    closed = "SELECT count(*) FROM bronze.src_big WHERE _valid_to IS NOT NULL"
    assert site.target.fetch(closed) == [(0,)]
    assert site.target.fetch("SELECT count(*) FROM stage.src_big") == [(0,)]
    state = "SELECT epoch FROM cdc.table_state WHERE table_name = 'big'"
    assert site.target.fetch(state) == [(1,)]
    until(lambda: not list(landing_folder(site).glob("*/*/")), what="no file is left over")


def _backed_off(site: Site) -> None:
    """Its attempts lie a second, two, and so on apart, at least; then one batch is history."""
    rows = site.target.fetch(
        "SELECT status, extract(epoch FROM read_at - lag(finished_at) OVER (ORDER BY batch_id))::float "
        "FROM cdc.batch WHERE table_name = 'big' ORDER BY batch_id"
    )
    assert rows.pop(0)[0] == "promoted"  # the first load
    failed = [wait for status, wait in rows if status == "failed"]
    assert len(failed) >= FAILURES
    assert {status for status, _ in rows[: len(failed)]} == {"failed"}
    assert rows[len(failed)][0] == "promoted"
    waits = [wait for _, wait in rows[1 : len(failed) + 1]]
    assert all(wait >= 0.9 * min(4, 2**n) for n, wait in enumerate(waits)), waits
