"""Statements of SQL Server that are interrupted while the network breaks, or while they fail."""

from __future__ import annotations

import asyncio
import threading

import pytest
from mssql_python.cursor import Cursor

from cdc_daemon.databases.sqlserver.address import native
from cdc_daemon.databases.sqlserver.arrow import ArrowConnection
from cdc_daemon.databases.sqlserver.errors import Fault
from cdc_daemon.databases.sqlserver.threads import aside
from cdc_daemon.errors import DatabaseUnavailable
from tests.support.relay import Relay
from tests.support.sqlserver import SqlServer, connection, in_process, opened

pytestmark = [pytest.mark.sqlserver, pytest.mark.asyncio]

NEVER_SECONDS = 0.5
"""How long to wait for what must not come."""

CUT = """
import asyncio, os, sys
from contextlib import suppress
from cdc_daemon.databases.sqlserver import threads, waiting
from tests.support.relay import Relay
from tests.support.sqlserver import WAITING, SqlServer, opened, waits

def last(call):
    def interrupt():
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        call()
    return threads.aside(interrupt)

async def cut_while_cancelled(opening, relay):
    async with opening() as connection:
        before = relay.passed
        running = asyncio.ensure_future(connection.execute(WAITING))
        await waits(relay, before)
        relay.mute()
        before = relay.passed
        running.cancel()
        while relay.passed == before and not running.done():
            await asyncio.sleep(0.01)
        # the interruption waits for the statement to end now
        relay.cut()
        await running

async def main(kind, server):
    with Relay(server.host, server.port) as relay:
        database = opened(server.through(relay.port))
        for _ in range(25):
            with suppress(asyncio.CancelledError):
                await cut_while_cancelled(getattr(database, kind), relay)
            relay.heal()
        await database.aclose()
    print("closed", flush=True)

if sys.platform == "linux":  # of all threads, that of an interruption comes last, on one processor
    waiting.aside = last
    os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:1])
host, port, user, password, name, kind = sys.argv[1:]
server = SqlServer(host=host, port=int(port), user=user, password=password, database=name)
asyncio.run(main(kind, server))
"""


@pytest.mark.parametrize("kind", ["session", "reader"])
async def test_the_network_breaks_while_a_statement_is_interrupted(
    sqlserver: SqlServer, kind: str
) -> None:
    """Law 8: what an interruption still uses is not freed, which would end the whole process."""
    async with in_process(CUT, sqlserver, kind) as process, asyncio.timeout(120):
        out, err = await process.communicate()
    assert (process.returncode, out) == (0, b"closed\n"), err


async def test_a_broken_connection_is_closed_by_its_owner_alone(
    sqlserver: SqlServer, relay: Relay
) -> None:
    """Not by whichever call fails first: another thread may just interrupt that call."""
    wire = await opened(sqlserver.through(relay.port)).connect()
    relay.cut()
    with pytest.raises(DatabaseUnavailable):
        await wire.fetch("SELECT 1")
    assert wire.broken
    assert not wire._connection.closed
    await wire.close()
    assert wire._connection.closed


async def test_a_failed_statement_is_freed_after_its_interruption(
    sqlserver: SqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Arrow driver frees one that fails at once; it waits for whoever interrupts it."""
    begun, freed, freed_meanwhile = threading.Event(), threading.Event(), list[bool]()
    free = Cursor._reset_cursor

    def freeing(cursor: Cursor) -> None:
        freed.set()
        free(cursor)

    def interruption() -> None:
        begun.set()
        freed_meanwhile.append(freed.wait(NEVER_SECONDS))

    monkeypatch.setattr(Cursor, "_reset_cursor", freeing)
    arrow = ArrowConnection(native(connection("core", sqlserver), sqlserver.password), 5)
    interrupting = aside(lambda: arrow._handle.interrupt(interruption))
    await asyncio.to_thread(begun.wait)
    with pytest.raises(Fault):
        await asyncio.to_thread(arrow.execute, "SELECT * FROM nowhere")
    await asyncio.wrap_future(interrupting)
    assert freed_meanwhile == [False]
    assert freed.is_set()
    await asyncio.to_thread(arrow.close)
