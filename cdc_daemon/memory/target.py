"""Histories in plain Python: what promote means, without a database.

A promote works on copies and swaps them in at its end: all of it, or nothing.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from cdc_daemon.cdc.compare import LATER, VERSION
from cdc_daemon.cdc.row_hash import CURRENT, HASH, KEY, key_digest
from cdc_daemon.errors import LostRace
from cdc_daemon.load.changes import arriving_of, changed_rows, counts, first_changes
from cdc_daemon.memory.control import MemoryControl
from cdc_daemon.model.change import POSITION, Counts, Operation
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.run import Promoted
from cdc_daemon.model.table import TableId, TableSpec
from cdc_daemon.ports.flow import Arriving, Begun, Compared, History
from cdc_daemon.ports.target import Refusal
from cdc_daemon.scd2.instant import instant
from cdc_daemon.schema.diff import evolve
from cdc_daemon.schema.table import Column, SourceTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of one row, by target column name."""

    key: int
    row: dict[str, Any]
    row_hash: int
    hash_version: int
    operation: str
    batch: int
    valid_from: datetime
    valid_to: datetime | None = None
    closed_by: str | None = None
    closed_batch: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRow:
    """One line of the change feed."""

    row: dict[str, Any]
    operation: str
    batch: int
    changed_at: datetime


@dataclass(slots=True)
class MemoryTarget:
    """Implements ``ports.target.Target``; ``clock`` is set by tests."""

    control: MemoryControl
    clock: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    stage_retention: timedelta = timedelta(days=30)
    bronze: dict[TableId, tuple[Version, ...]] = field(default_factory=dict)
    stage: dict[TableId, tuple[StageRow, ...]] = field(default_factory=dict)
    types: dict[TableId, dict[str, str]] = field(default_factory=dict)

    async def now(self) -> datetime:
        """The clock as it was set."""
        return self.clock

    async def ping(self) -> None:
        """Always there."""

    async def fence(self, spec: TableSpec) -> TableState:
        """The state as it is."""
        return await self.control.state(spec.id)

    async def prepare(self, spec: TableSpec, table: SourceTable) -> History:
        """The fence, and whether the columns fit those of the history."""
        added: tuple[Column, ...] = ()
        if spec.id in self.types:
            added = evolve(spec.id, table, self.types[spec.id], _types(table)).added
        return History(
            state=await self.control.state(spec.id),
            table=table,
            is_empty=not self.bronze.get(spec.id),
            added=frozenset(column.name for column in added),
        )

    async def sweep(self, spec: TableSpec) -> int:
        """Stage rows past their retention."""
        rows = self.stage.get(spec.id, ())
        kept = tuple(row for row in rows if row.changed_at >= self.clock - self.stage_retention)
        self.stage[spec.id] = kept
        return len(rows) - len(kept)

    async def open_versions(
        self, spec: TableSpec, columns: Sequence[Column], after: datetime
    ) -> AsyncGenerator[pl.DataFrame, None]:
        """What has no end."""
        opened = [v for v in self.bronze.get(spec.id, ()) if v.valid_to is None]
        yield pl.DataFrame(
            {
                **{
                    c.field: pl.Series([v.row[c.target_name] for v in opened], dtype=c.carrier)
                    for c in columns
                },
                HASH: pl.Series([v.row_hash for v in opened], dtype=pl.UInt128),
                VERSION: pl.Series([v.hash_version for v in opened], dtype=pl.Int16),
                LATER: pl.Series([v.valid_from > after for v in opened], dtype=pl.Boolean),
            }
        )

    async def known(self, begun: Begun, keys: pl.DataFrame) -> pl.Series:
        """Keys with any version."""
        versions = self.bronze.get(begun.job.table.id, ())
        seen = pl.Series([v.key for v in versions], dtype=pl.UInt128)
        digests = key_digest(keys, begun.history.table.key_columns)
        return keys[POSITION].filter(digests.is_in(seen.implode())).cast(pl.UInt32).sort()

    async def first_load(self, arriving: Arriving) -> Promoted:
        """Collect the rows, then swap."""
        async with aclosing(arriving.rows):
            work = self._work(arriving.begun)
            async for frame in first_changes(arriving):
                work.apply(frame)
            return self._swap(work, await arriving.verdict())

    async def refused(self, compared: Compared) -> tuple[Refusal, ...]:  # noqa: ARG002 - never
        """Memory takes every row."""
        return ()

    async def promote(self, compared: Compared) -> Promoted:
        """Close, then open, under the fence; then swap."""
        if compared.begun.history.is_empty:
            return await self.first_load(arriving_of(compared))
        work = self._work(compared.begun)
        async for frame in changed_rows(compared):
            work.apply(frame)
        return self._swap(work, counts(compared))

    def _work(self, begun: Begun) -> _Work:
        table = begun.job.table.id
        at = instant(table, begun.batch.read_at, begun.history.state.last_instant)
        return _Work(begun, at, list(self.bronze.get(table, ())))

    def _swap(self, work: _Work, planned: Counts) -> Promoted:
        begun, table = work.begun, work.begun.job.table.id
        done = (work.closed, work.opened, work.rewritten)
        if done != (planned.closed, planned.opened, planned.rewritten):
            raise LostRace(f"{table}: the open versions are not those that were compared")
        self.control.advance(begun, work.at, planned)  # raises LostRace before anything is swapped
        self.bronze[table] = tuple(work.versions)
        self.types[table] = {**self.types.get(table, {}), **_types(begun.history.table)}
        if not begun.history.is_empty:
            self.stage[table] = (*self.stage.get(table, ()), *work.stage)
        epoch = begun.history.state.epoch + 1
        return Promoted(batch=begun.batch, instant=work.at, counts=planned, epoch=epoch)

    def as_of(self, table: TableId, moment: datetime) -> list[dict[str, Any]]:
        """The rows as they were at ``moment`` (law 4)."""
        return [
            v.row
            for v in self.bronze.get(table, ())
            if v.valid_from <= moment and (v.valid_to is None or moment < v.valid_to)
        ]


def _types(table: SourceTable) -> dict[str, str]:
    return {c.target_name: repr(c.type) for c in table.columns}


@dataclass(slots=True)
class _Work:
    """A promote's copy of the versions."""

    begun: Begun
    at: datetime
    versions: list[Version]
    stage: list[StageRow] = field(default_factory=list)
    closed: int = 0
    opened: int = 0
    rewritten: int = 0

    def apply(self, changes: pl.DataFrame) -> None:
        """What each changed row does, in two turns: all closes, then all opens (law 3)."""
        keys = key_digest(changes, self.begun.history.table.key_columns)
        rows = changes.with_columns(keys.alias(KEY)).to_dicts()
        ends = {(row[KEY], row["_closes"]): row for row in rows if row["_closes"] is not None}
        for n, version in enumerate(self.versions):
            row = ends.get((version.key, version.row_hash))
            if version.valid_to is None and row is not None:
                if row["_operation"] == Operation.REWRITE.value:
                    self._rewrite(n, row)
                else:
                    self._close(n, row["_operation"])
        for row in rows:
            if row["_operation"] not in {Operation.DELETE.value, Operation.REWRITE.value}:
                self._open(row)

    def _rewrite(self, n: int, row: dict[str, Any]) -> None:
        values = self._values(row)
        self.versions[n] = replace(
            self.versions[n], row=values, row_hash=row[HASH], hash_version=CURRENT
        )
        self.rewritten += 1
        self._feed(values, Operation.UPDATE.value)

    def _values(self, row: dict[str, Any]) -> dict[str, Any]:
        return {c.target_name: row[c.field] for c in self.begun.history.table.columns}

    def _close(self, n: int, operation: str) -> None:
        version = self.versions[n]
        self.versions[n] = replace(
            version, valid_to=self.at, closed_by=operation, closed_batch=self.begun.batch.number
        )
        self.closed += 1
        if operation == Operation.DELETE.value:
            self._feed(version.row, operation)

    def _open(self, row: dict[str, Any]) -> None:
        values = self._values(row)
        self.versions.append(
            Version(
                key=row[KEY],
                row=values,
                row_hash=row[HASH],
                hash_version=CURRENT,
                operation=row["_operation"],
                batch=self.begun.batch.number,
                valid_from=self.at,
            )
        )
        self.opened += 1
        self._feed(values, row["_operation"])

    def _feed(self, row: dict[str, Any], operation: str) -> None:
        self.stage.append(
            StageRow(
                row=row, operation=operation, batch=self.begun.batch.number, changed_at=self.at
            )
        )
