"""Arrow readers of one database: connections of the driver as asyncio sees them.

No more than the limit are open at a time. The driver's calls block, and hang where the network is
silent: they run in threads, and whoever is cancelled waits for them no longer than it takes to
cancel a statement. A connection is closed when the last of its calls has ended, whether anybody
waits for that or not: closing one that is in use would be memory lost or worse.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

import pyarrow as pa

from cdc_daemon.databases.postgresql.arrow import ArrowConnection
from cdc_daemon.databases.postgresql.errors import translated
from cdc_daemon.databases.postgresql.session import ROLLBACK_SECONDS
from cdc_daemon.databases.postgresql.shared import SharedDatabases
from cdc_daemon.databases.waits import Waits
from cdc_daemon.model.config import ConnectionSpec
from cdc_daemon.ports.cleanup import to_its_end

T = TypeVar("T")

KIND = "reader"
"""Of sessions."""


class Reader:
    """A connection of the Arrow driver; a cancelled call cancels its statement."""

    def __init__(self, connection: ArrowConnection, leave: Callable[[], Awaitable[None]]) -> None:
        self._connection = connection
        self._leave = leave
        self._calls: set[asyncio.Future[Any]] = set()

    async def execute(self, sql: str) -> None:
        """Run a statement without rows."""
        await self._call(self._connection.execute, sql)

    async def query(self, sql: str) -> pa.RecordBatchReader:
        """The rows of a query; read them with ``next_batch``."""
        return await self._call(self._connection.query, sql)

    async def next_batch(self, rows: pa.RecordBatchReader) -> pa.RecordBatch | None:
        """The next batch, or None after the last one."""
        return await self._call(_next, rows)

    async def close(self) -> None:
        """Close the connection, once what runs on it has ended, however long that takes."""
        if self._calls:
            await asyncio.wait(self._calls)
        try:
            await asyncio.to_thread(self._connection.close)
        finally:
            await self._leave()

    async def _call(self, call: Callable[..., T], *arguments: object) -> T:
        running = self._begun(call, *arguments)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            # it connects, and so blocks where the network is silent
            self._begun(self._connection.cancel)
            await asyncio.wait(self._calls, timeout=ROLLBACK_SECONDS)
            raise

    def _begun(self, call: Callable[..., T], *arguments: object) -> asyncio.Future[T]:
        running = asyncio.ensure_future(asyncio.to_thread(call, *arguments))
        self._calls.add(running)
        running.add_done_callback(self._calls.discard)
        running.add_done_callback(_noticed)
        return running


class Readers:
    """Opens readers by the URI of the moment, ``limit`` at most at a time."""

    def __init__(
        self, spec: ConnectionSpec, limit: int, uri: Callable[[], str], waits: Waits
    ) -> None:
        self.limit = limit
        self.in_use = 0
        self._spec = spec
        self._uri = uri
        self._waits = waits
        self._places = asyncio.Semaphore(limit)
        self._databases = SharedDatabases()
        self._ending: set[asyncio.Future[None]] = set()

    @asynccontextmanager
    async def reader(self) -> AsyncIterator[Reader]:
        """A reader of one's own, closed at the end.

        Raises:
            DatabaseUnavailable: no place comes free in time, or nobody is there.
        """
        with self._waits.waiting(KIND):
            reader = await self._opened()
        self.in_use += 1
        try:
            yield reader
        finally:
            try:
                await to_its_end(self._ended(reader.close(), ROLLBACK_SECONDS))
            finally:
                self.in_use -= 1
                self._places.release()

    async def aclose(self) -> None:
        """Close what nobody uses; readers in use are closed by their users."""
        await self._ended(self._databases.retire(), self._spec.connect_timeout_seconds)
        if self._ending:
            await asyncio.wait(self._ending, timeout=self._spec.connect_timeout_seconds)

    async def _opened(self) -> Reader:
        seconds = self._spec.pool.acquire_timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                await self._places.acquire()
        except TimeoutError as error:
            raise self._waits.exhausted(seconds) from error
        connecting = asyncio.ensure_future(self._connected())
        try:
            with translated(f"connection {self._spec.name}: connecting"):
                return await asyncio.shield(connecting)
        except BaseException:
            self._places.release()
            self._begun(_closed_late(connecting))
            raise

    async def _connected(self) -> Reader:
        shared, database = await self._databases.entered(self._uri())
        leave = partial(self._databases.left, shared)
        try:
            return Reader(await asyncio.to_thread(ArrowConnection, database), leave)
        except BaseException:
            await leave()
            raise

    async def _ended(self, work: Coroutine[Any, Any, None], seconds: float) -> None:
        """Wait for ``work`` so long; after that it goes on by itself."""
        await asyncio.wait([self._begun(work)], timeout=seconds)

    def _begun(self, work: Coroutine[Any, Any, None]) -> asyncio.Future[None]:
        ending = asyncio.ensure_future(work)
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        ending.add_done_callback(_noticed)
        return ending


async def _closed_late(connecting: asyncio.Future[Reader]) -> None:
    """A reader that comes when nobody waits for it any more."""
    await asyncio.wait([connecting])
    if not connecting.cancelled() and connecting.exception() is None:
        await connecting.result().close()


def _next(rows: pa.RecordBatchReader) -> pa.RecordBatch | None:
    try:
        return rows.read_next_batch()
    except StopIteration:
        return None


def _noticed(ended: asyncio.Future[Any]) -> None:
    """What a call fails of that nobody waits for is nobody's; asyncio need not log it."""
    if not ended.cancelled():
        ended.exception()
