"""Locks in SQL Server: one holder at a time, freed with the connection, and missed when lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest
import pytest_asyncio

from cdc_daemon.databases.sqlserver.database import SqlServerDatabase
from cdc_daemon.databases.sqlserver.lock import SqlServerLocks, lock_name
from cdc_daemon.databases.sqlserver.wire import Wire
from cdc_daemon.errors import TableLocked
from cdc_daemon.model.table import TableId
from tests.support.relay import Relay
from tests.support.sqlserver import SqlServer, opened

pytestmark = [pytest.mark.sqlserver, pytest.mark.asyncio]

ACCT, OTHER = TableId("core", "dbo", "ACCT"), TableId("core", "dbo", "OTHER")


@pytest_asyncio.fixture
async def database(sqlserver: SqlServer) -> AsyncIterator[SqlServerDatabase]:
    database = opened(sqlserver)
    yield database
    await database.aclose()


def locks(database: SqlServerDatabase) -> SqlServerLocks:
    return SqlServerLocks(database=database, control_schema="cdc", heartbeat_seconds=0.2)


async def test_a_lock_has_one_holder(database: SqlServerDatabase) -> None:
    """Law 2: a second process is told at once; other tables are free; the end frees it."""
    ours, theirs = locks(database), locks(database)
    async with ours.hold(ACCT):
        with pytest.raises(TableLocked, match=r"core\.dbo\.ACCT"):
            async with theirs.hold(ACCT):
                pass
        async with theirs.hold(OTHER):
            pass
    async with theirs.hold(ACCT):
        pass


async def test_a_lock_is_freed_by_an_error(database: SqlServerDatabase) -> None:
    """However the block ends, nobody has the lock afterwards."""
    with pytest.raises(KeyError):
        async with locks(database).hold(ACCT):
            raise KeyError
    held = asyncio.Event()
    task = asyncio.ensure_future(_hold(database, held))
    await held.wait()
    assert await _is_locked(database)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not await _is_locked(database)


async def _hold(database: SqlServerDatabase, held: asyncio.Event) -> None:
    async with locks(database).hold(ACCT):
        held.set()
        await asyncio.Event().wait()


async def _is_locked(database: SqlServerDatabase) -> bool:
    try:
        async with locks(database).hold(ACCT):
            return False
    except TableLocked:
        return True


@pytest.mark.parametrize("harm", ["cut", "fall_silent"])
async def test_a_lock_that_is_lost(sqlserver: SqlServer, relay: Relay, harm: str) -> None:
    """A connection that is cut, or that nothing comes from, is noticed by the heartbeat."""
    database = opened(sqlserver.through(relay.port), connect_timeout_seconds=1)
    try:
        async with replace(locks(database), answer_seconds=0.2).hold(ACCT) as lock:
            lost = asyncio.ensure_future(lock.lost())
            getattr(relay, harm)()
            async with asyncio.timeout(20):
                await lost
    finally:
        relay.heal()
        await database.aclose()


async def test_a_lock_whose_server_is_slow(sqlserver: SqlServer, relay: Relay) -> None:
    """An answer that comes late is no lost lock: it may take longer than from one to the next."""
    database = opened(sqlserver.through(relay.port))
    async with locks(database).hold(ACCT) as lock:
        relay.mute()
        lost = asyncio.ensure_future(lock.lost())
        before = relay.passed
        async with asyncio.timeout(20):
            while relay.passed == before:  # noqa: ASYNC110 - what it waits for tells nobody
                await asyncio.sleep(0)
        await asyncio.wait({lost}, timeout=3 * lock.heartbeat_seconds)
        assert not lost.done()
        relay.heal()
        lost.cancel()
    await database.aclose()


async def test_a_lock_that_is_kept(database: SqlServerDatabase) -> None:
    """As long as the connection lives, heartbeats do not end the wait."""
    async with locks(database).hold(ACCT) as lock:
        heard = Heard(lock.wire)
        lost = asyncio.ensure_future(replace(lock, wire=heard).lost())
        answered = asyncio.ensure_future(heard.twice.wait())
        done, _ = await asyncio.wait({lost, answered}, return_when=asyncio.FIRST_COMPLETED)
        assert done == {answered}
        lost.cancel()


@dataclass
class Heard:
    """A lock's connection, with what it has answered."""

    wire: Wire
    answers: int = 0
    twice: asyncio.Event = field(default_factory=asyncio.Event)

    async def fetch(self, sql: str) -> object:
        found = await self.wire.fetch(sql)
        self.answers += 1
        if self.answers == 2:
            self.twice.set()
        return found


async def test_names_of_locks() -> None:
    """Any names make a name the server takes; tables and control schemas do not share one."""
    names = {
        lock_name("cdc", ACCT),
        lock_name("cdc", OTHER),
        lock_name("cdc2", ACCT),
        lock_name("cdc", TableId("core", "dbo", "acct")),
        lock_name("cdc", TableId("core", "d'bo", "x" * 500)),
    }
    assert len(names) == 5
    assert all(len(name) <= 255 and "'" not in name for name in names)
