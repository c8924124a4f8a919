"""``table_state`` and ``batch``: what is known and wanted of each table, and its attempts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cdc_daemon.errors import Retry
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.guard import Guard
from cdc_daemon.model.run import Batch
from cdc_daemon.model.table import QualifiedName, TableId, TableSpec
from cdc_daemon.model.window import WHOLE, Window
from cdc_daemon.ports.control import Feed
from cdc_daemon.ports.dialect import TargetDialect
from cdc_daemon.ports.sql import SqlDatabase, SqlSession

OVERLAP = timedelta(minutes=1)
"""Longer than any transaction here lasts after it set ``changed_at``."""

_IDENTITY = ("source", "schema_name", "table_name")
_BEGUN = (*_IDENTITY, "window_name", "read_at", "run_id")
_OF_TABLE = "source = $1 AND schema_name = $2 AND table_name = $3"
_COLUMNS = (
    "source, schema_name, table_name, epoch, last_instant, last_batch_id, last_success_at, "
    "open_versions, failures, paused, held_reason, held_guards, held_at, accepted_guards, "
    "last_started_at, last_ended_at, last_retry, triggered_at, rules"
)


def identity(table: TableId) -> tuple[str, str, str]:
    """The three columns that name a table in every control table."""
    return table.source, table.schema, table.name


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlStates:
    """Implements ``ports.control.States`` and ``ports.target.Batches``."""

    database: SqlDatabase
    dialect: TargetDialect
    control_schema: str

    def _name(self, table: str) -> str:
        return self.dialect.qualified(QualifiedName(self.control_schema, table))

    async def all(self) -> Mapping[TableId, TableState]:
        """Every table on record."""
        async with self.database.session() as session:
            rows = await session.fetch(f"SELECT {_COLUMNS} FROM {self._name('table_state')}")
        return {state.table: state for state in map(_state, rows)}

    async def state(self, table: TableId) -> TableState:
        """One table; a fresh state where nothing is known."""
        async with self.database.session() as session:
            return await self.read(session, table)

    async def read(self, session: SqlSession, table: TableId) -> TableState:
        """The same, in a session the caller has."""
        rows = await session.fetch(
            f"SELECT {_COLUMNS} FROM {self._name('table_state')} WHERE {_OF_TABLE}",
            *identity(table),
        )
        return _state(rows[0]) if rows else TableState(table=table)

    async def running(self, session: SqlSession) -> frozenset[int]:
        """The numbers of batches that have not ended."""
        rows = await session.fetch(
            f"SELECT batch_id FROM {self._name('batch')} WHERE status = 'running'"
        )
        return frozenset(row[0] for row in rows)

    async def pause(self, table: TableId) -> None:
        """Let no new batch of the table begin."""
        await self._set(table, f"paused = {self.dialect.true}")

    async def resume(self, table: TableId) -> None:
        """Undo ``pause``."""
        await self._set(table, f"paused = {self.dialect.false}")

    async def hold(self, table: TableId, reason: str, guards: frozenset[Guard]) -> None:
        """Stop the table until it is released."""
        await self._set(
            table,
            f"held_reason = $4, held_guards = $5, held_at = {self.dialect.now}, "
            "failures = failures + 1",
            reason,
            _joined(guards),
        )

    async def release(
        self, table: TableId, also: frozenset[Guard] = frozenset()
    ) -> frozenset[Guard]:
        """Let a held table run, at once; what held it passes one batch. Nothing if not held."""
        state = await self.state(table)
        held = state.held_guards
        if state.held is None:
            return held
        held |= also | (state.accepted - {Guard.REWRITE})  # which is chosen anew each time
        await self._set(
            table,
            "held_reason = NULL, held_guards = NULL, held_at = NULL, accepted_guards = $4, "
            f"failures = 0, triggered_at = {self.dialect.now}",
            _joined(held),
        )
        return state.held_guards | also

    async def failed(self, table: TableId) -> None:
        """Count an attempt that failed."""
        await self._set(table, "failures = failures + 1")

    async def ended(self, table: TableId, read_at: datetime | None, retry: Retry | None) -> None:
        """An attempt came to its end; the schedule goes on from when it began to read."""
        assignments = f"last_ended_at = {self.dialect.now}, last_retry = $4, last_started_at = "
        word = retry.value if retry else None
        if read_at is None:
            await self._set(table, assignments + self.dialect.now, word)
        else:
            await self._set(table, assignments + "$5", word, read_at)

    async def trigger(self, table: TableId) -> None:
        """Ask for a batch at once."""
        await self._set(table, f"triggered_at = {self.dialect.now}")

    async def changed(self, after: datetime) -> Feed:
        """States that changed after ``after``, less a minute: transactions end out of order."""
        async with self.database.session() as session:
            now = (await session.fetch(f"SELECT {self.dialect.now}"))[0][0]
            rows = await session.fetch(
                f"SELECT {_COLUMNS} FROM {self._name('table_state')} WHERE changed_at > $1",
                after - OVERLAP,
            )
        states = [_state(row) for row in rows]
        return Feed(
            now=now,
            states={state.table: state for state in states},
            seen=now,
        )

    async def begin(self, spec: TableSpec, window: str, read_at: datetime, run_id: str) -> Batch:
        """Number a batch. Whoever left one running has lost the table's lock to us."""
        async with self.database.transaction() as session:
            await self._ensure(session, spec.id)
            await session.execute(
                f"UPDATE {self._name('batch')} SET status = 'abandoned', "
                f"finished_at = {self.dialect.now} WHERE {_OF_TABLE} AND status = 'running'",
                *identity(spec.id),
            )
            rows = await session.fetch(
                self.dialect.insert_returning(self._name("batch"), _BEGUN, "batch_id"),
                *identity(spec.id),
                window,
                read_at,
                run_id,
            )
        return Batch(number=rows[0][0], table=spec.id, window=Window(window), read_at=read_at)

    async def usual(self, spec: TableSpec, limit: int) -> tuple[int, ...]:
        """Rows extracted by the last promoted batches, newest first."""
        async with self.database.session() as session:
            rows = await session.fetch(
                f"SELECT extracted FROM {self._name('batch')} "
                f"WHERE {_OF_TABLE} AND status = 'promoted' AND window_name = $4 "
                f"ORDER BY batch_id DESC "
                f"OFFSET 0 ROWS FETCH NEXT {limit:d} ROWS ONLY",
                *identity(spec.id),
                WHOLE.name,
            )
        return tuple(int(row[0]) for row in rows)

    async def _ensure(self, session: SqlSession, table: TableId) -> None:
        await session.execute(
            self.dialect.insert_absent(self._name("table_state"), _IDENTITY),
            *identity(table),
        )

    async def _set(self, table: TableId, assignments: str, *values: object) -> None:
        async with self.database.transaction() as session:
            await self._ensure(session, table)
            await session.execute(
                f"UPDATE {self._name('table_state')} SET {assignments}, "
                f"changed_at = {self.dialect.now} WHERE {_OF_TABLE}",
                *identity(table),
                *values,
            )


def _state(row: tuple[Any, ...]) -> TableState:
    source, schema, name, epoch, instant, batch, success, opened, failures, *word = row
    paused, reason, guards, held_at, accepted, started, ended, retry, triggered, rules = word
    return TableState(
        table=TableId(source, schema, name),
        epoch=epoch,
        last_instant=instant,
        last_batch=batch,
        last_success=success,
        open_versions=opened,
        failures=failures,
        paused=paused,
        held=reason,
        held_guards=_split(guards),
        held_at=held_at,
        accepted=_split(accepted),
        last_started=started,
        last_ended=ended,
        retry=Retry(retry) if retry else None,
        triggered=triggered,
        rules=json.loads(rules) if rules else None,
    )


def _joined(guards: Iterable[Guard]) -> str | None:
    return ",".join(sorted(guard.value for guard in guards)) or None


def _split(text: str | None) -> frozenset[Guard]:
    return frozenset(Guard(word) for word in text.split(",")) if text else frozenset()
