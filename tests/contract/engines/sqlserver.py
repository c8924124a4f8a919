"""SQL Server: source, history and control tables in one database that tests share."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pyodbc

from cdc_daemon.bootstrap import app
from cdc_daemon.control.events import ControlEvents
from cdc_daemon.control.quarantine import ControlQuarantine
from cdc_daemon.control.states import ControlStates, identity
from cdc_daemon.databases.sqlserver.database import SqlServerDatabase
from cdc_daemon.databases.sqlserver.dialect import SqlServerDialect
from cdc_daemon.databases.sqlserver.lock import LOCK_APPLICATION, SqlServerLocks
from cdc_daemon.databases.sqlserver.source import SqlServerSource
from cdc_daemon.load.target import SqlTarget
from cdc_daemon.model.config import ConfigSnapshot, LaneSpec, TargetSpec
from cdc_daemon.model.table import QualifiedName, TableId, TableSpec
from cdc_daemon.schema.types import LogicalType, Text
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
from tests.support.recorded import RecordedProgress, RecordedTelemetry
from tests.support.rig import table
from tests.support.sqlserver import SqlServer, connection

CONTROL = "cdc"
TARGET = "wh"
DIALECT = SqlServerDialect()
CLOSED_PORT = 1
KEY_UNITS = 400
HEARTBEAT_SECONDS = 0.2
"""Nothing tells of a lost session but the next question to it."""
_OF_TABLE = "source = ? AND schema_name = ? AND table_name = ?"


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlServerEngine:
    """Implements ``Engine``; ``own`` is a connection of the tests', in autocommit."""

    own: pyodbc.Connection
    source: SqlServerSource
    unreachable: SqlServerSource
    target: SqlTarget
    batches: ControlStates
    states: ControlStates
    events: ControlEvents
    quarantine: ControlQuarantine
    locks: SqlServerLocks
    max_key_bytes: int = DIALECT.max_key_bytes
    name: str = DIALECT.name

    async def create(self, spec: TableSpec, shape: Shape) -> None:
        # the key tells case and accents apart, as a column of a source may be declared to
        columns = ", ".join(
            f"{DIALECT.quote(name)} {_type(logical, in_key=name in shape.key)}"
            for name, logical in shape.types.items()
        )
        if not spec.key:  # else keys may be told apart that no unique index would
            columns += f", PRIMARY KEY ({', '.join(map(DIALECT.quote, shape.key))})"
        await self._do(DIALECT.create_schema(spec.id.schema))
        await self._do(f"CREATE TABLE {_of(spec)} ({columns})")

    def described(self, shape: Shape) -> Mapping[str, LogicalType]:
        key = Text(KEY_UNITS, utf16=True)  # no index takes text without a bound
        types = shape.types.items()
        return {n: key if n in shape.key and t == Text() else t for n, t in types}

    async def put(self, spec: TableSpec, rows: Sequence[Row]) -> None:
        def replaced(own: pyodbc.Connection) -> None:
            own.autocommit = False
            try:
                cursor = own.cursor()
                cursor.execute(f"DELETE FROM {_of(spec)}")
                for row in rows:
                    marks = ", ".join("?" * len(row))
                    cursor.execute(f"INSERT INTO {_of(spec)} VALUES ({marks})", *row)
                own.commit()
            finally:
                own.autocommit = True

        await self._apart(replaced)

    async def add_column(self, spec: TableSpec, name: str) -> None:
        kind = DIALECT.column_type(Text())
        await self._do(f"ALTER TABLE {_of(spec)} ADD {DIALECT.quote(name)} {kind} NULL")

    async def versions(self, spec: TableSpec, shape: Shape) -> list[Version]:
        columns = (*shape.types, *VERSION_COLUMNS)
        return versions_of(await self._rows(spec.bronze, columns), shape)

    async def feed(self, spec: TableSpec, shape: Shape) -> list[Fed]:
        columns = (*shape.types, *FED_COLUMNS)
        return fed_of(await self._rows(spec.stage, columns), shape)

    async def raise_epoch(self, table: TableId) -> None:
        await self._state(table, "epoch = epoch + 1")

    async def set_last_instant(self, table: TableId, instant: datetime) -> None:
        naive = instant.astimezone(UTC).replace(tzinfo=None)
        # as text: drivers may cut the fraction of an instant
        await self._state(table, "last_instant = ?", naive.isoformat(timespec="microseconds"))

    async def rehash(self, spec: TableSpec, key: Row) -> None:
        await self._do(
            f"UPDATE {DIALECT.qualified(spec.bronze)} SET _row_hash = ? "
            "WHERE _valid_to IS NULL AND [a] = ? AND [b] = ?",
            bytes(16),
            *key,
        )

    async def status(self, batch: int) -> str:
        rows = await self._fetch(f"SELECT status FROM {CONTROL}.batch WHERE batch_id = ?", batch)
        return rows[0][0]

    async def checkpoint(self, table: TableId) -> tuple[int, datetime, int] | None:
        rows = await self._fetch(
            f"SELECT batch_id, read_at, row_count FROM {CONTROL}.window_state "
            f"WHERE {_OF_TABLE} AND window_name = 'all'",
            *identity(table),
        )
        return rows[0] if rows else None

    async def recorded(self, table: TableId) -> list[Recorded]:
        rows = await self._fetch(
            "SELECT kind, status, batch_id, seconds, error_kind, error, detail "
            f"FROM {CONTROL}.pipeline_event WHERE {_OF_TABLE} ORDER BY event_id",
            *identity(table),
        )
        names = ("kind", "status", "batch", "seconds", "error_kind", "error")
        return [
            Recorded(**dict(zip(names, row[:-1], strict=True)), detail=json.loads(row[-1]))
            for row in rows
        ]

    async def break_lock(self, table: TableId) -> None:
        """End the sessions that hold locks in this database: no other test runs beside."""
        rows = await self._fetch(
            "SELECT session_id FROM sys.dm_exec_sessions "
            "WHERE program_name = ? AND database_id = DB_ID()",
            LOCK_APPLICATION,
        )
        for (session,) in rows:
            await self._do(f"KILL {session}")

    async def _rows(self, name: QualifiedName, columns: Sequence[str]) -> list[Row]:
        qualified = DIALECT.qualified(name)
        ((there,),) = await self._fetch("SELECT OBJECT_ID(?)", qualified)
        if there is None:
            return []
        selected = ", ".join(map(DIALECT.quote, columns))
        return await self._fetch(f"SELECT {selected} FROM {qualified}")

    async def _state(self, table: TableId, assignment: str, *values: object) -> None:
        await self._do(
            f"UPDATE {CONTROL}.table_state SET {assignment} WHERE {_OF_TABLE}",
            *values,
            *identity(table),
        )

    async def _do(self, statement: str, *values: object) -> None:
        await self._apart(lambda own: own.execute(statement, *values).close())

    async def _fetch(self, query: str, *values: object) -> list[Row]:
        rows = await self._apart(lambda own: own.execute(query, *values).fetchall())
        return [tuple(map(_value, row)) for row in rows]

    async def _apart(self, work: Callable[[pyodbc.Connection], Any]) -> Any:
        return await asyncio.to_thread(work, self.own)


def _value(value: object) -> object:
    """Instants are UTC, and say so."""
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


def _type(logical: Any, *, in_key: bool) -> str:
    if not in_key:
        return f"{DIALECT.column_type(logical)} NULL"
    if isinstance(logical, Text):
        return f"nvarchar({KEY_UNITS}) COLLATE Latin1_General_BIN2 NOT NULL"
    return f"{DIALECT.column_type(logical)} NOT NULL"


def _of(spec: TableSpec) -> str:
    return DIALECT.qualified(QualifiedName(spec.id.schema, spec.id.name))


@asynccontextmanager
async def sqlserver_engine(server: SqlServer) -> AsyncIterator[SqlServerEngine]:
    """Adapters for the server's database; its control schema is applied where it is not there."""
    closed = replace(server, port=CLOSED_PORT)
    nowhere = SqlServerDatabase(connection("nowhere", closed), lambda: server.password, None)
    config = ConfigSnapshot(
        version=1,
        digest="",
        connections={name: connection(name, server) for name in (SOURCE, TARGET)},
        target=TargetSpec(connection=TARGET),
        tables=(table("any"),),
        lanes={"small": LaneSpec(workers=4, queue_size=64)},
    )
    own = await asyncio.to_thread(server.connect)
    wired = app(config, lambda ref: ref.locator, RecordedProgress(), RecordedTelemetry())
    try:
        async with wired as running:
            await running.control.apply()
            source = running.pipelines[SOURCE].source
            yield SqlServerEngine(
                own=own,
                source=source,
                unreachable=replace(source, database=nowhere),
                target=running.target,
                batches=running.states,
                states=running.states,
                events=running.events,
                quarantine=ControlQuarantine(
                    database=running.states.database, dialect=DIALECT, control_schema=CONTROL
                ),
                locks=replace(running.runner.locks, heartbeat_seconds=HEARTBEAT_SECONDS),
            )
    finally:
        await asyncio.to_thread(own.close)
