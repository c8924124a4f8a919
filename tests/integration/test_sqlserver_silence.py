"""A SQL Server that falls silent: nobody waits long, and no process is kept from its end."""

from __future__ import annotations

import asyncio
import time

import pytest

from cdc_daemon.databases.sqlserver.database import SqlServerDatabase
from cdc_daemon.errors import DatabaseUnavailable
from cdc_daemon.model.config import PoolLimits
from tests.support.relay import Relay
from tests.support.sqlserver import WAITING, SqlServer, in_process, numbers, opened, waits

pytestmark = [pytest.mark.sqlserver, pytest.mark.asyncio]


async def ask(database: SqlServerDatabase) -> int:
    async with database.session() as session:
        return (await session.fetch("SELECT 7"))[0][0]


async def read(database: SqlServerDatabase) -> None:
    async with database.reader() as reader:
        await reader.query("SELECT 1 AS n")


async def test_a_server_that_does_not_answer(sqlserver: SqlServer, relay: Relay) -> None:
    """A login that nobody answers ends within the timeout; the loop goes on meanwhile."""
    database = opened(sqlserver.through(relay.port), connect_timeout_seconds=1)
    relay.fall_silent()
    began = time.monotonic()
    for asking in (ask(database), read(database)):
        with pytest.raises(DatabaseUnavailable, match="connecting"):
            await asking
    assert time.monotonic() - began < 15
    relay.heal()
    assert await ask(database) == 7
    await database.aclose()


async def test_cancelled_in_a_silent_network(sqlserver: SqlServer, relay: Relay) -> None:
    """Nobody waits long for a connection that says nothing; its place is free again."""
    limits = PoolLimits(max=2, acquire_timeout_seconds=1)
    database = opened(sqlserver.through(relay.port), pool=limits, connect_timeout_seconds=1)
    try:
        for doing in (stuck_session, stuck_reader):
            task = await doing(database, relay)
            began = time.monotonic()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert time.monotonic() - began < 20
            relay.heal()
            assert await ask(database) == 7
            await read(database)
    finally:
        relay.heal()
        await database.aclose()


async def stuck_session(database: SqlServerDatabase, relay: Relay) -> asyncio.Task[object]:
    async def work(ready: asyncio.Future[int]) -> None:
        async with database.session() as session:
            ready.set_result(relay.passed)
            await session.execute(WAITING)

    return await _stuck(work, relay)


async def stuck_reader(database: SqlServerDatabase, relay: Relay) -> asyncio.Task[object]:
    async def work(ready: asyncio.Future[int]) -> None:
        async with database.reader() as reader:
            ready.set_result(relay.passed)
            await reader.execute(WAITING)

    return await _stuck(work, relay)


async def _stuck(work, relay: Relay) -> asyncio.Task[object]:
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    task = asyncio.ensure_future(work(ready))
    await waits(relay, await ready)
    relay.fall_silent()
    return task


PROGRAM = """
import asyncio, os, sys
from cdc_daemon.databases.sqlserver.threads import hanging
from tests.support.sqlserver import WAITING, SqlServer, opened

async def hear(word):
    assert await asyncio.to_thread(sys.stdin.readline) == word + "\\n"

async def main(server):
    database = opened(server, connect_timeout_seconds=1)
    try:
        async with database.session() as session, database.reader() as reader:
            print("opened", flush=True)
            await hear("go")
            calls = [asyncio.ensure_future(one.execute(WAITING)) for one in (session, reader)]
            await hear("stop")
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
    finally:
        await database.aclose()
    print("closed", flush=True)

host, port, user, password, name = sys.argv[1:]
asyncio.run(main(SqlServer(host=host, port=int(port), user=user, password=password, database=name)))
assert hanging()
os._exit(0)  # as the command line does where a call hangs
"""


async def test_a_process_ends_though_its_server_is_silent(
    sqlserver: SqlServer, relay: Relay
) -> None:
    """Law 7: threads that hang in a driver keep no process from its end, which is a clean one."""
    own = sqlserver.through(relay.port)
    async with in_process(PROGRAM, own) as process, asyncio.timeout(60):
        assert await process.stdout.readline() == b"opened\n"
        before = relay.passed
        process.stdin.write(b"go\n")
        await waits(relay, before, statements=2)
        relay.fall_silent()
        out, err = await process.communicate(b"stop\n")
    assert (process.returncode, out) == (0, b"closed\n"), err
    assert err == b""


READING = """
import asyncio, sys
from contextlib import aclosing
from cdc_daemon.databases.sqlserver.source import SqlServerSource
from tests.support.rig import table
from tests.support.sqlserver import SqlServer, opened

async def main(server):
    database = opened(server)
    async with SqlServerSource(database, 128).read(table("numbers", schema="dbo")) as reading:
        async with aclosing(reading.batches(reading.table.columns)) as frames:
            rows = (await anext(frames)).height
            print("begun", flush=True)
            told = False
            while True:
                coming = asyncio.ensure_future(anext(frames, None))
                done, _ = await asyncio.wait({coming}, timeout=2)
                if not (done or told):
                    print("waiting", flush=True)
                    told = True
                if (frame := await coming) is None:
                    break
                rows += frame.height
    await database.aclose()
    print(rows, flush=True)

host, port, user, password, name = sys.argv[1:]
asyncio.run(main(SqlServer(host=host, port=int(port), user=user, password=password, database=name)))
"""
LONG = "REPLICATE(CAST(N'x' AS nvarchar(max)), 100000)"
DOCUMENTS = 256
"""Of 200 KB each: more than the relay and the sockets hold."""


async def test_a_process_goes_on_while_long_values_do_not_come(
    sqlserver: SqlServer, relay: Relay
) -> None:
    """DESIGN 4: the event loop is never blocked, and least of all by a server that is silent."""
    numbers(sqlserver, DOCUMENTS, LONG)
    own = sqlserver.through(relay.port)
    async with in_process(READING, own) as process, asyncio.timeout(60):
        assert await process.stdout.readline() == b"begun\n"
        relay.fall_silent()
        assert await process.stdout.readline() == b"waiting\n"
        relay.heal()
        assert await process.stdout.readline() == f"{DOCUMENTS}\n".encode()
        assert await process.wait() == 0
