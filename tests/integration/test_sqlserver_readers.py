"""Rows out of SQL Server: exact, of one snapshot, in bounded batches, and given up when cancelled."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing

import polars as pl
import pyarrow as pa
import pytest
import pytest_asyncio

from cdc_daemon.cdc.compare import LATER, VERSION
from cdc_daemon.cdc.row_hash import HASH
from cdc_daemon.databases.sqlserver.database import SqlServerDatabase
from cdc_daemon.databases.sqlserver.pieces import decoded, versions_of
from cdc_daemon.databases.sqlserver.readers import Piece, Reader, RowReader
from cdc_daemon.databases.sqlserver.versions import SqlServerVersions
from cdc_daemon.errors import AccessDenied, DatabaseUnavailable, StatementFailed
from cdc_daemon.schema.table import Column
from cdc_daemon.schema.types import Integer, Text
from tests.support.relay import Relay
from tests.support.sqlserver import WAITING, SqlServer, numbers, opened, waits

pytestmark = [pytest.mark.sqlserver, pytest.mark.asyncio]

LONG = [Column(name="v", field="c0", type=Text(), target_name="v", native="nvarchar(max)")]


@pytest_asyncio.fixture
async def database(sqlserver: SqlServer) -> AsyncIterator[SqlServerDatabase]:
    database = opened(sqlserver)
    yield database
    await database.aclose()


async def test_batches_are_bounded(sqlserver: SqlServer, database: SqlServerDatabase) -> None:
    """Law 11: wide rows come in batches of about the size of narrow ones."""
    numbers(sqlserver, 3_000, "REPLICATE(N'x', 4000)", kind="nvarchar(4000)")
    async with database.reader() as reader:
        await reader.query("SELECT v FROM dbo.numbers")
        sizes = [size_of(piece) async for piece in pieces(reader)]
    assert len(sizes) > 4
    assert max(sizes) < 5 * 1024 * 1024


async def test_a_few_huge_rows_come_one_by_one(
    sqlserver: SqlServer, database: SqlServerDatabase
) -> None:
    """Law 11: whatever rows are like, no piece has many megabytes before they are known."""
    numbers(sqlserver, 40, "REPLICATE(CAST(N'x' AS nvarchar(max)), 1000000)")
    async with database.reader(LONG) as reader:
        await reader.query("SELECT v FROM dbo.numbers")
        sizes = [size_of(piece) async for piece in pieces(reader)]
    assert max(sizes) < 5 * 1_000_000


async def test_wide_rows_after_many_narrow_ones(
    sqlserver: SqlServer, database: SqlServerDatabase
) -> None:
    """Law 11: documents behind rows that have none do not come in as many rows at once."""
    numbers(sqlserver, 20_000, "NULL")
    sqlserver.execute(
        "INSERT INTO dbo.numbers SELECT id + 20000, REPLICATE(CAST(N'x' AS nvarchar(max)), 50000)"
        " FROM dbo.numbers WHERE id < 1000"
    )
    rows = 0
    async with database.reader(LONG) as reader:
        await reader.query("SELECT v FROM dbo.numbers ORDER BY id")
        async for piece in pieces(reader):
            rows += len(piece)
            assert size_of(piece) < 8 * 1024 * 1024
    assert rows == 21_000


def size_of(piece: Piece) -> int:
    if isinstance(piece, pa.RecordBatch):
        return piece.nbytes
    return sum(len(value or "") for (value,) in piece)


async def pieces(reader: Reader):
    while (piece := await reader.next_piece()) is not None:
        yield piece


async def test_the_servers_number_is_told(database: SqlServerDatabase) -> None:
    """The Arrow driver drops error numbers; they are told nevertheless, and decide."""
    async with database.reader() as reader:
        with pytest.raises(StatementFailed) as told:
            await reader.query("SELECT * FROM dbo.nope")
        assert told.value.code == "208"
        assert "nope" not in str(told.value)  # law 9
        assert await reader.value("SELECT 1") == 1


async def test_an_error_among_the_rows(sqlserver: SqlServer, database: SqlServerDatabase) -> None:
    """It is an error, not an end of rows."""
    numbers(sqlserver, 3_000)
    with pytest.raises((StatementFailed, AccessDenied)) as told:  # noqa: PT012 - how the block ends is what is looked at
        async with database.reader() as reader:
            await reader.query("SELECT 1 / (2900 - id) AS n FROM dbo.numbers ORDER BY id")
            async for _ in pieces(reader):
                pass
    assert told.value.code == "8134"


async def test_a_cancelled_read_ends(sqlserver: SqlServer, relay: Relay) -> None:
    """A read that is cancelled in mid-statement gives its place back within seconds."""
    database = opened(sqlserver.through(relay.port))

    async def waiting(ready: asyncio.Future[int]) -> None:
        async with database.reader() as reader:
            ready.set_result(relay.passed)
            await reader.execute(WAITING)

    for _ in range(3):
        ready = asyncio.get_running_loop().create_future()
        task = asyncio.ensure_future(waiting(ready))
        await waits(relay, await ready)
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - began < 15
    assert database.stats("source")[1].open == 0
    await database.aclose()


async def test_a_read_that_is_cut(sqlserver: SqlServer, relay: Relay) -> None:
    """A connection that breaks among the rows is an unavailable database, never fewer rows."""
    numbers(sqlserver, 200_000, "REPLICATE(N'x', 10)", kind="nvarchar(10)")
    database = opened(sqlserver.through(relay.port))
    with pytest.raises(DatabaseUnavailable):  # noqa: PT012 - how the block ends is what is looked at
        async with database.reader() as reader:
            await reader.query("SELECT id, v FROM dbo.numbers")
            await reader.next_piece()
            relay.cut()
            async for _ in pieces(reader):
                pass
    await database.aclose()


async def test_open_versions(sqlserver: SqlServer, database: SqlServerDatabase) -> None:
    """Keys in their carriers, hashes as numbers, by either driver."""
    sqlserver.execute(
        "CREATE TABLE dbo.versions (id int, code nvarchar(10), h binary(16), v smallint, l bit)",
        "INSERT INTO dbo.versions VALUES (1, N'a ', 0x000102030405060708090A0B0C0D0E0F, 3, 1), "
        "(2, N'ü', 0xFF0102030405060708090A0B0C0D0E0F, 3, 0)",
    )
    key = (
        Column(name="id", field="c0", type=Integer(32), target_name="id", native="int"),
        Column(name="code", field="c1", type=Text(10), target_name="code", native="x"),
    )
    select = "SELECT id, code, h, v, l FROM dbo.versions ORDER BY id"
    found = []
    versions = SqlServerVersions(database)
    async with aclosing(versions.versions(select, key)) as frames:
        async for frame in frames:
            found.append(frame)
    frame = pl.concat(found)
    assert frame["c1"].to_list() == ["a ", "ü"]
    assert frame[HASH].to_list()[0] == 0x000102030405060708090A0B0C0D0E0F
    assert frame.schema[HASH] == pl.UInt128
    assert (frame[VERSION].to_list(), frame[LATER].to_list()) == ([3, 3], [True, False])
    by_rows = RowReader(await database.connect())
    async with aclosing(decoded(by_rows, select, versions_of, key, work="read")) as frames:
        assert pl.concat([f async for f in frames]).equals(frame)
    await by_rows.close()
