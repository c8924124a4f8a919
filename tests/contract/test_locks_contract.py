"""``ports.control.Locks``: one holder a table, across processes (law 2)."""

from __future__ import annotations

import asyncio

import pytest

from cdc_daemon.errors import TableLocked
from cdc_daemon.model.table import TableId
from tests.contract.engines.base import Engine, Specs

pytestmark = pytest.mark.asyncio

SECONDS = 20


@pytest.fixture
def table(specs: Specs) -> TableId:
    """A table of the test's own."""
    return specs.fresh().id


async def test_a_second_holder_is_refused_at_once(engine: Engine, table: TableId) -> None:
    """``TableLocked`` names the table; nobody waits, and the first keeps what it has."""
    async with engine.locks.hold(table):
        for _ in range(2):
            with pytest.raises(TableLocked, match=str(table)):
                async with asyncio.timeout(SECONDS), engine.locks.hold(table):
                    pytest.fail("two holders")


async def test_a_lock_is_free_after_its_holder(engine: Engine, table: TableId) -> None:
    """The end of the block releases the lock, again and again."""
    for _ in range(3):
        async with engine.locks.hold(table):
            pass


async def test_a_lock_is_free_after_an_error(engine: Engine, table: TableId) -> None:
    """A holder that fails, or is cancelled, holds nothing any more."""
    with pytest.raises(LookupError):
        async with engine.locks.hold(table):
            raise LookupError
    holding = asyncio.create_task(_hold_for_ever(engine, table, taken := asyncio.Event()))
    await taken.wait()
    holding.cancel()
    await asyncio.wait({holding})
    async with engine.locks.hold(table):
        pass


async def _hold_for_ever(engine: Engine, table: TableId, taken: asyncio.Event) -> None:
    async with engine.locks.hold(table):
        taken.set()
        await asyncio.Event().wait()


async def test_locks_of_two_tables_are_two_locks(engine: Engine, specs: Specs) -> None:
    """Law 8: a table that is worked on stops no other."""
    async with engine.locks.hold(specs.fresh().id), engine.locks.hold(specs.fresh().id):
        pass


async def test_a_lock_in_hand_is_not_lost(engine: Engine, table: TableId) -> None:
    """``lost`` does not return while the lock is ours."""
    async with engine.locks.hold(table) as lock:
        watching = asyncio.create_task(lock.lost())
        with pytest.raises(TableLocked):  # something else happens meanwhile
            async with engine.locks.hold(table):
                pytest.fail("two holders")
        assert not watching.done()
        watching.cancel()
        await asyncio.wait({watching})


async def test_a_lock_that_is_taken_away_is_noticed(engine: Engine, table: TableId) -> None:
    """Law 2: ``lost`` returns when the lock's connection is gone, however often it is asked."""
    async with engine.locks.hold(table) as lock:
        watching = asyncio.create_task(lock.lost())
        await engine.break_lock(table)
        async with asyncio.timeout(SECONDS):
            await watching
            await lock.lost()


async def test_a_lost_lock_is_free_for_others(engine: Engine, table: TableId) -> None:
    """After the loss and the end of its holder the lock can be taken as if nothing had been."""
    async with engine.locks.hold(table) as lock:
        await engine.break_lock(table)
        async with asyncio.timeout(SECONDS):
            await lock.lost()
    async with engine.locks.hold(table):
        pass


async def test_of_many_at_once_one_gets_the_lock(engine: Engine, table: TableId) -> None:
    """However many ask at the same time, one holds and the others are refused."""
    ready = asyncio.Barrier(8)

    async def attempt() -> bool:
        await ready.wait()
        try:
            async with engine.locks.hold(table):
                await ready.wait()
                return True
        except TableLocked:
            await ready.wait()
            return False

    held = await asyncio.gather(*(attempt() for _ in range(ready.parties)))
    assert sum(held) == 1
