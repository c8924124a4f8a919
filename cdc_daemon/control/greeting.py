"""What a database says of itself, for whoever checks a configuration."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from cdc_daemon.ports.sql import SqlDatabase

_QUERIES = MappingProxyType(
    {
        "postgresql": "SELECT current_setting('server_version'), clock_timestamp()",
        "sqlserver": "SELECT CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)), "
        "CAST(SYSUTCDATETIME() AS datetime2(6))",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """One answer; ``latency_seconds`` is of a round trip on a connection that is open."""

    version: str
    clock: datetime
    latency_seconds: float


async def greet(database: SqlDatabase, engine: str) -> Greeting:
    """Connect and ask.

    Raises:
        DatabaseError, SecretError: it cannot be asked.
    """
    async with database.session() as session:
        await session.fetch("SELECT 1")
        began = time.monotonic()
        rows = await session.fetch(_QUERIES[engine])
        latency = time.monotonic() - began
    return Greeting(version=rows[0][0], clock=rows[0][1], latency_seconds=latency)
