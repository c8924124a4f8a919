"""Tables of a PostgreSQL database, one snapshot at a time.

Catalog, count and rows share one exported snapshot. The table is locked in ACCESS SHARE mode
*before* the snapshot is taken: an ALTER TABLE that rewrites it would otherwise show an older
snapshot an empty table. It is the lock every SELECT takes, and it stands in nobody's way but
an ALTER's.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field

import polars as pl
import pyarrow as pa
from adbc_driver_manager import Error as AdbcError

from cdc_daemon.databases.postgresql.catalog import LOCKABLE, describe, find_relation
from cdc_daemon.databases.postgresql.database import PostgresDatabase
from cdc_daemon.databases.postgresql.decode import decode
from cdc_daemon.databases.postgresql.dialect import PostgresDialect
from cdc_daemon.databases.postgresql.errors import translated
from cdc_daemon.databases.postgresql.readers import Reader
from cdc_daemon.databases.postgresql.session import PostgresSession
from cdc_daemon.databases.postgresql.types import read_expression
from cdc_daemon.errors import DatabaseUnavailable, StatementFailed, UnsupportedType
from cdc_daemon.model.table import QualifiedName, TableSpec
from cdc_daemon.ports.ahead import ahead
from cdc_daemon.ports.cleanup import to_its_end
from cdc_daemon.ports.work import spent
from cdc_daemon.schema.table import Column, SourceTable


@dataclass(frozen=True, slots=True)
class PostgresSource:
    """Implements ``ports.source.Source``."""

    database: PostgresDatabase
    name_bytes: int
    """The longest name of a column in the target."""
    dialect: PostgresDialect = field(default_factory=PostgresDialect)

    @asynccontextmanager
    async def read(self, spec: TableSpec) -> AsyncIterator[PostgresReading]:
        """Open a snapshot of the table."""
        async with self.database.session() as session:
            await _refuse_unknown_text(session, spec)
            # found first, because the first query of the transaction takes its snapshot
            relation = await find_relation(session, spec.id)
            await session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            try:
                if relation.kind in LOCKABLE:
                    await session.execute(f"LOCK TABLE {self.name(spec)} IN ACCESS SHARE MODE")
                relation = await find_relation(session, spec.id)
                yield PostgresReading(
                    self,
                    session,
                    spec,
                    await describe(session, spec, relation, self.name_bytes),
                    (await session.fetch("SELECT pg_catalog.pg_export_snapshot()"))[0][0],
                )
            finally:
                await to_its_end(session.rolled_back())

    def name(self, spec: TableSpec) -> str:
        """The table, quoted."""
        return self.dialect.qualified(QualifiedName(spec.id.schema, spec.id.name))

    async def ping(self) -> None:
        """Connect and ask for nothing."""
        async with self.database.session() as session:
            await session.fetch("SELECT 1")


@dataclass(frozen=True, slots=True)
class PostgresReading:
    """Implements ``ports.source.Reading``."""

    source: PostgresSource
    session: PostgresSession
    spec: TableSpec
    table: SourceTable
    snapshot: str

    async def count(self) -> int | None:
        """Rows in the snapshot."""
        rows = await self.session.fetch(f"SELECT count(*) FROM {self.source.name(self.spec)}")
        return int(rows[0][0])

    async def batches(self, columns: Sequence[Column]) -> AsyncGenerator[pl.DataFrame, None]:
        """The rows of the snapshot, decoded."""
        quote = self.source.dialect.quote
        selected = ", ".join(read_expression(quote(c.name), c) for c in columns)
        begin = (
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            f"SET TRANSACTION SNAPSHOT '{self.snapshot}'",
        )
        select = f"SELECT {selected} FROM {self.source.name(self.spec)}"
        arrow = arrow_batches(self.source.database, select, begin, work="extract")
        async with aclosing(ahead(arrow)) as batches:
            async for batch in batches:
                with spent("decode"):
                    decoded = await asyncio.to_thread(decode, batch, columns)
                yield decoded

    async def table_now(self) -> SourceTable:
        """The columns and the key as they are now; this ends the snapshot."""
        await self.session.rolled_back()
        relation = await find_relation(self.session, self.spec.id)
        return await describe(self.session, self.spec, relation, self.source.name_bytes)


async def _refuse_unknown_text(session: PostgresSession, spec: TableSpec) -> None:
    encoding = (await session.fetch("SHOW server_encoding"))[0][0]
    if encoding == "SQL_ASCII":  # law 6: bytes of no known meaning are no text
        raise UnsupportedType(
            f"{spec.id}: the database's encoding is SQL_ASCII; what its text means is not known",
            remedy="Convert the database to UTF8.",
        )


async def arrow_batches(
    database: PostgresDatabase, select: str, before: Sequence[str] = (), *, work: str
) -> AsyncGenerator[pa.RecordBatch, None]:
    """The rows of ``select`` as Arrow, in bounded batches; cancelled with the caller.

    Waiting for the driver is accounted as ``work``.
    """
    doing = f"connection {database.spec.name}: reading"
    async with database.reader() as reader:
        with translated(doing):
            for statement in before:
                await reader.execute(statement)
            rows = await reader.query(select)
        while True:
            with spent(work):
                batch = await _next_batch(doing, reader, rows)
            if batch is None:
                return
            yield batch


async def _next_batch(
    doing: str, reader: Reader, rows: pa.RecordBatchReader
) -> pa.RecordBatch | None:
    try:
        with translated(doing):
            return await reader.next_batch(rows)
    except DatabaseUnavailable as error:
        # the driver tells an error among the rows without SQLSTATE, like a lost connection
        if error.code or not await _answers(reader):
            raise
        raise StatementFailed(
            f"{doing}: the query failed among its rows",
            remedy="Read the whole table with a SELECT at the source: a row of it cannot be read.",
        ) from error


async def _answers(reader: Reader) -> bool:
    try:
        await reader.execute("ROLLBACK")
    except (AdbcError, OSError):
        return False
    return True
