"""Values of any length out of SQL Server: a process that reads them goes on with everything else."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE

import pytest

from tests.support.relay import Relay
from tests.support.sqlserver import SqlServer

pytestmark = [pytest.mark.sqlserver, pytest.mark.asyncio]

DOCUMENTS = 256
# as many as the relay and the sockets do not hold: 50 MB
MAKE = (
    "CREATE TABLE dbo.documents (id int NOT NULL PRIMARY KEY, body nvarchar(max))",
    "INSERT INTO dbo.documents VALUES (0, REPLICATE(CAST(N'x' AS nvarchar(max)), 100000))",
    *(
        f"INSERT INTO dbo.documents SELECT id + {have}, body FROM dbo.documents"
        for have in (1, 2, 4, 8, 16, 32, 64, 128)
    ),
)
PROGRAM = """
import asyncio, sys
from contextlib import aclosing
from cdc_daemon.databases.sqlserver.source import SqlServerSource
from tests.support.rig import table
from tests.support.sqlserver import SqlServer, opened

async def main(server):
    database = opened(server)
    async with SqlServerSource(database, 128).read(table("documents", schema="dbo")) as reading:
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


async def test_a_process_goes_on_while_long_values_do_not_come(
    sqlserver: SqlServer, relay: Relay
) -> None:
    """DESIGN 4: the event loop is never blocked, and least of all by a server that is silent."""
    sqlserver.execute(*MAKE)
    own = sqlserver.through(relay.port)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM, own.host, str(own.port), own.user, own.password),
        own.database,
        stdout=PIPE,
    )
    try:
        async with asyncio.timeout(60):
            assert await process.stdout.readline() == b"begun\n"
            relay.fall_silent()
            assert await process.stdout.readline() == b"waiting\n"
            relay.heal()
            assert await process.stdout.readline() == f"{DOCUMENTS}\n".encode()
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
