"""PostgreSQL: source, history and control tables in one database that tests share."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime

import asyncpg

from cdc_daemon.control.events import ControlEvents
from cdc_daemon.control.quarantine import ControlQuarantine
from cdc_daemon.control.states import ControlStates, identity
from cdc_daemon.databases.postgresql.database import PostgresDatabase
from cdc_daemon.databases.postgresql.dialect import PostgresDialect
from cdc_daemon.databases.postgresql.lock import PostgresLocks, lock_number
from cdc_daemon.databases.postgresql.source import PostgresSource
from cdc_daemon.load.target import SqlTarget
from cdc_daemon.model.table import QualifiedName, TableId, TableSpec
from cdc_daemon.schema.types import LogicalType
from tests.contract.engines.base import (
    FED_COLUMNS,
    SOURCE,
    VERSION_COLUMNS,
    Fed,
    Recorded,
    Row,
    Shape,
    Version,
    fed_of,
    versions_of,
)
from tests.support.databases import Database
from tests.support.rig import Rig, connection

CONTROL = "cdc"
DIALECT = PostgresDialect()
CLOSED_PORT = 1
_OF_TABLE = "source = $1 AND schema_name = $2 AND table_name = $3"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresEngine:
    """Implements ``Engine``; ``own`` is a connection of the tests'."""

    own: asyncpg.Connection
    source: PostgresSource
    unreachable: PostgresSource
    target: SqlTarget
    batches: ControlStates
    states: ControlStates
    events: ControlEvents
    quarantine: ControlQuarantine
    locks: PostgresLocks
    max_key_bytes: int = DIALECT.max_key_bytes
    name: str = DIALECT.name

    async def create(self, spec: TableSpec, shape: Shape) -> None:
        columns = ", ".join(
            f"{DIALECT.quote(name)} {DIALECT.column_type(logical)}"
            for name, logical in shape.types.items()
        )
        key = ", ".join(map(DIALECT.quote, shape.key))
        await self.own.execute(DIALECT.create_schema(spec.id.schema))
        await self.own.execute(f"CREATE TABLE {_of(spec)} ({columns}, PRIMARY KEY ({key}))")

    def described(self, shape: Shape) -> Mapping[str, LogicalType]:
        return dict(shape.types)

    async def put(self, spec: TableSpec, rows: Sequence[Row]) -> None:
        async with self.own.transaction():
            # not TRUNCATE, which would wait for a reader and show its snapshot an empty table
            await self.own.execute(f"DELETE FROM {_of(spec)}")
            await self.own.copy_records_to_table(
                spec.id.name, schema_name=spec.id.schema, records=rows
            )

    async def add_column(self, spec: TableSpec, name: str) -> None:
        # a reader's lock is waited for: tests ask while none is held
        await self.own.execute(f"ALTER TABLE {_of(spec)} ADD COLUMN {DIALECT.quote(name)} text")

    async def versions(self, spec: TableSpec, shape: Shape) -> list[Version]:
        columns = (*shape.types, *VERSION_COLUMNS)
        return versions_of(await self._rows(spec.bronze, columns), shape)

    async def feed(self, spec: TableSpec, shape: Shape) -> list[Fed]:
        columns = (*shape.types, *FED_COLUMNS)
        return fed_of(await self._rows(spec.stage, columns), shape)

    async def raise_epoch(self, table: TableId) -> None:
        await self._state(table, "epoch = epoch + 1")

    async def set_last_instant(self, table: TableId, instant: datetime) -> None:
        await self._state(table, "last_instant = $4", instant)

    async def rehash(self, spec: TableSpec, key: Row) -> None:
        await self.own.execute(
            f"UPDATE {DIALECT.qualified(spec.bronze)} "
            "SET _row_hash = set_byte(_row_hash, 0, get_byte(_row_hash, 0) # 1) "
            'WHERE _valid_to IS NULL AND ("a", "b") = ($1, $2)',
            *key,
        )

    async def status(self, batch: int) -> str:
        return await self.own.fetchval(
            f"SELECT status FROM {CONTROL}.batch WHERE batch_id = $1", batch
        )

    async def checkpoint(self, table: TableId) -> tuple[int, datetime, int] | None:
        row = await self.own.fetchrow(
            f"SELECT batch_id, read_at, row_count FROM {CONTROL}.window_state "
            f"WHERE {_OF_TABLE} AND window_name = 'all'",
            *identity(table),
        )
        return tuple(row) if row else None

    async def recorded(self, table: TableId) -> list[Recorded]:
        rows = await self.own.fetch(
            "SELECT kind, status, batch_id, seconds, error_kind, error, detail "
            f"FROM {CONTROL}.pipeline_event WHERE {_OF_TABLE} ORDER BY event_id",
            *identity(table),
        )
        return [
            Recorded(
                kind=kind,
                status=status,
                batch=batch,
                seconds=seconds,
                error_kind=error_kind,
                error=error,
                detail=json.loads(detail),
            )
            for kind, status, batch, seconds, error_kind, error, detail in rows
        ]

    async def break_lock(self, table: TableId) -> None:
        number = lock_number(CONTROL, table) % 2**64
        await self.own.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
            "AND classid::bigint = $1 AND objid::bigint = $2",
            number >> 32,
            number % 2**32,
        )

    async def _rows(self, name: QualifiedName, columns: Sequence[str]) -> list[Row]:
        qualified = DIALECT.qualified(name)
        if await self.own.fetchval("SELECT to_regclass($1)", qualified) is None:
            return []
        selected = ", ".join(map(DIALECT.quote, columns))
        return [tuple(row) for row in await self.own.fetch(f"SELECT {selected} FROM {qualified}")]

    async def _state(self, table: TableId, assignment: str, *values: object) -> None:
        await self.own.execute(
            f"UPDATE {CONTROL}.table_state SET {assignment} WHERE {_OF_TABLE}",
            *identity(table),
            *values,
        )


def _of(spec: TableSpec) -> str:
    return DIALECT.qualified(QualifiedName(spec.id.schema, spec.id.name))


@asynccontextmanager
async def postgres_engine(database: Database) -> AsyncIterator[PostgresEngine]:
    """Adapters for ``database``, whose control schema is applied where it is not there yet."""
    nowhere = database.through(CLOSED_PORT)
    theirs = PostgresDatabase(connection("nowhere", nowhere), lambda: database.password)
    async with Rig(database, database, tables=["any"]) as rig:
        source = rig.app.pipelines[SOURCE].source
        yield PostgresEngine(
            own=rig.target,
            source=source,
            unreachable=replace(source, database=theirs),
            target=rig.app.target,
            batches=rig.app.states,
            states=rig.app.states,
            events=rig.app.events,
            quarantine=ControlQuarantine(
                database=rig.app.states.database, dialect=DIALECT, control_schema=CONTROL
            ),
            locks=rig.app.runner.locks,
        )
