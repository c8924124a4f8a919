"""Tables as frames; a snapshot is the frame itself, since frames do not change."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import polars as pl

from cdc_daemon.errors import CdcError, TableNotFound
from cdc_daemon.model.table import TableId, TableSpec
from cdc_daemon.schema.table import Column, SourceTable

BATCH_ROWS = 1_000


@dataclass(slots=True)
class MemoryTable:
    """A table: its shape, and its rows in carriers, by field."""

    shape: SourceTable
    rows: pl.DataFrame


@dataclass(slots=True)
class MemorySource:
    """Implements ``ports.source.Source``; tests change ``tables`` between batches."""

    tables: dict[TableId, MemoryTable] = field(default_factory=dict)
    failure: CdcError | None = None
    """Raised instead of an answer: the database is down."""

    @asynccontextmanager
    async def read(self, spec: TableSpec) -> AsyncIterator[MemoryReading]:
        """The table as it is now."""
        await self.ping()
        if spec.id not in self.tables:
            raise TableNotFound(f"{spec.id}: the source has no table of that name")
        found = self.tables[spec.id]
        yield MemoryReading(self, spec.id, found.shape, found.rows)

    async def ping(self) -> None:
        """Fail as told to."""
        if self.failure is not None:
            raise self.failure


@dataclass(frozen=True, slots=True)
class MemoryReading:
    """Implements ``ports.source.Reading``."""

    source: MemorySource
    id: TableId
    table: SourceTable
    rows: pl.DataFrame

    async def count(self) -> int | None:
        """Rows of the snapshot, if the table is read in one."""
        return self.rows.height if self.table.snapshot else None

    async def batches(self, columns: Sequence[Column]) -> AsyncGenerator[pl.DataFrame, None]:
        """The rows, a thousand at a time."""
        casts = [pl.col(c.field).cast(c.carrier) for c in columns]
        for piece in self.rows.iter_slices(BATCH_ROWS):
            yield piece.select(casts)

    async def table_now(self) -> SourceTable:
        """The shape the table has by now."""
        return replace(self.source.tables[self.id].shape)
