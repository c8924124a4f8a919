"""Sessions with one PostgreSQL database, bounded as configured.

Half of ``pool.max`` are pooled asyncpg sessions, half are Arrow readers, and the sum is never
exceeded. A batch holds at most one of each in a role, and no more batches are let in than there
are sessions (``bootstrap``), so that none waits for another's. The lock connections of running
batches come on top: they must not be shared.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, urlencode

import asyncpg
from adbc_driver_postgresql import dbapi

from cdc_daemon.databases.cleanup import to_its_end
from cdc_daemon.databases.postgresql.errors import translated
from cdc_daemon.databases.postgresql.session import ROLLBACK_SECONDS, PostgresSession
from cdc_daemon.databases.waits import Waits
from cdc_daemon.errors import DatabaseUnavailable
from cdc_daemon.model.config import ConnectionSpec
from cdc_daemon.ports.statistics import PoolObserver, PoolStats

SETTINGS = {
    # what is carried as text must read back as the same value on the other side
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "xmloption": "content",
    "client_encoding": "UTF8",
    "standard_conforming_strings": "on",
    # a policy that hides rows is an error, not a mass delete
    "row_security": "off",
    # a long read is not idle, and is cancelled rather than timed out
    "idle_in_transaction_session_timeout": "0",
    "statement_timeout": "0",
}

_KEEPALIVE = MappingProxyType(
    {  # a peer that is gone is noticed within a minute
        socket.TCP_KEEPIDLE: 30,
        socket.TCP_KEEPINTVL: 10,
        socket.TCP_KEEPCNT: 3,
        socket.TCP_USER_TIMEOUT: 60_000,
    }
)


POOLED, READER = "pooled", "reader"
"""Kinds of sessions."""


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
        self._readers = asyncio.Semaphore(spec.pool.max - self.sessions)
        self._reading = 0
        self._waits = Waits(spec.name, observer)

    @property
    def sessions(self) -> int:
        """Pooled sessions at most; the rest of ``pool.max`` are Arrow readers."""
        return self.spec.pool.max - self.spec.pool.max // 2

    def stats(self, role: str) -> tuple[PoolStats, ...]:
        """Pooled sessions and Arrow readers as they are now; at once, and of a closed pool, too."""
        pool, waits = self._pool, self._waits
        opened, idle = (pool.get_size(), pool.get_idle_size()) if pool is not None else (0, 0)
        readers = self.spec.pool.max - self.sessions
        return (
            waits.stats(role, POOLED, limit=self.sessions, opened=opened, idle=idle),
            waits.stats(role, READER, limit=readers, opened=self._reading),
        )

    async def aclose(self) -> None:
        """Close every session; those in use are closed under their users."""
        pool, self._pool = self._pool, None
        if pool is not None:
            try:
                async with asyncio.timeout(self.spec.connect_timeout_seconds):
                    await pool.close()
            except TimeoutError:
                pool.terminate()

    async def connect(self) -> asyncpg.Connection:
        """A connection outside the pool, for a lock. The caller closes it."""
        with translated(f"connection {self.spec.name}: connecting"):
            return await asyncpg.connect(connection_class=_Aged, **self._arguments())

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

    @asynccontextmanager
    async def reader(self) -> AsyncIterator[dbapi.Connection]:
        """A connection of the Arrow driver, in autocommit; its calls block: use a thread."""
        with self._waits.waiting(READER):
            connection = await self._opened_reader()
        self._reading += 1
        try:
            yield connection
        finally:
            try:
                await to_its_end(_closed(connection))
            finally:
                self._reading -= 1
                self._readers.release()

    async def _opened_reader(self) -> dbapi.Connection:
        try:
            async with asyncio.timeout(self.spec.pool.acquire_timeout_seconds):
                await self._readers.acquire()
        except TimeoutError as error:
            raise self._exhausted() from error
        connecting = asyncio.ensure_future(
            asyncio.to_thread(dbapi.connect, self._uri(), autocommit=True)
        )
        try:
            with translated(f"connection {self.spec.name}: connecting"):
                return await asyncio.shield(connecting)
        except BaseException:
            self._readers.release()
            connecting.add_done_callback(_closed_late)
            raise

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
        wait = asyncio.timeout(self.spec.pool.acquire_timeout_seconds)
        try:
            with translated(f"connection {self.spec.name}: connecting"):
                async with wait:
                    return await pool.acquire()
        except DatabaseUnavailable as error:
            if wait.expired():
                raise self._exhausted() from error
            raise

    async def _released(self, pool: asyncpg.Pool, connection: Any) -> None:  # noqa: ANN401 - a proxy
        born = getattr(connection, "born", time.monotonic())
        if time.monotonic() - born > self.spec.pool.max_age_seconds:
            await connection.close()  # the pool replaces it when it is needed
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
                        **self._arguments(),
                    )
            return self._pool

    def _exhausted(self) -> DatabaseUnavailable:
        return DatabaseUnavailable(
            f"connection {self.spec.name}: no free session within "
            f"{self.spec.pool.acquire_timeout_seconds:g} s",
            remedy="Raise `pool.max` of the connection, or lower the workers of the lanes.",
        )

    def _arguments(self) -> dict[str, Any]:
        spec = self.spec
        return {
            "host": spec.host,
            "port": spec.port,
            "database": spec.database,
            "user": spec.user,
            "password": self._password(),
            "ssl": _ssl(spec),
            "timeout": spec.connect_timeout_seconds,
            "statement_cache_size": 0,  # poolers in between, and DDL by others, stay harmless
            "server_settings": {
                **SETTINGS,
                "application_name": "cdc-daemon",
                "lock_timeout": str(int(spec.lock_timeout_seconds * 1000)),
            },
        }

    def _uri(self) -> str:
        spec = self.spec
        settings = SETTINGS | {"lock_timeout": str(int(spec.lock_timeout_seconds * 1000))}
        options = " ".join(
            f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in settings.items()
        )
        query = {
            "connect_timeout": str(max(2, int(spec.connect_timeout_seconds))),
            "application_name": "cdc-daemon",
            "sslmode": spec.tls.mode,
            "options": options,
            "keepalives_idle": str(_KEEPALIVE[socket.TCP_KEEPIDLE]),
            "keepalives_interval": str(_KEEPALIVE[socket.TCP_KEEPINTVL]),
            "keepalives_count": str(_KEEPALIVE[socket.TCP_KEEPCNT]),
            "tcp_user_timeout": str(_KEEPALIVE[socket.TCP_USER_TIMEOUT]),
        }
        if spec.tls.ca_file:
            query["sslrootcert"] = spec.tls.ca_file
        password = self._password()
        user = quote(spec.user, safe="") + (f":{quote(password, safe='')}" if password else "")
        host = f"[{spec.host}]" if ":" in spec.host else quote(spec.host, safe="")
        return (
            f"postgresql://{user}@{host}:{spec.port}/{quote(spec.database, safe='')}"
            f"?{urlencode(query, quote_via=quote)}"
        )


class _Aged(asyncpg.Connection):  # type: ignore[misc] # asyncpg is not typed
    """A connection that knows when it began, and notices when nobody is there any more."""

    __slots__ = ("born",)

    def __init__(self, protocol: object, transport: asyncio.Transport, *rest: object) -> None:
        super().__init__(protocol, transport, *rest)
        self.born = time.monotonic()
        wire = transport.get_extra_info("socket")
        if wire is not None:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in _KEEPALIVE.items():
                wire.setsockopt(socket.IPPROTO_TCP, option, value)


async def _rolled_back(connection: Any, transaction: Any) -> None:  # noqa: ANN401 - not typed
    """Roll back; a connection that does not answer in time is dropped, which rolls back, too."""
    try:
        async with asyncio.timeout(ROLLBACK_SECONDS):
            await transaction.rollback()
    except (
        TimeoutError,
        OSError,
        asyncpg.PostgresError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,
    ):
        connection.terminate()


def _ssl(spec: ConnectionSpec) -> str | ssl.SSLContext:
    if spec.tls.ca_file is None or spec.tls.mode in {"disable", "allow", "prefer", "require"}:
        return spec.tls.mode
    context = ssl.create_default_context(cafile=spec.tls.ca_file)
    context.check_hostname = spec.tls.mode == "verify-full"
    return context


def _closed_late(connecting: asyncio.Future[dbapi.Connection]) -> None:
    """A connection that came when nobody waited for it any more."""
    if not connecting.cancelled() and connecting.exception() is None:
        connecting.get_loop().run_in_executor(None, connecting.result().close)


async def _closed(connection: dbapi.Connection) -> None:
    closing = asyncio.ensure_future(asyncio.to_thread(connection.close))
    await asyncio.wait([closing], timeout=ROLLBACK_SECONDS)
