"""SQL Server sessions: never more than configured, none that died, and no stop that waits."""

from __future__ import annotations

import asyncio

import pytest

from cdc_daemon.databases.sqlserver.database import SqlServerDatabase
from cdc_daemon.errors import AccessDenied, DatabaseUnavailable
from cdc_daemon.model.config import PoolLimits, SqlServerSpec, TlsSpec
from tests.support.relay import Relay
from tests.support.sqlserver import SqlServer, connection, opened

pytestmark = [pytest.mark.sqlserver, pytest.mark.asyncio]


def open_and_idle(database: SqlServerDatabase) -> tuple[int, int]:
    pooled = database.stats("source")[0]
    return pooled.open, pooled.idle


async def ask(database: SqlServerDatabase) -> int:
    async with database.session() as session:
        return (await session.fetch("SELECT 7"))[0][0]


async def test_never_more_sessions_than_configured(sqlserver: SqlServer) -> None:
    """Many at once keep within the limit, and use the same connections again."""
    database = opened(sqlserver, pool=PoolLimits(max=4))
    assert await asyncio.gather(*(ask(database) for _ in range(20))) == [7] * 20
    assert open_and_idle(database) == (2, 2)
    assert database.stats("target")[0].limit == 2
    await database.aclose()
    assert open_and_idle(database) == (0, 0)


async def test_waiting_for_a_session_is_bounded(sqlserver: SqlServer) -> None:
    """Where none comes free within the timeout, the error names the knob."""
    database = opened(sqlserver, pool=PoolLimits(max=2, acquire_timeout_seconds=0.2))
    message = "connection core: no free session within 0.2 s"
    try:
        async with database.session():
            with pytest.raises(DatabaseUnavailable, match=message) as told:
                await ask(database)
            assert "pool.max" in told.value.remedy
        async with database.reader():
            with pytest.raises(DatabaseUnavailable, match=message):
                async with database.reader():
                    pass
        assert await ask(database) == 7
    finally:
        await database.aclose()


async def test_idle_sessions_are_closed(sqlserver: SqlServer) -> None:
    """After ``idle_seconds`` no session but ``min`` is left."""
    for least in (0, 1):
        limits = PoolLimits(min=least, max=4, idle_seconds=0.1)
        database = opened(sqlserver, pool=limits)
        await asyncio.gather(*(ask(database) for _ in range(4)))
        async with asyncio.timeout(20):
            while open_and_idle(database)[0] > least:  # noqa: ASYNC110 - what it waits for tells nobody
                await asyncio.sleep(0)
        assert await ask(database) == 7
        await database.aclose()


async def test_old_sessions_are_replaced(sqlserver: SqlServer) -> None:
    """A session past ``max_age_seconds`` is closed when it comes back, not kept."""
    database = opened(sqlserver, pool=PoolLimits(max_age_seconds=0))
    assert await ask(database) == 7
    assert open_and_idle(database) == (0, 0)
    await database.aclose()


async def test_a_session_that_died_while_idle(sqlserver: SqlServer, relay: Relay) -> None:
    """It is asked before it is given out again, and replaced."""
    database = opened(sqlserver.through(relay.port))
    try:
        assert await ask(database) == 7
        for wire in database._pool._idle:
            wire.used -= 60
        relay.cut()
        assert await ask(database) == 7
    finally:
        await database.aclose()


async def test_a_server_that_is_away(sqlserver: SqlServer, relay: Relay) -> None:
    """A refused connection is told as such, takes no place, and is not remembered."""
    database = opened(
        sqlserver.through(relay.port), pool=PoolLimits(max=2), connect_timeout_seconds=1
    )
    relay.refuse()
    for _ in range(3):
        with pytest.raises(DatabaseUnavailable, match="connecting") as told:
            await ask(database)
        assert "pool.max" not in told.value.remedy
    await database.aclose()


async def read(database: SqlServerDatabase) -> None:
    async with database.reader() as reader:
        await reader.query("SELECT 1 AS n")


async def test_a_wrong_password(sqlserver: SqlServer) -> None:
    """A refused login needs a person; it names neither password nor server text (law 9)."""
    spec = connection("core", sqlserver)
    database = SqlServerDatabase(spec, lambda: "wrong-$ecret}")
    for asking in (ask(database), read(database)):
        with pytest.raises(AccessDenied) as told:
            await asking
        assert "ecret" not in f"{told.value} {told.value.remedy} {database!r}"
    await database.aclose()


async def test_a_certificate_nobody_vouches_for(sqlserver: SqlServer) -> None:
    """Microsoft's drivers: ``verify-full`` refuses it, and the remedy names the setting;
    ``require`` takes it.
    """
    strict = opened(sqlserver, SqlServerSpec(), tls=TlsSpec(mode="verify-full"))
    for asking in (ask(strict), read(strict)):
        with pytest.raises(DatabaseUnavailable) as told:
            await asking
        assert "tls.mode" in told.value.remedy
    await strict.aclose()
    lenient = opened(sqlserver, SqlServerSpec(), tls=TlsSpec(mode="require"))
    assert await ask(lenient) == 7
    await lenient.aclose()
