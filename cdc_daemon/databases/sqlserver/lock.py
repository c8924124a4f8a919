"""Application locks of sessions, each on a connection of its own (law 2).

The connection is outside the pool, and never made anew in silence (``ConnectRetryCount``): the
lock lives as long as it does. ODBC tells of its end only who asks: a heartbeat does.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from cdc_daemon.databases.sqlserver.database import SqlServerDatabase
from cdc_daemon.databases.sqlserver.wire import Wire
from cdc_daemon.errors import DatabaseError, TableLocked
from cdc_daemon.model.table import TableId
from cdc_daemon.ports.cleanup import to_its_end

HEARTBEAT_SECONDS = 10.0
ANSWER_SECONDS = 10.0
"""How long a server may take to answer a heartbeat: longer, and the lock passes for lost."""
LOCK_APPLICATION = "cdc-daemon lock"
"""By which the server's own views know sessions that hold a lock."""


def lock_name(control_schema: str, table: TableId) -> str:
    """The lock's resource, of any names: the server takes 255 characters, and may fold case."""
    name = f"{control_schema}\0{table.source}\0{table.schema}\0{table.name}"
    return f"cdc-daemon:{hashlib.sha256(name.encode()).hexdigest()}"


def take_lock(resource: str) -> str:
    """A batch whose answer is negative where somebody else has the lock."""
    return (
        "DECLARE @granted int; EXEC @granted = sp_getapplock "
        f"@Resource = N'{resource}', @LockMode = N'Exclusive', @LockOwner = N'Session', "
        "@LockTimeout = 0; SELECT @granted"
    )


@dataclass(frozen=True, slots=True)
class SqlServerLock:
    """A lock in hand; implements ``ports.control.HeldLock``."""

    wire: Wire
    heartbeat_seconds: float
    answer_seconds: float

    async def lost(self) -> None:
        """Return when the connection is gone, or does not answer."""
        while True:
            await asyncio.sleep(self.heartbeat_seconds)
            try:
                async with asyncio.timeout(self.answer_seconds):
                    await self.wire.fetch("SELECT 1")
            except (DatabaseError, TimeoutError):
                return


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlServerLocks:
    """Implements ``ports.control.Locks``."""

    database: SqlServerDatabase
    control_schema: str
    heartbeat_seconds: float = HEARTBEAT_SECONDS
    answer_seconds: float = ANSWER_SECONDS

    @asynccontextmanager
    async def hold(self, table: TableId) -> AsyncIterator[SqlServerLock]:
        """Take the lock or raise ``TableLocked``."""
        wire = await self.database.connect(LOCK_APPLICATION)
        try:
            ((granted,),) = await wire.fetch(take_lock(lock_name(self.control_schema, table)))
            if granted < 0:  # some engines have numbers of their own for it
                raise TableLocked(f"{table}: another process works on it")
            yield SqlServerLock(wire, self.heartbeat_seconds, self.answer_seconds)
        finally:
            await to_its_end(wire.close())  # closing releases the lock
