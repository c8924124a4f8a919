"""Law 7: a daemon that is killed, however often, is only started again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from tests.support.replicas import (
    Replica,
    changing,
    configure,
    landing_folder,
    laws_hold,
    make_tables,
    mirrored,
    more,
    until,
)
from tests.support.site import Site

TABLES = tuple(f"t{n}" for n in range(8))
LANES = {"small": {"workers": 4, "queue_size": 64}}
SECONDS = 0.7
"""What a daemon gets at most, once it listens or has begun a batch, before it is killed."""


@pytest.mark.parametrize("kills", [10, pytest.param(200, marks=pytest.mark.long)])
def test_kills_at_any_time(kills: int, site: Site) -> None:
    """Killed many times in a row at random, it is right in the end without anybody's help."""
    dice = random.Random(kills)
    make_tables(site.source, TABLES)
    configure(site, *TABLES, lanes=LANES)
    with changing(site.source, TABLES), Replica(site) as daemon:
        daemon.listens()
        for n in range(kills):
            if n % 2:  # in the midst of work, however long a slow machine takes to come to it
                until(_begun(site), what="a batch has begun")
            _killed(daemon, dice.uniform(0, SECONDS))
            # the next one comes up while the server still rolls back the dead one's work
            daemon.start().listens()
        until(more(site, TABLES, 1), what="every table is captured again")
        assert daemon.stop().returncode == 0
    _nothing_was_done_by_hand(site)
    with Replica(site) as daemon:
        until(lambda: mirrored(site, TABLES))
        assert daemon.stop().returncode == 0
    laws_hold(site, TABLES)
    assert _killed_midway(site) > 0


def _begun(site: Site) -> Callable[[], bool]:
    """Whether a batch began since."""

    def last() -> int:
        ((found,),) = site.target.fetch("SELECT coalesce(max(batch_id), 0) FROM cdc.batch")
        return int(found)

    before = last()
    return lambda: last() > before


def _killed(daemon: Replica, seconds: float) -> None:
    """Kills it so long after; it does not end before."""
    began = time.monotonic()
    with suppress(TimeoutError):
        until(lambda: daemon.returncode is not None, seconds)
    assert daemon.returncode is None, daemon.lines[-20:]
    assert time.monotonic() - began >= seconds
    daemon.kill_now()


def _nothing_was_done_by_hand(site: Site) -> None:
    """Nothing waits for an operator, and nothing is left on disk once one has stopped cleanly."""
    wanting = site.target.fetch(
        "SELECT table_name FROM cdc.table_state WHERE held_reason IS NOT NULL OR paused"
    )
    assert wanting == []
    assert list(landing_folder(site).iterdir()) == []


def _killed_midway(site: Site) -> int:
    """Batches that a dead daemon left running, which a later one closed."""
    ((found,),) = site.target.fetch("SELECT count(*) FROM cdc.batch WHERE status = 'abandoned'")
    return int(found)
