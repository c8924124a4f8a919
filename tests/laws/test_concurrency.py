"""Two daemons on one table at once, on real PostgreSQL, with their locks and without (law 2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from cdc_daemon.control.states import identity
from cdc_daemon.model.run import RunOutcome, Status
from cdc_daemon.model.table import TableId
from tests.laws.daemons import (
    FENCE,
    FIRST_LOAD,
    begun,
    changed,
    daemons,
    filled,
    next_run_is_right,
    written,
)
from tests.support.databases import Database
from tests.support.proxy import Proxy
from tests.support.rig import Rig

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


def unlocked(rig: Rig) -> Rig:
    """The same daemon, its locks bypassed."""
    rig.app = replace(rig.app, runner=replace(rig.app.runner, locks=NoLocks()))
    return rig


@FIRST_LOAD
async def test_a_table_that_is_worked_on_is_skipped(
    source_db: Database, target_db: Database, target_proxy: Proxy, *, loaded: bool
) -> None:
    """Law 2: the second daemon says ``TableLocked`` at once and leaves the first to its work."""
    via = target_db.through(target_proxy.port)
    async with daemons(source_db, target_db, via, None) as (first, second):
        await begun(second, loaded=loaded)
        hold = target_proxy.hold(FENCE)
        running = asyncio.create_task(first.run())
        await hold.reached()
        outcome = await second.run()
        assert (outcome.status, outcome.error_kind) == (Status.SKIPPED, "TableLocked")
        assert not outcome.held
        hold.release()
        assert (await running).status is Status.SUCCEEDED
        await next_run_is_right(second)


async def test_daemons_that_start_together_share_the_work(
    source_db: Database, target_db: Database
) -> None:
    """Law 2: whoever gets the lock promotes, the others are skipped, round after round."""
    async with daemons(source_db, target_db, None, None, None) as rigs:
        await filled(rigs[0])
        for _ in range(3):
            outcomes = await asyncio.gather(*(rig.run() for rig in rigs))
            _agree(outcomes, {"TableLocked", "LostRace"})
            await next_run_is_right(rigs[0])
            await changed(rigs[0])


@FIRST_LOAD
async def test_without_locks_one_promotes_and_the_other_loses(
    source_db: Database, target_db: Database, target_proxy: Proxy, *, loaded: bool
) -> None:
    """Law 2: the epoch is the proof: a whole batch of another between compare and promote."""
    via = target_db.through(target_proxy.port)
    async with daemons(source_db, target_db, via, None) as (slow, fast):
        await begun(fast, loaded=loaded)
        # the fence of a first load comes last; its first statement is the table's
        hold = target_proxy.hold(FENCE if loaded else 'CREATE TABLE "bronze"')
        running = asyncio.create_task(unlocked(slow).run())
        await hold.reached()
        assert (await unlocked(fast).run()).status is Status.SUCCEEDED
        before = await written(fast)
        hold.release()
        outcome = await running
        assert (outcome.status, outcome.error_kind, outcome.held) == (
            Status.SKIPPED,
            "LostRace",
            False,
        )
        assert await written(fast) == before
        await next_run_is_right(slow)


async def test_without_locks_many_at_once_keep_the_laws(
    source_db: Database, target_db: Database
) -> None:
    """Laws 2 to 5: first loads and changes of three daemons at once, with nothing but the fence."""
    async with daemons(source_db, target_db, None, None, None) as rigs:
        await filled(rigs[0], 200)
        for _ in range(3):
            outcomes = await asyncio.gather(*(unlocked(rig).run() for rig in rigs))
            _agree(outcomes, {"LostRace"})
            await next_run_is_right(rigs[0])
            await changed(rigs[0])


def _agree(outcomes: list[RunOutcome], excuses: set[str]) -> None:
    """Somebody succeeded, and everybody else was skipped for one of these reasons."""
    others = [o for o in outcomes if o.status is not Status.SUCCEEDED]
    assert len(others) < len(outcomes)
    assert {o.status for o in others} <= {Status.SKIPPED}, others
    assert {o.error_kind for o in others} <= excuses


@FIRST_LOAD
async def test_an_epoch_raised_between_compare_and_promote(
    source_db: Database, target_db: Database, target_proxy: Proxy, *, loaded: bool
) -> None:
    """Law 2: whoever raised the epoch, the batch is rolled back, skipped, and nothing is held."""
    via = target_db.through(target_proxy.port)
    async with daemons(source_db, target_db, via) as (rig,):
        await begun(rig, loaded=loaded)
        before = await written(rig)
        hold = target_proxy.hold(FENCE)
        running = asyncio.create_task(rig.run())
        await hold.reached()
        await rig.target.execute(
            "UPDATE cdc.table_state SET epoch = epoch + 1 "
            "WHERE source = $1 AND schema_name = $2 AND table_name = $3",
            *identity(rig.spec().id),
        )
        hold.release()
        outcome = await running
        assert (outcome.status, outcome.error_kind, outcome.held) == (
            Status.SKIPPED,
            "LostRace",
            False,
        )
        assert await written(rig) == before
        await next_run_is_right(rig)
