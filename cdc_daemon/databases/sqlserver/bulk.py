"""Rows into load tables: a stream of Arrow batches by bulk copy, or INSERT statements.

A bulk copy is a session of its own, and what it loaded is committed. One batch is encoded while
the last one is sent, never more (law 11).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

import polars as pl
import pyarrow as pa

from cdc_daemon.databases.sqlserver.ddl import qualified, quoted
from cdc_daemon.databases.sqlserver.encode import encode, rows
from cdc_daemon.databases.sqlserver.readers import ArrowReader
from cdc_daemon.databases.sqlserver.types import load_type
from cdc_daemon.databases.sqlserver.wire import Wire
from cdc_daemon.model.config import ConnectionSpec, is_microsoft
from cdc_daemon.model.table import QualifiedName
from cdc_daemon.ports.ahead import ahead
from cdc_daemon.ports.work import spent
from cdc_daemon.schema.table import Column

T = TypeVar("T")

PIECE_ROWS = 50_000
"""Rows encoded at a time: about 10 MB of a usual table."""
ROWS_AT_ONCE = 2_000
"""Rows encoded at a time, as Python values."""
_ROWS = 1_000
_VALUES = 2_000
"""What one statement takes: 1,000 rows, 2,100 parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulk:
    """Loads tables in sessions of its own."""

    spec: ConnectionSpec
    wire: Callable[[], AbstractAsyncContextManager[Wire]]
    arrow: Callable[[], AbstractAsyncContextManager[ArrowReader]]

    async def load(
        self,
        create: str,
        table: QualifiedName,
        columns: Sequence[Column],
        extra: Sequence[str],
        frames: AsyncGenerator[pl.DataFrame, None],
    ) -> int:
        """Make the table and load it; the number of rows."""
        if copies(self.spec):
            async with self.arrow() as connection:
                await connection.execute(create)
                return await _copy(connection, table, columns, extra, frames)
        async with self.wire() as wire:
            await wire.execute(create)
            await wire.execute("BEGIN TRANSACTION")
            try:
                loaded = await load_rows(wire, table, columns, extra, frames)
                await wire.execute("COMMIT TRANSACTION")
            except BaseException:
                await wire.close()  # which rolls back
                raise
            return loaded


def copies(spec: ConnectionSpec) -> bool:
    """Whether rows are loaded by bulk copy."""
    given = spec.sqlserver
    return given.bulk == "copy" and is_microsoft(given.driver)


async def load_rows(
    wire: Wire,
    table: QualifiedName,
    columns: Sequence[Column],
    extra: Sequence[str],
    frames: AsyncGenerator[pl.DataFrame, None],
) -> int:
    """Insert frames in the session of ``wire``; the number of rows."""
    loaded = 0
    pieces = _encoded(rows, ROWS_AT_ONCE, columns, extra, frames)
    insert = _Insert(table, columns, extra)
    async with aclosing(ahead(pieces)) as ready:
        async for piece in ready:
            with spent("load"):
                for begin in range(0, len(piece), insert.rows):
                    await wire.load(*insert.statement(piece[begin : begin + insert.rows]))
            loaded += len(piece)
    return loaded


class _Insert:
    """INSERT statements of many rows.

    pyodbc's ``fast_executemany`` asks the server for types while it holds the interpreter's lock:
    a network that is silent just then would stop the whole process.
    """

    def __init__(
        self, table: QualifiedName, columns: Sequence[Column], extra: Sequence[str]
    ) -> None:
        names = [quoted(name) for name in (*(c.field for c in columns), *extra)]
        self.rows = max(1, min(_ROWS, _VALUES // len(names)))
        self._begin = f"INSERT INTO {qualified(table)} ({', '.join(names)}) VALUES "
        kinds = [load_type(column) for column in columns]
        # numbers of several scales in one list would be rounded to the one that fits them all
        self._marks = [
            f"CAST(? AS {kind})" if kind.startswith("decimal") else "?" for kind in kinds
        ]
        self._marks += ["?"] * len(extra)

    def statement(self, piece: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
        """The statement for so many rows, and its values; a NULL is written out."""
        lists = [
            ", ".join(
                "NULL" if value is None else mark
                for value, mark in zip(row, self._marks, strict=True)
            )
            for row in piece
        ]
        values = [value for row in piece for value in row if value is not None]
        return f"{self._begin}({'), ('.join(lists)})", values


async def _copy(
    connection: ArrowReader,
    table: QualifiedName,
    columns: Sequence[Column],
    extra: Sequence[str],
    frames: AsyncGenerator[pl.DataFrame, None],
) -> int:
    names = [*(column.field for column in columns), *extra]
    async with aclosing(ahead(_encoded(encode, PIECE_ROWS, columns, extra, frames))) as batches:
        first = await anext(batches, None)
        if first is None:
            return 0
        stream = _Stream(first, batches)
        try:
            return await connection.copy(qualified(table), stream.reader(), names, stream.stop)
        except BaseException:
            if stream.failed is not None:  # the driver only tells that there was something
                raise stream.failed from None
            raise


class _Stream:
    """Batches of the loop, asked for one by one by the driver's thread; ``stop`` from any."""

    def __init__(
        self, first: pa.RecordBatch, batches: AsyncGenerator[pa.RecordBatch, None]
    ) -> None:
        self.failed: Exception | None = None
        self._first = first
        self._batches = batches
        self._loop = asyncio.get_running_loop()
        self._asked: Future[pa.RecordBatch | None] = Future()
        self._stopped = False

    def stop(self) -> None:
        self._stopped = True
        self._asked.cancel()

    def reader(self) -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(self._first.schema, self._each())

    def _each(self) -> Iterator[pa.RecordBatch]:
        batch: pa.RecordBatch | None = self._first
        while batch is not None:
            with spent("load"):
                yield batch
            self._asked = asyncio.run_coroutine_threadsafe(self._next(), self._loop)
            if self._stopped:
                self._asked.cancel()
            batch = self._asked.result()

    async def _next(self) -> pa.RecordBatch | None:
        try:
            return await anext(self._batches, None)
        except Exception as error:
            self.failed = error
            raise


async def _encoded(
    encoding: Callable[[pl.DataFrame, Sequence[Column], Sequence[str]], T],
    size: int,
    columns: Sequence[Column],
    extra: Sequence[str],
    frames: AsyncGenerator[pl.DataFrame, None],
) -> AsyncGenerator[T, None]:
    async with aclosing(frames):
        async for frame in frames:
            for piece in frame.iter_slices(size):
                with spent("encode"):
                    encoded = await asyncio.to_thread(encoding, piece, columns, extra)
                yield encoded
