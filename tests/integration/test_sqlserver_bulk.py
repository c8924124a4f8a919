"""Rows into SQL Server: by bulk copy or row by row the same, all or told, and bounded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator

import polars as pl
import pytest
import pytest_asyncio

from cdc_daemon.databases.sqlserver.ddl import create_load
from cdc_daemon.errors import DatabaseUnavailable, RowRefused, StatementFailed
from cdc_daemon.model.config import SqlServerSpec
from cdc_daemon.ports.work import accounted
from tests.support.loads import COLUMNS, EXTRA, LOAD, ROW, Way, frame, given, nulls
from tests.support.relay import Relay
from tests.support.sqlserver import SqlServer, opened

pytestmark = [pytest.mark.sqlserver, pytest.mark.asyncio]


@pytest_asyncio.fixture(params=["copy", "rows"])
async def way(request: pytest.FixtureRequest, sqlserver: SqlServer) -> AsyncIterator[Way]:
    database = opened(sqlserver, SqlServerSpec(bulk=request.param))
    yield Way(database, sqlserver)
    await database.aclose()


async def test_rows_arrive_exactly(way: Way) -> None:
    """Law 6: whatever the way, the table has every value, NULL, empty text and long ones."""
    assert await way.load(given(frame(ROW), frame(nulls(2), nulls(3)))) == 3
    first, *others = way.found()
    assert first[1:12] == (ROW[0], True, *ROW[2:11])
    assert first[13].isoformat() == "23:59:59.999999"
    assert str(first[16]) == ROW[15]
    assert str(first[17]).lower().replace("-", "") == ROW[16].hex()
    assert first[18:] == ("I", (1).to_bytes(16, "big"), None)
    assert [row[1] for row in others] == [2, 3]
    assert all(value is None for value in others[0][2:18])


async def test_empty_is_not_null(way: Way) -> None:
    """Law 6: an empty text, or no bytes, stay what they are."""
    row = list(nulls(1))
    row[7], row[8], row[9], row[10] = "", "", b"", b""
    await way.load(given(frame(tuple(row))))
    assert way.found()[0][8:12] == ("", "", b"", b"")


async def test_no_rows_make_an_empty_table(way: Way) -> None:
    """The table is there, so that promote can count it."""
    assert await way.load(given()) == 0
    assert way.found() == []


async def test_many_rows_in_pieces(way: Way) -> None:
    """More than one piece: the order is kept, none is lost, and the time is accounted."""
    columns = (COLUMNS[0],)
    many = pl.DataFrame(
        {
            "c0": pl.Series(range(5_001), dtype=pl.Int32),
            "_operation": ["I"] * 5_001,
            "_row_hash": pl.Series(range(5_001), dtype=pl.UInt128),
            "_closes": pl.Series([None] * 5_001, dtype=pl.UInt128),
        }
    )
    spent: dict[str, float] = {}
    with accounted(spent):
        assert await way.load(given(many, many.head(7)), columns) == 5_008
    assert spent["encode"] > 0
    assert spent["load"] > 0
    found = [row[1] for row in way.found()]
    assert found == [*range(5_001), *range(7)]


async def test_it_is_committed_by_itself(way: Way) -> None:
    """The load table outlives the transaction that asked for it."""
    with pytest.raises(KeyError):  # noqa: PT012 - how the block ends is what is looked at
        async with way.database.transaction() as session:
            await session.bulk_load(
                LOAD, COLUMNS, EXTRA, given(frame(nulls(1))), create=create_load(LOAD, COLUMNS)
            )
            raise KeyError
    assert len(way.found()) == 1


async def test_an_error_of_the_frames_is_told_as_it_is(way: Way) -> None:
    """A value SQL Server does not have is refused by the column's name, not as a broken stream."""

    async def failing() -> AsyncGenerator[pl.DataFrame, None]:
        yield frame(nulls(1))
        bad = list(nulls(2))
        bad[5] = float("nan")
        yield frame(tuple(bad))

    with pytest.raises(RowRefused, match="x5"):
        await way.load(failing())

    async def broken() -> AsyncGenerator[pl.DataFrame, None]:
        yield frame(nulls(1))
        raise ZeroDivisionError

    with pytest.raises((ZeroDivisionError, StatementFailed)) as told:
        await way.load(broken())
    assert type(told.value) is ZeroDivisionError or told.value.code == "2714"


async def test_the_server_refuses_a_row(way: Way) -> None:
    """Whoever refuses it, the driver that copies or the server, nothing of its text is told."""
    with pytest.raises(StatementFailed) as told:  # noqa: PT012 - how the block ends is what is looked at
        async with way.database.session() as session:
            rows = frame(nulls(1)).with_columns(pl.lit(None, pl.String).alias("_operation"))
            await session.bulk_load(
                LOAD, COLUMNS, EXTRA, given(rows), create=create_load(LOAD, COLUMNS)
            )
    assert told.value.code in {"515", ""}
    assert "_operation" not in str(told.value)


async def test_a_text_that_is_too_long(way: Way) -> None:
    """It is refused, not cut (law 6)."""
    row = list(nulls(1))
    row[7] = "y" * 60
    with pytest.raises(StatementFailed) as told:
        await way.load(given(frame(tuple(row))))
    assert "yyy" not in str(told.value)
    assert way.found() == []


async def test_a_load_that_is_cancelled(way: Way) -> None:
    """Though the frames never end, who is cancelled is back within seconds; the place is free."""
    sent = asyncio.Event()

    async def endless() -> AsyncGenerator[pl.DataFrame, None]:
        for n in range(1_000_000):
            if n == 5:
                sent.set()
                await asyncio.Event().wait()
            yield frame(nulls(n))

    task = asyncio.ensure_future(way.load(endless()))
    waiting = asyncio.ensure_future(sent.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    assert waiting.done()
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < 15
    assert way.database.stats("target")[1].open == 0
    way.server.execute("DROP TABLE [dbo].[_load_7]")  # nobody holds it


async def test_a_load_that_is_cut(sqlserver: SqlServer, relay: Relay) -> None:
    """A connection that breaks among the rows is an unavailable database."""
    for bulk in ("copy", "rows"):
        database = opened(sqlserver.through(relay.port), SqlServerSpec(bulk=bulk))

        async def cut() -> AsyncGenerator[pl.DataFrame, None]:
            for n in range(100):
                if n == 3:
                    relay.cut()
                yield frame(*[nulls(k) for k in range(50)])

        with pytest.raises(DatabaseUnavailable):
            await Way(database, sqlserver).load(cut())
        await database.aclose()
        sqlserver.execute("DROP TABLE [dbo].[_load_7]")


async def test_rows_within_a_transaction(way: Way) -> None:
    """Without a table of its own a load belongs to the session's transaction."""
    way.server.execute(create_load(LOAD, COLUMNS))
    with pytest.raises(KeyError):  # noqa: PT012 - how the block ends is what is looked at
        async with way.database.transaction() as session:
            assert await session.bulk_load(LOAD, COLUMNS, EXTRA, given(frame(ROW))) == 1
            raise KeyError
    assert way.found() == []
    async with way.database.transaction() as session:
        await session.bulk_load(LOAD, COLUMNS, EXTRA, given(frame(ROW)))
    assert len(way.found()) == 1
