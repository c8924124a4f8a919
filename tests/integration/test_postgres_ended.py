"""Sessions that the server has ended, and whose connection does not tell so yet."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing

import asyncpg
import pytest
import pytest_asyncio

from cdc_daemon.databases.postgresql import database as database_module
from cdc_daemon.databases.postgresql.database import PostgresDatabase
from cdc_daemon.databases.postgresql.lock import PostgresLocks
from cdc_daemon.errors import DatabaseUnavailable
from cdc_daemon.model.config import PoolLimits
from cdc_daemon.model.table import TableId
from tests.support.databases import Database
from tests.support.relay import Relay
from tests.support.replicas import terminate
from tests.support.rig import connection

pytestmark = pytest.mark.asyncio

ACCT = TableId("core", "public", "acct")


@pytest.fixture
def relay(source_db: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Relay]:
    """The server's last word comes through; that it hung up does not, and soon nobody waits for it."""
    monkeypatch.setattr(database_module, "END_SECONDS", 0.2)
    with Relay(source_db.host, source_db.port) as relay:
        relay.keeps = True
        yield relay


@pytest_asyncio.fixture
async def database(source_db: Database, relay: Relay) -> AsyncIterator[PostgresDatabase]:
    through = source_db.through(relay.port)
    spec = connection("core", through, connect_timeout_seconds=5, pool=PoolLimits(max=4))
    async with aclosing(PostgresDatabase(spec, lambda: source_db.password)) as database:
        yield database


async def ended(server: Database, relay: Relay) -> None:
    """All sessions are over; the driver has been told, and not that nobody is there any more."""
    before = relay.answered
    assert terminate(server) == 1
    async with asyncio.timeout(20):
        while relay.answered == before:  # noqa: ASYNC110 - what it waits for tells nobody
            await asyncio.sleep(0)
    await asyncio.sleep(0)  # what has come is read now
    await asyncio.sleep(0)


async def works(relay: Relay, database: PostgresDatabase) -> None:
    """All its sessions can be had, and answer."""
    relay.keeps = False
    async with database.session() as one, database.session() as other:
        assert await one.fetch("SELECT 1") == await other.fetch("SELECT 1") == [(1,)]


@pytest.mark.parametrize("watched", [True, False])
async def test_a_lock_is_lost(
    source_db: Database, relay: Relay, database: PostgresDatabase, *, watched: bool
) -> None:
    """Law 2: a session that the server has ended holds no lock, whatever the driver calls it."""
    locks = PostgresLocks(database=database, control_schema="cdc", heartbeat_seconds=0.05)
    async with locks.hold(ACCT) as lock:
        await ended(source_db, relay)
        if watched:
            async with asyncio.timeout(20):
                await lock.lost()
    relay.keeps = False
    async with locks.hold(ACCT):
        pass


async def test_a_session_is_replaced(
    source_db: Database, relay: Relay, database: PostgresDatabase
) -> None:
    """Law 8: who asks in it is told that the database is away; the next has a new session."""
    async with database.session() as session:
        await ended(source_db, relay)
        with pytest.raises(DatabaseUnavailable) as told:
            await session.fetch("SELECT 1")
    assert isinstance(told.value.__cause__, asyncpg.InternalClientError)
    await works(relay, database)


async def test_a_session_that_ended_in_a_transaction(
    source_db: Database, relay: Relay, database: PostgresDatabase
) -> None:
    """What failed in a transaction is told, and not how rolling back fared."""

    async def fail() -> None:
        async with database.transaction():
            await ended(source_db, relay)
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    await works(relay, database)


async def test_rolling_back_where_nothing_is(
    source_db: Database, relay: Relay, database: PostgresDatabase
) -> None:
    """A session that is gone has no transaction: nothing is told of it."""
    async with database.session() as session:
        await session.execute("BEGIN")
        await ended(source_db, relay)
        await session.rolled_back()
    await works(relay, database)


async def test_a_session_that_was_too_old(
    source_db: Database, relay: Relay, database: PostgresDatabase
) -> None:
    """A session beyond its age that has ended is given back like any other."""
    async with database.session() as session:
        session._connection._con.born -= database.spec.pool.max_age_seconds
        await ended(source_db, relay)
    await works(relay, database)
