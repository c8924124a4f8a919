"""Open versions out of PostgreSQL, as Arrow."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from cdc_daemon.cdc.compare import LATER, VERSION
from cdc_daemon.cdc.row_hash import HASH
from cdc_daemon.databases.postgresql.database import PostgresDatabase
from cdc_daemon.databases.postgresql.decode import decode
from cdc_daemon.databases.postgresql.source import arrow_batches
from cdc_daemon.ports.ahead import ahead
from cdc_daemon.ports.work import spent
from cdc_daemon.schema.table import Column

_VERSION_FIELDS = (HASH, VERSION, LATER)


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
                    decoded = await asyncio.to_thread(_decoded, batch, key)
                yield decoded


def _decoded(batch: pa.RecordBatch, key: Sequence[Column]) -> pl.DataFrame:
    frame = decode(batch, key)
    values = [batch.column(n) for n in range(len(key), batch.num_columns)]
    own = pl.DataFrame(dict(zip(_VERSION_FIELDS, values, strict=True)))
    hashes = pl.col(HASH).bin.reinterpret(dtype=pl.UInt128, endianness="big")
    return pl.concat([frame, own.with_columns(hashes)], how="horizontal")
