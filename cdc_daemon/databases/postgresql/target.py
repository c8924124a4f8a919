"""Histories in a PostgreSQL database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import polars as pl
import pyarrow as pa

from cdc_daemon.cdc.compare import LATER, VERSION
from cdc_daemon.cdc.row_hash import HASH
from cdc_daemon.databases.postgresql.bronze import needs
from cdc_daemon.databases.postgresql.database import PostgresDatabase
from cdc_daemon.databases.postgresql.decode import decode
from cdc_daemon.databases.postgresql.dialect import PostgresDialect
from cdc_daemon.databases.postgresql.source import arrow_batches
from cdc_daemon.databases.postgresql.types import read_expression
from cdc_daemon.load.promote import Promoter
from cdc_daemon.load.statements import LOAD, LOAD_TABLE
from cdc_daemon.model.change import POSITION
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.run import Promoted
from cdc_daemon.model.table import TableSpec
from cdc_daemon.ports.ahead import ahead
from cdc_daemon.ports.control import StateReader
from cdc_daemon.ports.flow import Arriving, Compared, History
from cdc_daemon.ports.work import spent
from cdc_daemon.schema.table import Column, SourceTable

_VERSION_FIELDS = (HASH, VERSION, LATER)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresTarget:
    """Implements ``ports.target.Target``."""

    database: PostgresDatabase
    dialect: PostgresDialect
    states: StateReader
    promoter: Promoter
    stage_retention: timedelta
    rebuild_indexes_above: float | None
    """As ``target.rebuild_indexes_above`` of the configuration."""

    async def now(self) -> datetime:
        """The server's clock, to the microsecond, in UTC."""
        async with self.database.session() as session:
            now: datetime = (await session.fetch("SELECT clock_timestamp()"))[0][0]
        return now

    async def fence(self, spec: TableSpec) -> TableState:
        """One row of ``table_state``."""
        async with self.database.session() as session:
            return await self.states.read(session, spec.id)

    async def prepare(self, spec: TableSpec, table: SourceTable) -> History:
        """What the catalog says."""
        async with self.database.session() as session:
            state = await self.states.read(session, spec.id)
            found = await needs(session, self.dialect, spec, table)
        return History(
            state=state,
            table=table,
            is_empty=found.is_empty,
            ddl=found.ddl,
            indexes=found.indexes,
            secondary=found.secondary,
            rebuild_above=self.rebuild_indexes_above,
        )

    async def open_versions(
        self, spec: TableSpec, history: History, after: datetime
    ) -> AsyncGenerator[pl.DataFrame, None]:
        """The open versions' keys and hashes, as Arrow."""
        key = tuple(_stored(column) for column in history.table.key_columns)
        quote = self.dialect.quote
        values = ", ".join(read_expression(quote(c.target_name), c) for c in key)
        # the instant is ours, and COPY takes no parameters
        select = (
            f'SELECT {values}, "_row_hash", "_hash_version", '
            f"\"_valid_from\" > '{after.isoformat()}'::timestamptz "
            f'FROM {self.dialect.qualified(spec.bronze)} WHERE "_valid_to" IS NULL'
        )
        async with aclosing(ahead(arrow_batches(self.database, select, work="read"))) as batches:
            async for batch in batches:
                with spent("decode"):
                    decoded = await asyncio.to_thread(_decoded, batch, key)
                yield decoded

    async def known(self, spec: TableSpec, history: History, keys: pl.DataFrame) -> pl.Series:
        """Ask with a temporary table that goes with the transaction."""
        table = history.table
        quote = self.dialect.quote
        async with self.database.transaction() as session:
            await session.execute(self.dialect.create_keys(LOAD, table.key_columns))
            await session.bulk_load(LOAD_TABLE, table.key_columns, (POSITION,), _one(keys))
            rows = await session.fetch(
                f"SELECT DISTINCT l.{quote(POSITION)} FROM {quote(LOAD)} l "
                f"JOIN {self.dialect.qualified(spec.bronze)} b ON {self.dialect.same_key(table)}"
            )
        return pl.Series([row[0] for row in rows], dtype=pl.UInt32).sort()

    async def first_load(self, arriving: Arriving) -> Promoted:
        """One transaction, as ``load.promote`` says."""
        return await self.promoter.first_load(arriving)

    async def promote(self, compared: Compared) -> Promoted:
        """One transaction, as ``load.promote`` says."""
        return await self.promoter.promote(compared)

    async def sweep(self, spec: TableSpec) -> int:
        """Stage rows past their retention."""
        before = await self.now() - self.stage_retention
        async with self.database.session() as session:
            return await session.execute(
                f'DELETE FROM {self.dialect.qualified(spec.stage)} WHERE "_changed_at" < $1', before
            )

    async def ping(self) -> None:
        """Connect and ask for nothing."""
        async with self.database.session() as session:
            await session.fetch("SELECT 1")


def _stored(column: Column) -> Column:
    """The column as bronze has it, whatever the source calls its type."""
    return replace(column, native="character(" if _is_fixed(column) else "", as_text=column.as_text)


def _is_fixed(column: Column) -> bool:
    return getattr(column.type, "fixed", False)


def _decoded(batch: pa.RecordBatch, key: Sequence[Column]) -> pl.DataFrame:
    frame = decode(batch, key)
    values = [batch.column(n) for n in range(len(key), batch.num_columns)]
    own = pl.DataFrame(dict(zip(_VERSION_FIELDS, values, strict=True)))
    hashes = pl.col(HASH).bin.reinterpret(dtype=pl.UInt128, endianness="big")
    return pl.concat([frame, own.with_columns(hashes)], how="horizontal")


async def _one(frame: pl.DataFrame) -> AsyncGenerator[pl.DataFrame, None]:
    yield frame
