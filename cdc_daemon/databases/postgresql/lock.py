"""Session advisory locks, each on a connection of its own (law 2).

The connection is outside the pool, whose reset would release the lock. Its end is noticed at
once where the server closes it, and by a heartbeat where the network swallows it.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import asyncpg

from cdc_daemon.databases.postgresql.database import PostgresDatabase, ended
from cdc_daemon.databases.postgresql.errors import ASYNCPG_ERRORS, translated
from cdc_daemon.errors import TableLocked
from cdc_daemon.model.table import TableId
from cdc_daemon.ports.cleanup import to_its_end

HEARTBEAT_SECONDS = 10.0
ANSWER_SECONDS = 10.0
"""How long a server may take to answer a heartbeat: longer, and the lock passes for lost."""


def lock_number(control_schema: str, table: TableId) -> int:
    """The lock's 64-bit number: equal numbers of two tables only make one wait for the other."""
    name = f"{control_schema}\0{table.source}\0{table.schema}\0{table.name}"
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


@dataclass(frozen=True, slots=True)
class PostgresLock:
    """A lock in hand; implements ``ports.control.HeldLock``."""

    connection: asyncpg.Connection
    closed: asyncio.Event
    heartbeat_seconds: float
    answer_seconds: float

    async def lost(self) -> None:
        """Return when the connection is gone, or does not answer."""
        while not self.closed.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(self.heartbeat_seconds):
                    await self.closed.wait()
                    return
            try:
                await self.connection.fetchval("SELECT 1", timeout=self.answer_seconds)
            except ASYNCPG_ERRORS:
                return


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresLocks:
    """Implements ``ports.control.Locks``."""

    database: PostgresDatabase
    control_schema: str
    heartbeat_seconds: float = HEARTBEAT_SECONDS
    answer_seconds: float = ANSWER_SECONDS

    @asynccontextmanager
    async def hold(self, table: TableId) -> AsyncIterator[PostgresLock]:
        """Take the lock or raise ``TableLocked``."""
        connection = await self.database.connect()
        try:
            closed = asyncio.Event()
            connection.add_termination_listener(lambda _: closed.set())
            with translated(f"connection {self.database.spec.name}: locking"):
                taken = await connection.fetchval(
                    "SELECT pg_try_advisory_lock($1)", lock_number(self.control_schema, table)
                )
            if not taken:
                raise TableLocked(f"{table}: another process works on it")
            yield PostgresLock(connection, closed, self.heartbeat_seconds, self.answer_seconds)
        finally:
            await to_its_end(ended(connection))  # closing releases the lock
