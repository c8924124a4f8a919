"""Open versions out of PostgreSQL, as Arrow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import polars as pl

from cdc_daemon.databases.postgresql.database import PostgresDatabase
from cdc_daemon.databases.postgresql.decode import decode
from cdc_daemon.databases.postgresql.source import arrow_batches
from cdc_daemon.databases.versions import decoded_versions
from cdc_daemon.ports.ahead import ahead
from cdc_daemon.ports.work import spent
from cdc_daemon.schema.table import Column


@dataclass(frozen=True, slots=True)
class PostgresVersions:
    """Implements ``load.target.VersionReader``."""

    database: PostgresDatabase

    async def versions(
        self, select: str, key: Sequence[Column]
    ) -> AsyncGenerator[pl.DataFrame, None]:
        """Decoded while the next batch is being read."""
        async with aclosing(ahead(arrow_batches(self.database, select, work="read"))) as batches:
            async for batch in batches:
                with spent("decode"):
                    decoded = await asyncio.to_thread(decoded_versions, batch, key, decode)
                yield decoded
