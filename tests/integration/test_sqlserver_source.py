"""Tables of a SQL Server: every type exact, of one snapshot where there is one, each row once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace

import polars as pl
import pytest
import pytest_asyncio

from cdc_daemon.databases.sqlserver.database import SqlServerDatabase
from cdc_daemon.databases.sqlserver.readers import RowReader
from cdc_daemon.databases.sqlserver.source import SqlServerSource
from cdc_daemon.databases.sqlserver.types import by_bytes
from cdc_daemon.errors import RowsWithheld, TableNotFound, Unrepresentable
from cdc_daemon.model.config import TlsSpec
from cdc_daemon.model.guard import GuardLimits
from cdc_daemon.ports.source import DoesNotFit
from cdc_daemon.ports.work import accounted
from tests.support.relay import Relay
from tests.support.rig import table
from tests.support.sqlserver import Snapshots, SqlServer, numbers, opened

pytestmark = [pytest.mark.sqlserver, pytest.mark.asyncio]

ONLY_COMMITTED, NONE = Snapshots(snapshot=False), Snapshots(snapshot=False, committed=False)
MIXED = """CREATE TABLE dbo.mixed (
    id bigint NOT NULL PRIMARY KEY, tiny tinyint, small smallint, n int, yes bit,
    amount decimal(38,10), cash money, r real, f float(53), d date, t time(6), t7 time(7),
    dt datetime, dt2 datetime2(6), dt7 datetime2(7), dto datetimeoffset(7), c nchar(5),
    v nvarchar(40), m nvarchar(max), b varbinary(20), bm varbinary(max), u uniqueidentifier)"""
FILTERED = (
    (
        "CREATE FUNCTION dbo.seen(@id int) RETURNS TABLE WITH SCHEMABINDING AS "
        "RETURN SELECT 1 AS yes WHERE @id > 0"
    ),
    (
        "CREATE SECURITY POLICY dbo.filtered ADD FILTER PREDICATE dbo.seen(id) ON dbo.numbers "
        "WITH (STATE = ON)"
    ),
)
FILTERED_BENEATH = """CREATE POLICY filtered ON dbo.numbers USING (id > 0);
    ALTER TABLE dbo.numbers ENABLE ROW LEVEL SECURITY"""
VALUES = (
    (
        "INSERT INTO dbo.mixed VALUES (1, 255, -32768, -5, 1, "
        "1234567890123456789012345678.0123456789, -922337203685477.5808, 1.5, 0.1, '0001-01-01', "
        "'23:59:59.999999', '23:59:59.9999999', '2024-02-29 01:02:03.123', "
        "'9999-12-31 23:59:59.999999', '2024-02-29 01:02:03.1234567', "
        "'2024-02-29 01:02:03.1234567 +05:30', N'ab', N'Üx 😀 ', N'', 0x00FF, 0x, "
        "'00112233-4455-6677-8899-aabbccddeeff')"
    ),
    "INSERT INTO dbo.mixed (id) VALUES (2)",
)


@pytest_asyncio.fixture
async def database(sqlserver: SqlServer) -> AsyncIterator[SqlServerDatabase]:
    database = opened(sqlserver)
    yield database
    await database.aclose()


@pytest.fixture
def source(database: SqlServerDatabase) -> SqlServerSource:
    return SqlServerSource(database, 128)


def spec(name: str):
    return table(name, source="core", schema="dbo")


async def rows(reading, columns=None) -> pl.DataFrame:
    async with aclosing(reading.batches(columns or reading.table.columns)) as frames:
        found = [frame async for frame in frames]
    return pl.concat(found) if found else pl.DataFrame()


async def test_every_type_comes_exactly(sqlserver: SqlServer, source: SqlServerSource) -> None:
    """Law 6: both drivers give the same carriers of the same values."""
    sqlserver.execute(MIXED, *VALUES)
    async with source.read(spec("mixed")) as reading:
        assert isinstance(reading.reader, RowReader)
        columns = reading.table.columns
        assert await reading.table_now() == reading.table
    by_rows = await rows_by(source, source.database.reader(columns))
    by_arrow = await rows_by(source, source.database.reader())
    assert by_arrow.equals(by_rows)
    assert by_arrow.schema == {c.field: c.carrier for c in columns}
    first = dict(zip((c.name for c in columns), by_arrow.sort("c0").row(0), strict=True))
    assert first["tiny"] == 255
    assert str(first["amount"]) == "1234567890123456789012345678.0123456789"
    assert str(first["cash"]) == "-922337203685477.5808"
    assert first["t7"] == "23:59:59.9999999"
    assert first["dt7"] == "2024-02-29 01:02:03.1234567"
    assert first["dto"] == "2024-02-29 01:02:03.1234567 +05:30"
    assert (first["c"], first["v"], first["m"]) == ("ab   ", "Üx 😀 ", "")
    assert (first["b"], first["bm"]) == (b"\x00\xff", b"")
    assert first["u"].hex() == "00112233445566778899aabbccddeeff"
    assert by_arrow.sort("c0").row(1) == (2, *[None] * (len(columns) - 1))


async def rows_by(source: SqlServerSource, opening) -> pl.DataFrame:
    """All rows, by a reader that is not the one the source would choose."""
    async with source.read(spec("mixed")) as reading, opening as reader:
        return await rows(replace(reading, reader=reader, rows=None))


@pytest.mark.parametrize("kind", ["nvarchar(20)", "nvarchar(max)"])
async def test_half_a_surrogate_pair_is_refused_by_name(
    sqlserver: SqlServer, relay: Relay, kind: str
) -> None:
    """Law 6: SQL Server keeps it in any text; it is none, and no driver makes another one of it."""
    sqlserver.execute(
        f"CREATE TABLE dbo.broken (id int NOT NULL PRIMARY KEY, v {kind})",
        "INSERT INTO dbo.broken VALUES (1, N'a\u275a\u275b')",
    )
    relay.swap = ("\u275a\u275b".encode("utf-16-le"), b"\x00\xd8b\x00")
    own = opened(sqlserver.through(relay.port), tls=TlsSpec(mode="disable"))
    try:
        async with SqlServerSource(own, 128).read(spec("broken")) as reading:
            with pytest.raises((DoesNotFit, Unrepresentable)) as refused:
                await rows(reading)
            if isinstance(refused.value, DoesNotFit):
                assert refused.value.args == ("c1",)
                key, text = reading.table.columns
                with pytest.raises(Unrepresentable) as refused:
                    await rows(reading, (key, by_bytes(text)))
        assert f"column v ({kind})" in str(refused.value)
    finally:
        await own.aclose()


async def test_count_and_rows_are_of_one_instant(
    sqlserver: SqlServer, source: SqlServerSource
) -> None:
    """Under SNAPSHOT rows that come later are neither counted nor read, however often they are."""
    numbers(sqlserver, 100)
    async with source.read(spec("numbers")) as reading:
        assert reading.table.snapshot
        sqlserver.execute("INSERT INTO dbo.numbers VALUES (1000, N'late')")
        assert await reading.count() == 100
        assert (await rows(reading)).height == 100
        assert (await rows(reading)).height == 100
    async with source.read(spec("numbers")) as reading:
        assert await reading.count() == 101


async def test_rows_that_a_policy_may_hide_are_not_read(
    sqlserver: SqlServer, source: SqlServerSource, request: pytest.FixtureRequest
) -> None:
    """Law 10: they would pass for deleted, unless somebody says that the login sees them all."""
    numbers(sqlserver, 2)
    if sqlserver.is_real:
        sqlserver.execute(*FILTERED)
    else:  # has no policies but those of the PostgreSQL beneath, and shows them
        request.getfixturevalue("source_db").execute(FILTERED_BENEATH)
    with pytest.raises(RowsWithheld, match=r"core\.dbo\.numbers: a security policy"):
        async with source.read(spec("numbers")):
            pass
    seen = GuardLimits(allow_row_security=True)
    async with source.read(replace(spec("numbers"), guards=seen)) as reading:
        assert await reading.count() == (await rows(reading)).height


@pytest.mark.parametrize(
    ("sqlserver", "expected"), [(ONLY_COMMITTED, True), (NONE, False)], indirect=["sqlserver"]
)
async def test_without_snapshots_of_transactions(
    sqlserver: SqlServer, source: SqlServerSource, expected: object
) -> None:
    """Law 10: one SELECT is one instant under READ_COMMITTED_SNAPSHOT, and else nothing is."""
    numbers(sqlserver, 100)
    async with source.read(spec("numbers")) as reading:
        assert await reading.count() is None
        assert reading.table.snapshot is expected
        assert (await rows(reading)).height == 100
        assert await reading.table_now() == reading.table


@pytest.mark.parametrize("sqlserver", [ONLY_COMMITTED], indirect=True)
async def test_columns_that_change_are_noticed(
    sqlserver: SqlServer, source: SqlServerSource
) -> None:
    """The catalog after the last row is another one's than before the first."""
    numbers(sqlserver, 10)
    async with source.read(spec("numbers")) as reading:
        assert (await rows(reading)).height == 10
        assert await reading.table_now() == reading.table
    async with source.read(spec("numbers")) as reading:
        await rows(reading)
        await asyncio.to_thread(sqlserver.execute, "ALTER TABLE dbo.numbers ADD extra int")
        assert await reading.table_now() != reading.table


async def test_a_table_that_is_not_there(source: SqlServerSource) -> None:
    """It is named before anything is read."""
    with pytest.raises(TableNotFound, match=r"core\.dbo\.nope"):
        async with source.read(spec("nope")):
            pass


async def test_all_rows_come_once(sqlserver: SqlServer, source: SqlServerSource) -> None:
    """Many batches, of growing size: no row is lost or doubled between them; time is accounted."""
    numbers(sqlserver, 5_000)
    spent: dict[str, float] = {}
    with accounted(spent):
        async with source.read(spec("numbers")) as reading:
            found = await rows(reading)
    assert found["c0"].sort().to_list() == list(range(5_000))
    assert spent["extract"] > 0
    assert spent["decode"] > 0


async def test_rows_nobody_wants_any_more(sqlserver: SqlServer, source: SqlServerSource) -> None:
    """A reading that is left in the middle leaves nothing behind."""
    numbers(sqlserver, 20_000)
    async with (
        source.read(spec("numbers")) as reading,
        aclosing(reading.batches(reading.table.columns)) as frames,
    ):
        await anext(frames)
    assert source.database.stats("source")[1].open == 0
