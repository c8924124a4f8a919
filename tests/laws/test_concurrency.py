"""Two daemons on one table at once, on real databases, with their locks and without (law 2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from cdc_daemon.model.run import RunOutcome, Status
from cdc_daemon.model.table import TableId
from tests.laws.daemons import (
    FENCE,
    FIRST_LOAD,
    Daemon,
    begun,
    changed,
    daemons,
    filled,
    next_run_is_right,
    says,
    written,
)
from tests.laws.places import Place

pytestmark = pytest.mark.asyncio


class NoLock:
    """Implements ``HeldLock``: it is never lost."""

    async def lost(self) -> None:
        await asyncio.Event().wait()


@dataclass(frozen=True, slots=True)
class NoLocks:
    """Implements ``Locks``: everybody holds everything, and the epoch is the only proof left."""

    @asynccontextmanager
    async def hold(self, table: TableId) -> AsyncIterator[NoLock]:
        yield NoLock()


def unlocked(daemon: Daemon) -> Daemon:
    """The same daemon, its locks bypassed."""
    daemon.app = replace(daemon.app, runner=replace(daemon.app.runner, locks=NoLocks()))
    return daemon


@FIRST_LOAD
async def test_a_table_that_is_worked_on_is_skipped(place: Place, *, loaded: bool) -> None:
    """Law 2: the second daemon says ``TableLocked`` at once and leaves the first to its work."""
    async with daemons(place, place.via, None) as (first, second):
        await begun(second, loaded=loaded)
        hold = place.harm.hold(FENCE)
        running = asyncio.create_task(first.run())
        await hold.reached()
        outcome = await second.run()
        assert (outcome.status, outcome.error_kind) == (Status.SKIPPED, "TableLocked")
        assert not outcome.held
        hold.release()
        assert (await running).status is Status.SUCCEEDED
        await next_run_is_right(second)


async def test_daemons_that_start_together_share_the_work(place: Place) -> None:
    """Law 2: whoever gets the lock promotes, the others are skipped, round after round."""
    async with daemons(place, None, None, None) as all_of_them:
        await filled(place)
        for _ in range(3):
            outcomes = await asyncio.gather(*(daemon.run() for daemon in all_of_them))
            _agree(outcomes, {"TableLocked", "LostRace"})
            await next_run_is_right(all_of_them[0])
            await changed(place)


@FIRST_LOAD
async def test_without_locks_one_promotes_and_the_other_loses(
    place: Place, *, loaded: bool
) -> None:
    """Law 2: the epoch is the proof: a whole batch of another between compare and promote."""
    async with daemons(place, place.via, None) as (slow, fast):
        await begun(fast, loaded=loaded)
        # the fence of a first load comes last; its first statement is the table's
        hold = place.harm.hold(FENCE if loaded else says('CREATE TABLE "bronze"'))
        running = asyncio.create_task(unlocked(slow).run())
        await hold.reached()
        assert (await unlocked(fast).run()).status is Status.SUCCEEDED
        before = await written(place)
        hold.release()
        outcome = await running
        assert (outcome.status, outcome.error_kind, outcome.held) == (
            Status.SKIPPED,
            "LostRace",
            False,
        )
        assert await written(place) == before
        await next_run_is_right(slow)


async def test_without_locks_many_at_once_keep_the_laws(place: Place) -> None:
    """Laws 2 to 5: first loads and changes of three daemons at once, with nothing but the fence."""
    async with daemons(place, None, None, None) as all_of_them:
        await filled(place, 200)
        for _ in range(3):
            outcomes = await asyncio.gather(*(unlocked(daemon).run() for daemon in all_of_them))
            _agree(outcomes, {"LostRace"})
            await next_run_is_right(all_of_them[0])
            await changed(place)


def _agree(outcomes: list[RunOutcome], excuses: set[str]) -> None:
    """Somebody succeeded, and everybody else was skipped for one of these reasons."""
    others = [o for o in outcomes if o.status is not Status.SUCCEEDED]
    assert len(others) < len(outcomes)
    assert {o.status for o in others} <= {Status.SKIPPED}, [(o.error_kind, o.error) for o in others]
    assert {o.error_kind for o in others} <= excuses


@FIRST_LOAD
async def test_an_epoch_raised_between_compare_and_promote(place: Place, *, loaded: bool) -> None:
    """Law 2: whoever raised the epoch, the batch is rolled back, skipped, and nothing is held."""
    async with daemons(place, place.via) as (daemon,):
        await begun(daemon, loaded=loaded)
        before = await written(place)
        hold = place.harm.hold(FENCE)
        running = asyncio.create_task(daemon.run())
        await hold.reached()
        await place.target.execute("UPDATE cdc.table_state SET epoch = epoch + 1")
        hold.release()
        outcome = await running
        assert (outcome.status, outcome.error_kind, outcome.held) == (
            Status.SKIPPED,
            "LostRace",
            False,
        )
        assert await written(place) == before
        await next_run_is_right(daemon)
