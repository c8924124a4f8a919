"""Histories in a database that speaks SQL: a port's promises, in a dialect's words."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import polars as pl

from cdc_daemon.load.isolate import Isolation
from cdc_daemon.load.needs import needs
from cdc_daemon.load.promote import Promoter
from cdc_daemon.model.change import POSITION
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.run import Promoted
from cdc_daemon.model.table import QualifiedName, TableSpec
from cdc_daemon.ports.control import StateReader
from cdc_daemon.ports.dialect import TargetDialect
from cdc_daemon.ports.flow import Arriving, Begun, Compared, History
from cdc_daemon.ports.sql import SqlDatabase, SqlSession
from cdc_daemon.ports.target import Refusal
from cdc_daemon.schema.naming import load_batch
from cdc_daemon.schema.table import Column, SourceTable


class VersionReader(Protocol):
    """How an engine hands out open versions: many rows, as Arrow."""

    def versions(self, select: str, key: Sequence[Column]) -> AsyncGenerator[pl.DataFrame, None]:
        """The rows of ``select``: ``key`` in carriers, row hash, recipe, and ``_later``."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlTarget:
    """Implements ``ports.target.Target``."""

    database: SqlDatabase
    dialect: TargetDialect
    reader: VersionReader
    states: StateReader
    promoter: Promoter
    stage_retention: timedelta
    rebuild_indexes_above: float | None
    """As ``target.rebuild_indexes_above`` of the configuration."""

    async def now(self) -> datetime:
        """The server's clock, to the microsecond, in UTC."""
        async with self.database.session() as session:
            now: datetime = (await session.fetch(f"SELECT {self.dialect.now}"))[0][0]
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
            added=found.added,
            indexes=found.indexes,
            secondary=found.secondary,
            rebuild_above=self.rebuild_indexes_above,
        )

    async def open_versions(
        self, spec: TableSpec, columns: Sequence[Column], after: datetime
    ) -> AsyncGenerator[pl.DataFrame, None]:
        """The open versions' values and hashes, as Arrow."""
        select = self.dialect.select_open_versions(spec, columns, after)
        async with aclosing(self.reader.versions(select, columns)) as frames:
            async for frame in frames:
                yield frame

    async def known(self, begun: Begun, keys: pl.DataFrame) -> pl.Series:
        """Ask with a table of the keys, which goes with the transaction."""
        spec, table, say = begun.job.table, begun.history.table, self.dialect
        load = say.keys_table(spec, begun.batch.number)
        columns, create = table.key_columns, say.create_keys(load, table.key_columns)
        async with self.database.transaction() as session:
            await session.bulk_load(load, columns, (POSITION,), _one(keys), create=create)
            rows = await session.fetch(
                f"SELECT DISTINCT l.{say.quote(POSITION)} FROM {say.qualified(load)} l "
                f"JOIN {say.qualified(spec.bronze)} b ON {say.same_key(table)}"
            )
            if drop := say.drop_load(load):
                await session.execute(drop)
        return pl.Series([row[0] for row in rows], dtype=pl.UInt32).sort()

    async def first_load(self, arriving: Arriving) -> Promoted:
        """One transaction, as ``load.promote`` says."""
        return await self.promoter.first_load(arriving)

    async def refused(self, compared: Compared) -> tuple[Refusal, ...]:
        """By loading ever smaller pieces, as ``load.isolate`` says."""
        return await Isolation(self.database, self.promoter.statements(compared.begun)).refused(
            compared
        )

    async def promote(self, compared: Compared) -> Promoted:
        """One transaction, as ``load.promote`` says."""
        return await self.promoter.promote(compared)

    async def sweep(self, spec: TableSpec) -> int:
        """Stage rows past their retention, and load tables that ended batches left."""
        before = await self.now() - self.stage_retention
        async with self.database.session() as session:
            await self._drop_left_loads(session, spec.stage.schema)
            return await session.execute(
                f'DELETE FROM {self.dialect.qualified(spec.stage)} WHERE "_changed_at" < $1', before
            )

    async def _drop_left_loads(self, session: SqlSession, schema: str) -> None:
        """A load table outlives its batch where a process was killed, or promote rolled back."""
        if (query := self.dialect.load_tables()) is None:
            return
        names = [row[0] for row in await session.fetch(query, schema)]
        running = await self.states.running(session) if names else frozenset()
        for name in names:
            if (batch := load_batch(name)) is None or batch in running:
                continue
            if drop := self.dialect.drop_load(QualifiedName(schema, name)):
                await session.execute(drop)

    async def ping(self) -> None:
        """Connect and ask for nothing."""
        async with self.database.session() as session:
            await session.fetch("SELECT 1")


async def _one(frame: pl.DataFrame) -> AsyncGenerator[pl.DataFrame, None]:
    yield frame
