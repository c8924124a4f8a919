"""Law 2 with several daemons: they share the tables, and none is done twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime

import pytest

from tests.support.replicas import (
    Replica,
    changing,
    configure,
    laws_hold,
    make_tables,
    mirrored,
    more,
    until,
)
from tests.support.site import Site

TABLES = tuple(f"t{n:02}" for n in range(40))
EVERY_SECONDS = 2
STALE_SECONDS = 20.0
"""A table that another process worked on is left alone for ten seconds; the rest is room."""


@contextmanager
def daemons(site: Site, count: int) -> Iterator[tuple[Replica, ...]]:
    """So many daemons on one configuration."""
    with ExitStack() as stack:
        yield tuple(stack.enter_context(Replica(site)) for _ in range(count))


@pytest.fixture
def shared(site: Site) -> Site:
    """Forty tables, for daemons that start with as few workers as may be."""
    make_tables(site.source, TABLES, rows=30)
    configure(
        site,
        *TABLES,
        every=f"{EVERY_SECONDS}s",
        lanes={"small": {"workers": 2, "queue_size": 64}},
    )
    return site


def test_three_daemons_and_one_dies(shared: Site) -> None:
    """Three daemons share forty tables; one is killed; each table stays fresh, none is done twice."""
    with daemons(shared, 3) as (one, *others):
        with changing(shared.source, TABLES):
            until(more(shared, TABLES, 1), 90, "every table is promoted")
            one.kill_now()
            killed = _now(shared)
            until(lambda: _oldest(shared) > killed, 60, "every table is promoted again")
            one.start()  # in its place; it removes what that one landed
            stale = (max(_firsts_after(shared, killed)) - killed).total_seconds()
            until(lambda: len(_shares(shared)) == 4, 60, "the new one has its share")
        until(lambda: mirrored(shared, TABLES), 60)
        assert [daemon.stop().returncode for daemon in (one, *others)] == [0, 0, 0]
    laws_hold(shared, TABLES)
    assert stale < STALE_SECONDS
    assert _overlaps(shared) == []
    assert min(_shares(shared)[1:]) >= 5, _shares(shared)
    assert _early(shared) == []


def _now(site: Site) -> datetime:
    ((now,),) = site.target.fetch("SELECT clock_timestamp()")
    return now


def _oldest(site: Site) -> datetime:
    """When the table was read whose last promoted batch is the oldest."""
    ((oldest,),) = site.target.fetch("SELECT min(read_at) FROM cdc.window_state")
    return oldest


def _firsts_after(site: Site, instant: datetime) -> list[datetime]:
    """When each table was first read for a batch after an instant."""
    rows = site.target.fetch(
        f"SELECT min(read_at) FROM {_PROMOTED} AND read_at > '{instant.isoformat()}' "
        "GROUP BY table_name"
    )
    return [read_at for (read_at,) in rows]


def _overlaps(site: Site) -> list[tuple[object, ...]]:
    """Batches of a table that began to read before the one before was history."""
    return site.target.fetch(f"{_SUCCESSIVE} SELECT * FROM successive WHERE read_at < ended")


def _early(site: Site) -> list[tuple[object, ...]]:
    """Batches of a table that came sooner than the schedule has them."""
    return site.target.fetch(
        f"{_SUCCESSIVE} SELECT * FROM successive "
        f"WHERE read_at < began + interval '{EVERY_SECONDS} s'"
    )


def _shares(site: Site) -> list[int]:
    """Of how many tables each daemon promoted a batch."""
    rows = site.target.fetch(
        f"SELECT count(DISTINCT table_name) FROM {_PROMOTED} GROUP BY run_id ORDER BY 1"
    )
    return [count for (count,) in rows]


_PROMOTED = "cdc.batch WHERE status = 'promoted'"
_SUCCESSIVE = f"""
    WITH successive AS (
        SELECT batch_id, table_name, run_id, read_at, lag(run_id) OVER w AS before,
            lag(read_at) OVER w AS began, lag(finished_at) OVER w AS ended
        FROM {_PROMOTED} WINDOW w AS (PARTITION BY table_name ORDER BY batch_id)
    )
"""
