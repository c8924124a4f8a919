"""Sessions of a database, counted and timed as they are used."""

from __future__ import annotations

import asyncio

import pytest

from cdc_daemon.databases.postgresql.database import PostgresDatabase
from cdc_daemon.errors import DatabaseUnavailable
from cdc_daemon.model.config import ConnectionSpec, PoolLimits


class Told:
    """Remembers what it was told; implements ``ports.statistics.PoolObserver``."""

    def __init__(self):
        self.seconds, self.kinds = [], []

    def acquired(self, seconds):
        self.seconds.append(seconds)

    def failed(self, kind):
        self.kinds.append(kind)


def make_database(server, observer, **other):
    spec = ConnectionSpec(
        name="core",
        engine="postgresql",
        host=other.get("host", server.host),
        port=other.get("port", server.port),
        database=server.name,
        user=server.user,
        pool=PoolLimits(min=1, max=4, acquire_timeout_seconds=other.get("timeout", 10.0)),
    )
    return PostgresDatabase(spec, lambda: server.password, observer)


@pytest.mark.asyncio
async def test_sessions_are_counted_while_they_are_used(source_db):
    """Open, idle, in use and waiting follow what tasks do; every acquire is timed."""
    told = Told()
    database = make_database(source_db, told)
    pooled, reader = database.stats("source")
    assert (pooled.limit, pooled.open, reader.limit, reader.open) == (2, 0, 2, 0)
    async with database.session(), database.session(), database.reader():
        pooled, reader = database.stats("source")
        assert (pooled.kind, pooled.in_use, pooled.idle) == ("pooled", 2, 0)
        assert (reader.kind, reader.in_use, reader.role) == ("reader", 1, "source")
        third = asyncio.create_task(_use(database))
        await asyncio.sleep(0)  # it runs until it waits
        assert database.stats("source")[0].waiting == 1
    await third
    pooled, reader = database.stats("source")
    assert (pooled.waiting, pooled.in_use, pooled.idle, reader.open) == (0, 0, 2, 0)
    assert len(told.seconds) == 4
    assert told.kinds == []
    await database.aclose()
    assert database.stats("source")[0].open == 0


@pytest.mark.asyncio
async def test_sessions_that_are_not_to_be_had_are_counted(source_db):
    """A pool in use up to its limit is an error of its kind, and no acquire; so is a reader's."""
    told = Told()
    database = make_database(source_db, told, timeout=0.05)
    async with database.session(), database.session():
        with pytest.raises(DatabaseUnavailable, match="no free session"):
            await _use(database)
    async with database.reader(), database.reader():
        with pytest.raises(DatabaseUnavailable, match="no free session"):
            async with database.reader():
                pass
    assert told.kinds == ["DatabaseUnavailable"] * 2
    assert len(told.seconds) == 4
    await database.aclose()


@pytest.mark.asyncio
async def test_a_wait_that_is_cancelled_is_neither(source_db):
    """Cancelling a task that waits gives its place back and counts nothing."""
    told = Told()
    database = make_database(source_db, told)
    async with database.session(), database.session():
        waiting = asyncio.create_task(_use(database))
        await asyncio.sleep(0)  # it runs until it waits
        assert database.stats("source")[0].waiting == 1
        waiting.cancel()
        await asyncio.wait({waiting})
    assert database.stats("source")[0].waiting == 0
    assert (len(told.seconds), told.kinds) == (2, [])
    await database.aclose()


async def _use(database):
    async with database.session():
        pass
