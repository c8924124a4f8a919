"""Sessions with one SQL Server database, bounded as configured.

Half of ``pool.max`` are pooled ODBC sessions, half are readers and bulk loads, and the sum is
never exceeded, but for the session that a bulk copy opens beside its own connection. A batch
holds at most one of each in a role. The lock connections of running batches come on top.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from functools import partial

from cdc_daemon.databases.sqlserver.address import APPLICATION, check
from cdc_daemon.databases.sqlserver.bulk import Bulk
from cdc_daemon.databases.sqlserver.opening import answers, connected
from cdc_daemon.databases.sqlserver.pool import Pool
from cdc_daemon.databases.sqlserver.readers import KIND as READER
from cdc_daemon.databases.sqlserver.readers import (
    ArrowReader,
    Places,
    Reader,
    RowReader,
    arrow_reader,
)
from cdc_daemon.databases.sqlserver.session import SqlServerSession
from cdc_daemon.databases.sqlserver.types import is_read_unbounded
from cdc_daemon.databases.sqlserver.wire import Wire
from cdc_daemon.databases.waits import Waits
from cdc_daemon.model.config import ConnectionSpec, is_microsoft
from cdc_daemon.ports.cleanup import to_its_end
from cdc_daemon.ports.statistics import PoolObserver, PoolStats
from cdc_daemon.schema.table import Column

POOLED = "pooled"
"""Kind of sessions; the other is a ``readers.KIND``."""


class SqlServerDatabase:
    """Where sessions come from; implements ``ports.sql.SqlDatabase``."""

    def __init__(
        self,
        spec: ConnectionSpec,
        password: Callable[[], str | None],
        observer: PoolObserver | None = None,
    ) -> None:
        """Connects to nothing yet.

        Raises:
            ConfigError: the settings ask for what the drivers cannot do.
        """
        check(spec)
        self.spec = spec
        self._password = password
        self._waits = Waits(spec.name, observer)
        self._alive = partial(answers, spec, password)
        self._pool = Pool(spec.pool, self.sessions, self.connect, self._waits)
        seconds = spec.pool.acquire_timeout_seconds
        self._places = Places(spec.pool.max - self.sessions, seconds, self._waits)
        self._bulk = Bulk(spec=spec, wire=self._apart, arrow=self._arrow)

    @property
    def sessions(self) -> int:
        """Pooled sessions at most; the rest of ``pool.max`` are readers."""
        return self.spec.pool.max - self.spec.pool.max // 2

    def stats(self, role: str) -> tuple[PoolStats, ...]:
        """Pooled sessions and readers as they are now; at once, and of a closed pool, too."""
        pool, places, waits = self._pool, self._places, self._waits
        return (
            waits.stats(role, POOLED, limit=self.sessions, opened=pool.opened, idle=pool.idle),
            waits.stats(role, READER, limit=places.limit, opened=places.in_use),
        )

    async def aclose(self) -> None:
        """Close every pooled session, at the worst under its user; readers are their users'."""
        await self._pool.aclose(self.spec.connect_timeout_seconds)

    async def connect(self, application: str = APPLICATION) -> Wire:
        """A connection outside the pool, for a lock. The caller closes it."""
        return await connected(self.spec, self._password, self._alive, application)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[SqlServerSession]:
        """A pooled session outside any transaction."""
        async with self._taken() as wire:
            try:
                yield SqlServerSession(wire, self.spec, self._bulk)
            except BaseException:
                await to_its_end(wire.rolled_back())
                raise

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[SqlServerSession]:
        """Committed at the end, rolled back on any exception."""
        async with self._taken() as wire:
            try:
                await wire.execute("BEGIN TRANSACTION")
                yield SqlServerSession(wire, self.spec, self._bulk)
                await wire.execute("COMMIT TRANSACTION")
            except BaseException:
                await to_its_end(wire.rolled_back())
                raise

    @asynccontextmanager
    async def reader(self, columns: Iterable[Column] = ()) -> AsyncIterator[Reader]:
        """A connection for one read of ``columns``: of the Arrow driver, or of the ODBC driver.

        The Arrow driver holds the interpreter's lock while it waits for values of any length: a
        server that is slow would stop the whole process.
        """
        unbounded = any(map(is_read_unbounded, columns))
        if is_microsoft(self.spec.sqlserver.driver) and not unbounded:
            async with self._arrow() as arrow:
                yield arrow
        else:
            async with self._apart() as wire:
                yield RowReader(wire)

    @asynccontextmanager
    async def _taken(self) -> AsyncIterator[Wire]:
        with self._waits.waiting(POOLED):
            wire = await self._pool.take()
        try:
            yield wire
        finally:
            await to_its_end(self._pool.bring_back(wire))

    @asynccontextmanager
    async def _apart(self) -> AsyncIterator[Wire]:
        """An ODBC connection of one's own, in a reader's place."""
        async with self._places.place(self.connect) as wire:
            try:
                yield wire
            finally:
                await to_its_end(wire.close())

    @asynccontextmanager
    async def _arrow(self) -> AsyncIterator[ArrowReader]:
        opening = partial(arrow_reader, self.spec, self._password, self._alive)
        async with self._places.place(opening) as reader:
            try:
                yield reader
            finally:
                await to_its_end(reader.close())
