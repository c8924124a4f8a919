"""Sessions with SQL Server: exact values both ways, whole transactions, bounded waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
import pytest_asyncio

from cdc_daemon.databases.sqlserver.database import SqlServerDatabase
from cdc_daemon.databases.sqlserver.session import SqlServerSession
from cdc_daemon.errors import Conflict, DatabaseUnavailable, StatementFailed
from tests.support.relay import Relay
from tests.support.sqlserver import WAITING, SqlServer, opened, waits

pytestmark = [pytest.mark.sqlserver, pytest.mark.asyncio]

TABLE = "CREATE TABLE t (id int NOT NULL PRIMARY KEY, v nvarchar(40) NULL)"
PATIENT_SECONDS = 30


@pytest_asyncio.fixture
async def database(sqlserver: SqlServer) -> AsyncIterator[SqlServerDatabase]:
    database = opened(sqlserver, lock_timeout_seconds=1)
    yield database
    await database.aclose()


@pytest_asyncio.fixture
async def filled(sqlserver: SqlServer, database: SqlServerDatabase) -> SqlServerDatabase:
    sqlserver.execute(TABLE, "INSERT INTO t VALUES (1, N'a'), (2, N'b')")
    return database


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int", -7),
        ("bigint", 2**62),
        ("bit", True),
        ("decimal(38,10)", Decimal("-1234567890123456789012345678.0123456789")),
        ("float(53)", 0.1),
        ("nvarchar(40)", "Ünïcode 😀 'quoted' [x] $1 ?"),
        ("nvarchar(40)", ""),
        ("nvarchar(max)", "long ü" * 5_000),
        ("varbinary(20)", b"\x00\xff\x00"),
        ("varbinary(max)", bytes(range(256)) * 100),
        ("date", date(2024, 2, 29)),
        ("date", date(1, 1, 1)),
        ("datetime2(6)", datetime(2024, 2, 29, 23, 59, 59, 999_999, UTC)),
        ("uniqueidentifier", UUID("00112233-4455-6677-8899-aabbccddeeff")),
        ("nvarchar(10)", None),
        ("varbinary(10)", None),
    ],
)
async def test_values_come_back_as_they_went(
    database: SqlServerDatabase, kind: str, value: object
) -> None:
    """Law 6: what a parameter carried is what a query gives, in a column and as an expression."""
    async with database.session() as session:
        await session.execute(f"CREATE TABLE v (a {kind} NULL)")
        assert await session.execute("INSERT INTO v VALUES ($1)", value) == 1
        assert await session.fetch("SELECT a FROM v") == [(value,)]
        if value is not None:
            found = await session.fetch("SELECT COUNT(*) FROM v WHERE a = $1", value)
            assert found == [(1,)]


async def test_instants_are_utc_whatever_their_zone(database: SqlServerDatabase) -> None:
    """A parameter in another zone is the same instant; an offset comes back as UTC."""
    at = datetime(2024, 2, 29, 1, 2, 3, 456_789, timezone(timedelta(hours=5, minutes=30)))
    async with database.session() as session:
        await session.execute("CREATE TABLE v (a datetime2(6))")
        await session.execute("INSERT INTO v VALUES ($1)", at)
        assert await session.fetch("SELECT a FROM v") == [(at.astimezone(UTC),)]
        offset = "CAST(N'2024-02-29 01:02:03.4567891 +05:30' AS datetimeoffset(7))"
        assert await session.fetch(f"SELECT {offset}") == [(at.astimezone(UTC),)]


async def test_rows_are_counted(filled: SqlServerDatabase) -> None:
    """Of several statements, the last one that touched rows says how many."""
    async with filled.session() as session:
        assert await session.execute("UPDATE t SET v = N'x' WHERE id > $1", 0) == 2
        assert await session.execute("UPDATE t SET v = N'x' WHERE id > $1", 5) == 0
        assert await session.execute("DELETE FROM t WHERE id = 1; UPDATE t SET v = N'y'") == 1
        rows = await session.fetch("INSERT INTO t (id) OUTPUT INSERTED.id VALUES ($1)", 9)
        assert rows == [(9,)]


async def test_an_error_in_a_later_statement_is_told(filled: SqlServerDatabase) -> None:
    """The first statement's success does not hide the second one's failure."""
    async with filled.session() as session:
        with pytest.raises(StatementFailed) as told:
            await session.execute("UPDATE t SET v = N'z'; INSERT INTO t VALUES (1, N'dup')")
        assert told.value.code == "2627"
        assert await session.fetch("SELECT 1") == [(1,)]


async def test_a_transaction_is_whole(filled: SqlServerDatabase) -> None:
    """Committed at the end, undone by any exception, and by a cancellation."""
    async with filled.transaction() as session:
        await session.execute("INSERT INTO t VALUES ($1, $2)", 3, "c")
    with pytest.raises(StatementFailed):  # noqa: PT012 - how the block ends is what is looked at
        async with filled.transaction() as session:
            await session.execute("INSERT INTO t VALUES ($1, $2)", 4, "d")
            await session.execute("INSERT INTO t VALUES ($1, $2)", 3, "again")
    with pytest.raises(KeyError):  # noqa: PT012 - how the block ends is what is looked at
        async with filled.transaction() as session:
            await session.execute("INSERT INTO t VALUES ($1, $2)", 5, "e")
            raise KeyError
    async with filled.session() as session:
        assert await session.fetch("SELECT id FROM t ORDER BY id") == [(1,), (2,), (3,)]
        assert await session.fetch("SELECT @@TRANCOUNT") == [(0,)]


async def test_a_cancelled_statement_ends(
    sqlserver: SqlServer, filled: SqlServerDatabase, relay: Relay
) -> None:
    """Who is cancelled in mid-statement is back within seconds, and the transaction is undone."""
    database = opened(sqlserver.through(relay.port))
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def waiting() -> None:
        async with database.transaction() as session:
            await session.execute("INSERT INTO t VALUES ($1, $2)", 7, "x")
            ready.set_result(relay.passed)
            await session.execute(WAITING)

    task = asyncio.ensure_future(waiting())
    await waits(relay, await ready)
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < 15
    await database.aclose()
    async with filled.session() as session:
        assert await session.fetch("SELECT COUNT(*) FROM t WHERE id = 7") == [(0,)]


async def test_an_attempt_gives_way(sqlserver: SqlServer, filled: SqlServerDatabase) -> None:
    """Where a lock is in the way, an attempt does nothing at once, and the transaction goes on."""
    patient = opened(sqlserver, lock_timeout_seconds=PATIENT_SECONDS)
    async with patient.transaction() as other:
        await other.execute("UPDATE t SET v = N'other' WHERE id = 1")
        async with patient.transaction() as session:
            await session.execute("INSERT INTO t VALUES ($1, $2)", 3, "c")
            began = time.monotonic()
            assert not await session.attempt("UPDATE t SET v = N'mine' WHERE id = 1")
            assert time.monotonic() - began < PATIENT_SECONDS / 2
            await kept(session)
            assert await session.attempt("UPDATE t SET v = N'mine' WHERE id = 3")
            await kept(session)
    await patient.aclose()
    async with filled.session() as session:
        assert await session.fetch("SELECT id, v FROM t ORDER BY id") == [
            (1, "other"),
            (2, "b"),
            (3, "mine"),
        ]


async def kept(session: SqlServerSession) -> None:
    """The session's own way of waiting and failing is as before the attempt."""
    assert await session.fetch("SELECT @@LOCK_TIMEOUT") == [(PATIENT_SECONDS * 1000,)]


async def test_an_attempt_that_fails_otherwise_is_told(filled: SqlServerDatabase) -> None:
    """A mistake is no conflict."""
    with pytest.raises(StatementFailed):
        async with filled.transaction() as session:
            await session.attempt("UPDATE t SET nope = 1")


async def test_waiting_for_a_lock_is_bounded(filled: SqlServerDatabase) -> None:
    """A statement waits ``lock_timeout_seconds`` for somebody else's lock, then it is a conflict."""
    async with filled.transaction() as other:
        await other.execute("UPDATE t SET v = N'other' WHERE id = 1")
        with pytest.raises(Conflict) as told:
            async with filled.transaction() as session:
                await session.execute("UPDATE t SET v = N'mine' WHERE id = 1")
        assert told.value.code == "1222"


async def test_a_connection_that_is_cut(sqlserver: SqlServer, relay: Relay) -> None:
    """A statement whose connection breaks fails as unavailable; the next has a new one."""
    database = opened(sqlserver.through(relay.port))
    try:
        with pytest.raises(DatabaseUnavailable):  # noqa: PT012 - how the block ends is what is looked at
            async with database.session() as session:
                await session.fetch("SELECT 1")
                relay.cut()
                await session.fetch("SELECT 1")
        async with database.session() as session:
            assert await session.fetch("SELECT 1") == [(1,)]
    finally:
        await database.aclose()
