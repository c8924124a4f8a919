"""Readers of one database: connections for one read each, as asyncio sees them.

No more than the limit are open at a time. Each has a thread of its own; whoever is cancelled
waits no longer than it takes to cancel a statement. A connection is closed when the last of its
calls has ended, whether anybody waits for that or not.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from concurrent.futures import Future
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeAlias, TypeVar

import pyarrow as pa

from cdc_daemon.databases.sqlserver.address import native
from cdc_daemon.databases.sqlserver.arrow import ArrowConnection
from cdc_daemon.databases.sqlserver.batches import BatchSize
from cdc_daemon.databases.sqlserver.errors import translated
from cdc_daemon.databases.sqlserver.opening import MARGIN_SECONDS, Password, login_seconds
from cdc_daemon.databases.sqlserver.set_options import setup
from cdc_daemon.databases.sqlserver.threads import OneThread
from cdc_daemon.databases.sqlserver.waiting import (
    ROLLBACK_SECONDS,
    Alive,
    Interruptible,
    noticed,
)
from cdc_daemon.databases.sqlserver.wire import Wire
from cdc_daemon.databases.waits import Waits
from cdc_daemon.model.config import ConnectionSpec

T = TypeVar("T")

KIND = "reader"
"""Of sessions."""
_ROWS_AT_ONCE = 64
"""That come as Python values, each of which may be of megabytes."""
_MOST_ROWS = 2_000

Piece: TypeAlias = "pa.RecordBatch | Sequence[Sequence[Any]]"
"""Rows, as either driver hands them over."""


class Reader(Protocol):
    """A connection that reads, in autocommit."""

    text_by_bytes: bool
    """Whether text is to be selected as its UTF-16 bytes: the driver fails, and does not say for
    which column, where it is none."""

    async def execute(self, sql: str) -> None:
        """Run statements without rows."""
        ...

    async def value(self, sql: str) -> Any:  # noqa: ANN401 - whatever the query selects
        """The first value of a query's only row."""
        ...

    async def query(self, sql: str) -> None:
        """Run a query; ``next_piece`` has its rows."""
        ...

    async def next_piece(self) -> Piece | None:
        """The next rows, or None after the last ones."""
        ...


class ArrowReader:
    """A connection of the Arrow driver; a cancelled call cancels its statement."""

    text_by_bytes = False

    def __init__(
        self, name: str, connection: ArrowConnection, thread: OneThread, alive: Alive
    ) -> None:
        self._doing = f"connection {name}: reading"
        self._loading = f"connection {name}: bulk load"
        self._connection = connection
        self._thread = thread
        self._alive = alive
        self._calls = Interruptible(connection.cancel, alive, self._doing)

    async def execute(self, sql: str) -> None:
        """Run statements without rows."""
        await self._call(self._connection.execute, sql)

    async def value(self, sql: str) -> Any:  # noqa: ANN401 - whatever the query selects
        """The first value of a query's only row."""
        return await self._call(self._connection.value, sql)

    async def query(self, sql: str) -> None:
        """Run a query; ``next_piece`` has its rows."""
        await self._call(self._connection.query, sql)

    async def next_piece(self) -> pa.RecordBatch | None:
        """The next batch, or None after the last one."""
        return await self._call(self._connection.next_batch)

    async def copy(
        self,
        table: str,
        batches: pa.RecordBatchReader,
        names: Sequence[str],
        stop: Callable[[], object],
    ) -> int:
        """Bulk copy ``batches``, which ``stop`` ends early, into a quoted table."""
        copying = Interruptible(stop, self._alive, self._loading)
        work = self._run(self._connection.copy, table, batches, names)
        try:
            with translated(self._loading):
                return await copying.wait_for(work)
        finally:
            self._calls.abandoned |= copying.abandoned

    async def close(self) -> None:
        """Close the connection, once what runs on it has ended; wait for that only so long."""
        if self._calls.abandoned:
            self._connection.forget()
        closing = asyncio.wrap_future(self._thread.submit(self._connection.close))
        closing.add_done_callback(noticed)
        self._thread.shutdown()
        await asyncio.wait({closing}, timeout=0 if self._calls.abandoned else ROLLBACK_SECONDS)

    async def _call(self, call: Callable[..., T], *arguments: object) -> T:
        with translated(self._doing):
            return await self._calls.wait_for(self._run(call, *arguments))

    async def _run(self, call: Callable[..., T], *arguments: object) -> T:
        return await asyncio.wrap_future(self._thread.submit(call, *arguments))


class RowReader:
    """A connection of any ODBC driver, which knows rows, and no Arrow."""

    text_by_bytes = True

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._size = BatchSize(_ROWS_AT_ONCE, _MOST_ROWS)

    async def execute(self, sql: str) -> None:
        """Run statements without rows."""
        await self._wire.execute(sql)

    async def value(self, sql: str) -> Any:  # noqa: ANN401 - whatever the query selects
        """The first value of a query's only row."""
        return (await self._wire.fetch(sql))[0][0]

    async def query(self, sql: str) -> None:
        """Run a query; ``next_piece`` has its rows."""
        await self._wire.open(sql)
        self._size = BatchSize(_ROWS_AT_ONCE, _MOST_ROWS)

    async def next_piece(self) -> Sequence[Sequence[Any]] | None:
        """The next rows, in no more bytes than Arrow's, or None after the last ones."""
        fetched: list[Sequence[Any]] = []
        self._size.begin()
        while self._size.has_room:
            rows = await self._wire.next_rows(self._size.rows)
            self._size.seen(len(rows), sum(map(_bytes, rows)))
            fetched += rows
        return fetched or None

    async def close(self) -> None:
        """Close the connection."""
        await self._wire.close()


def _bytes(row: Sequence[object]) -> int:
    """Of what may be long, which is what counts; a character of text takes up to four."""
    return sum(len(value) for value in row if isinstance(value, str | bytes))


async def arrow_reader(spec: ConnectionSpec, password: Password, alive: Alive) -> ArrowReader:
    """Connect with the Arrow driver and set the options of a session.

    Raises:
        DatabaseUnavailable, AccessDenied: as the server answers.
    """
    strings, seconds = native(spec, password()), login_seconds(spec)
    thread = OneThread(f"arrow {spec.name}")
    connecting = thread.submit(ArrowConnection, strings, seconds)
    with translated(f"connection {spec.name}: connecting"):
        try:
            async with asyncio.timeout(len(strings) * seconds + MARGIN_SECONDS):
                connection = await asyncio.shield(asyncio.wrap_future(connecting))
        except BaseException:
            thread.submit(_closed_late, connecting)
            thread.shutdown()
            raise
    reader = ArrowReader(spec.name, connection, thread, alive)
    try:
        await reader.execute(setup(spec))
    except BaseException:
        await reader.close()
        raise
    return reader


def _closed_late(connecting: Future[ArrowConnection]) -> None:
    """One that comes when nobody waits for it any more, closed in its thread."""
    if not connecting.cancelled() and connecting.exception() is None:
        connecting.result().close()


class Places:
    """Who may have a connection for one read or load: ``limit`` at most at a time."""

    def __init__(self, limit: int, seconds: float, waits: Waits) -> None:
        self.limit = limit
        self.in_use = 0
        self._seconds = seconds
        self._waits = waits
        self._free = asyncio.Semaphore(limit)

    @asynccontextmanager
    async def place(self, opening: Callable[[], Coroutine[Any, Any, T]]) -> AsyncIterator[T]:
        """What ``opening`` opens, in a place of one's own.

        Raises:
            DatabaseUnavailable: no place comes free in time, or nobody is there.
        """
        with self._waits.waiting(KIND):
            await self._acquired()
            try:
                opened = await opening()
            except BaseException:
                self._free.release()
                raise
        self.in_use += 1
        try:
            yield opened
        finally:
            self.in_use -= 1
            self._free.release()

    async def _acquired(self) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await self._free.acquire()
        except TimeoutError as error:
            raise self._waits.exhausted(self._seconds) from error
