"""Sessions with one PostgreSQL database, bounded as configured.

Half of ``pool.max`` are pooled asyncpg sessions, half are Arrow readers, and the sum is never
exceeded. A batch holds at most one of each in a role, and no more batches are let in than there
are sessions (``bootstrap``), so that none waits for another's. The lock connections of running
batches come on top: they must not be shared.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

import asyncpg

from cdc_daemon.databases.postgresql.address import KEEPALIVE, arguments, uri
from cdc_daemon.databases.postgresql.errors import ASYNCPG_ERRORS, translated
from cdc_daemon.databases.postgresql.readers import KIND as READER
from cdc_daemon.databases.postgresql.readers import Reader, Readers
from cdc_daemon.databases.postgresql.session import ROLLBACK_SECONDS, PostgresSession
from cdc_daemon.databases.waits import Waits
from cdc_daemon.errors import DatabaseUnavailable
from cdc_daemon.model.config import ConnectionSpec
from cdc_daemon.ports.cleanup import to_its_end
from cdc_daemon.ports.statistics import PoolObserver, PoolStats

POOLED = "pooled"
"""Kind of sessions; the other is a ``readers.KIND``."""
END_SECONDS = 5.0
"""How long a server may take to hang up on who parts."""


class PostgresDatabase:
    """Where sessions come from; implements ``ports.sql.SqlDatabase``."""

    def __init__(
        self,
        spec: ConnectionSpec,
        password: Callable[[], str | None],
        observer: PoolObserver | None = None,
    ) -> None:
        self.spec = spec
        self._password = password
        self._pool: asyncpg.Pool | None = None
        self._opening = asyncio.Lock()
        self._waits = Waits(spec.name, observer)
        self._readers = Readers(
            spec, spec.pool.max - self.sessions, lambda: uri(spec, password()), self._waits
        )

    @property
    def sessions(self) -> int:
        """Pooled sessions at most; the rest of ``pool.max`` are Arrow readers."""
        return self.spec.pool.max - self.spec.pool.max // 2

    def stats(self, role: str) -> tuple[PoolStats, ...]:
        """Pooled sessions and Arrow readers as they are now; at once, and of a closed pool, too."""
        pool, waits = self._pool, self._waits
        opened, idle = (pool.get_size(), pool.get_idle_size()) if pool is not None else (0, 0)
        readers = self._readers
        return (
            waits.stats(role, POOLED, limit=self.sessions, opened=opened, idle=idle),
            waits.stats(role, READER, limit=readers.limit, opened=readers.in_use),
        )

    async def aclose(self) -> None:
        """Close every session: pooled ones under their users, readers in use by their users."""
        pool, self._pool = self._pool, None
        if pool is not None:
            try:
                async with asyncio.timeout(self.spec.connect_timeout_seconds):
                    await pool.close()
            except TimeoutError:
                pool.terminate()
        await self._readers.aclose()

    async def connect(self) -> asyncpg.Connection:
        """A connection outside the pool, for a lock. The caller closes it."""
        with translated(f"connection {self.spec.name}: connecting"):
            return await asyncpg.connect(
                connection_class=_Aged, **arguments(self.spec, self._password())
            )

    @asynccontextmanager
    async def session(self) -> AsyncIterator[PostgresSession]:
        """A pooled session outside any transaction."""
        async with self._acquired() as connection:
            yield PostgresSession(connection, self.spec.name)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[PostgresSession]:
        """Committed at the end, rolled back on any exception."""
        async with self._acquired() as connection:
            with translated(f"connection {self.spec.name}: transaction"):
                transaction = connection.transaction()
                await transaction.start()
                try:
                    yield PostgresSession(connection, self.spec.name)
                except BaseException:
                    await to_its_end(_rolled_back(connection, transaction))
                    raise
                await transaction.commit()

    def reader(self) -> AbstractAsyncContextManager[Reader]:
        """A connection of the Arrow driver, in autocommit."""
        return self._readers.reader()

    @asynccontextmanager
    async def _acquired(self) -> AsyncIterator[asyncpg.Connection]:
        with self._waits.waiting(POOLED):
            pool = await self._opened()
            connection = await self._taken(pool)
        try:
            yield connection
        finally:
            await to_its_end(self._released(pool, connection))

    async def _taken(self, pool: asyncpg.Pool) -> asyncpg.Connection:
        seconds = self.spec.pool.acquire_timeout_seconds
        wait = asyncio.timeout(seconds)
        try:
            with translated(f"connection {self.spec.name}: connecting"):
                async with wait:
                    return await pool.acquire()
        except DatabaseUnavailable as error:
            if wait.expired():
                raise self._waits.exhausted(seconds) from error
            raise

    async def _released(self, pool: asyncpg.Pool, connection: Any) -> None:  # noqa: ANN401 - a proxy
        born = getattr(connection, "born", time.monotonic())
        if time.monotonic() - born > self.spec.pool.max_age_seconds:
            await ended(connection)  # the pool replaces it when it is needed
        with translated(f"connection {self.spec.name}: releasing"):
            await pool.release(connection, timeout=self.spec.connect_timeout_seconds)

    async def _opened(self) -> asyncpg.Pool:
        async with self._opening:
            if self._pool is None:
                limits = self.spec.pool
                with translated(f"connection {self.spec.name}: connecting"):
                    self._pool = await asyncpg.create_pool(
                        min_size=min(limits.min, self.sessions),
                        max_size=self.sessions,
                        max_inactive_connection_lifetime=limits.idle_seconds,
                        connection_class=_Aged,
                        **arguments(self.spec, self._password()),
                    )
            return self._pool


class _Aged(asyncpg.Connection):  # type: ignore[misc] # asyncpg is not typed
    """A connection that knows when it began, and notices when nobody is there any more."""

    __slots__ = ("born",)

    def __init__(self, protocol: object, transport: asyncio.Transport, *rest: object) -> None:
        super().__init__(protocol, transport, *rest)
        self.born = time.monotonic()
        wire = transport.get_extra_info("socket")
        if wire is not None:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in KEEPALIVE.items():
                wire.setsockopt(socket.IPPROTO_TCP, option, value)


async def _rolled_back(connection: Any, transaction: Any) -> None:  # noqa: ANN401 - not typed
    """Roll back; a connection that does not answer in time is dropped, which rolls back, too."""
    try:
        async with asyncio.timeout(ROLLBACK_SECONDS):
            await transaction.rollback()
    except ASYNCPG_ERRORS:
        connection.terminate()


async def ended(connection: Any) -> None:  # noqa: ANN401 - not typed
    """Close; a connection that does not part in time is dropped."""
    with suppress(*ASYNCPG_ERRORS):
        await connection.close(timeout=END_SECONDS)
