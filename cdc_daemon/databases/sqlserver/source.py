"""Tables of a SQL Server database, one snapshot at a time where the database allows one.

Under SNAPSHOT one transaction counts the rows, which takes its snapshot, and then reads them.
Under READ_COMMITTED_SNAPSHOT the rows of one SELECT are of one instant, and there is no count.
Else there is no snapshot (law 10). The catalog has no versions: it is read before and after.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field

import polars as pl

from cdc_daemon.databases.sqlserver.catalog import Isolation, describe, isolation
from cdc_daemon.databases.sqlserver.database import SqlServerDatabase
from cdc_daemon.databases.sqlserver.dialect import SqlServerDialect
from cdc_daemon.databases.sqlserver.pieces import decoded, rows_of
from cdc_daemon.databases.sqlserver.readers import Reader
from cdc_daemon.databases.sqlserver.types import by_bytes, read_expression
from cdc_daemon.databases.sqlserver.wire import ROLL_BACK
from cdc_daemon.model.table import QualifiedName, TableSpec
from cdc_daemon.ports.sql import SqlSession
from cdc_daemon.schema.table import Column, SourceTable

_BEGIN = "SET TRANSACTION ISOLATION LEVEL SNAPSHOT; BEGIN TRANSACTION"


@dataclass(frozen=True, slots=True)
class SqlServerSource:
    """Implements ``ports.source.Source``."""

    database: SqlServerDatabase
    name_bytes: int
    """The longest name of a column in the target."""
    dialect: SqlServerDialect = field(default_factory=SqlServerDialect)

    @asynccontextmanager
    async def read(self, spec: TableSpec) -> AsyncIterator[SqlServerReading]:
        """Open a snapshot of the table; the server's, or what comes next to one.

        Raises:
            Conflict: the table's columns change at this moment.
        """
        async with self.database.session() as session:
            allowed = await isolation(session)
            table = await self.described(session, spec, allowed)
        async with self.database.reader(table.columns) as reader:
            rows = None
            if allowed is Isolation.SNAPSHOT:
                await reader.execute(_BEGIN)
                # the first to touch data: the snapshot is of this instant
                rows = int(await reader.value(f"SELECT COUNT_BIG(*) FROM {self.name(spec)}"))
            yield SqlServerReading(self, reader, spec, table, allowed, rows)

    async def described(
        self, session: SqlSession, spec: TableSpec, allowed: Isolation
    ) -> SourceTable:
        """The columns and the key as they are now."""
        snapshot = allowed is not Isolation.NONE
        return await describe(session, spec, snapshot=snapshot, name_bytes=self.name_bytes)

    def name(self, spec: TableSpec) -> str:
        """The table, quoted."""
        return self.dialect.qualified(QualifiedName(spec.id.schema, spec.id.name))

    async def ping(self) -> None:
        """Connect and ask for nothing."""
        async with self.database.session() as session:
            await session.fetch("SELECT 1")


@dataclass(frozen=True, slots=True)
class SqlServerReading:
    """Implements ``ports.source.Reading``."""

    source: SqlServerSource
    reader: Reader
    spec: TableSpec
    table: SourceTable
    isolation: Isolation
    rows: int | None

    async def count(self) -> int | None:
        """Rows in the snapshot; None where there is none that spans two statements."""
        return self.rows

    async def batches(self, columns: Sequence[Column]) -> AsyncGenerator[pl.DataFrame, None]:
        """The rows, decoded."""
        if self.reader.text_by_bytes:
            columns = [by_bytes(column) for column in columns]
        quote = self.source.dialect.quote
        selected = ", ".join(read_expression(quote(c.name), c) for c in columns)
        select = f"SELECT {selected} FROM {self.source.name(self.spec)}"
        frames = decoded(self.reader, select, rows_of, columns, work="extract")
        async with aclosing(frames):
            async for frame in frames:
                yield frame

    async def table_now(self) -> SourceTable:
        """The columns and the key as they are now; this ends the snapshot."""
        if self.isolation is Isolation.SNAPSHOT:
            await self.reader.execute(ROLL_BACK)
        async with self.source.database.session() as session:
            return await self.source.described(session, self.spec, self.isolation)
