"""The in-memory adapters: the executable definition of the ports."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from cdc_daemon.errors import DatabaseUnavailable
from cdc_daemon.memory.control import MemoryControl, MemoryLocks
from cdc_daemon.memory.quarantine import MemoryQuarantine
from cdc_daemon.memory.source import MemorySource, MemoryTable
from cdc_daemon.memory.target import MemoryTarget
from cdc_daemon.model.table import TableId, TableSpec
from cdc_daemon.schema.types import LogicalType
from tests.contract.engines.base import (
    Fed,
    Recorded,
    Row,
    Shape,
    Version,
    feed_in_order,
    in_order,
)
from tests.factories import make_column, make_frame, make_table


@dataclass(slots=True, kw_only=True)
class MemoryEngine:
    """Implements ``Engine``."""

    name: str = "memory"
    source: MemorySource = field(default_factory=MemorySource)
    unreachable: MemorySource = field(
        default_factory=lambda: MemorySource(failure=DatabaseUnavailable("it is down"))
    )
    target: MemoryTarget = field(default_factory=lambda: MemoryTarget(MemoryControl()))
    quarantine: MemoryQuarantine = field(default_factory=MemoryQuarantine)
    locks: MemoryLocks = field(default_factory=MemoryLocks)
    max_key_bytes: int = 2_700

    @property
    def batches(self) -> MemoryControl:
        return self.target.control

    states = events = batches

    async def create(self, spec: TableSpec, shape: Shape) -> None:
        table = make_table(shape.types, key=shape.key)
        self.source.tables[spec.id] = MemoryTable(table, make_frame(table.columns, ()))

    def described(self, shape: Shape) -> Mapping[str, LogicalType]:
        return dict(shape.types)

    async def put(self, spec: TableSpec, rows: Sequence[Row]) -> None:
        found = self.source.tables[spec.id]
        self.source.tables[spec.id] = MemoryTable(
            found.shape, make_frame(found.shape.columns, rows)
        )

    async def add_column(self, spec: TableSpec, name: str) -> None:
        found = self.source.tables[spec.id]
        column = make_column(name, field=f"c{len(found.shape.columns)}")
        shape = replace(found.shape, columns=(*found.shape.columns, column))
        rows = [(*row, None) for row in found.rows.rows()]
        self.source.tables[spec.id] = MemoryTable(shape, make_frame(shape.columns, rows))

    async def versions(self, spec: TableSpec, shape: Shape) -> list[Version]:
        return in_order(
            [
                Version(
                    key=tuple(v.row[name] for name in shape.key),
                    row=tuple(v.row.get(name) for name in shape.types),
                    row_hash=v.row_hash,
                    operation=v.operation,
                    valid_from=v.valid_from,
                    valid_to=v.valid_to,
                    is_current=v.valid_to is None,
                    closed_by=v.closed_by,
                    batch=v.batch,
                    closed_batch=v.closed_batch,
                )
                for v in self.target.bronze.get(spec.id, ())
            ]
        )

    async def feed(self, spec: TableSpec, shape: Shape) -> list[Fed]:
        rows = [
            Fed(
                row=tuple(f.row[name] for name in shape.types),
                operation=f.operation,
                batch=f.batch,
                changed_at=f.changed_at,
            )
            for f in self.target.stage.get(spec.id, ())
        ]
        return feed_in_order(rows, shape)

    async def raise_epoch(self, table: TableId) -> None:
        state = await self.batches.state(table)
        self.batches.states[table] = replace(state, epoch=state.epoch + 1)

    async def set_last_instant(self, table: TableId, instant: datetime) -> None:
        state = await self.batches.state(table)
        self.batches.states[table] = replace(state, last_instant=instant)

    async def rehash(self, spec: TableSpec, key: Row) -> None:
        def changed(version):
            ours = tuple(version.row.values())[: len(key)] == key and version.valid_to is None
            return replace(version, row_hash=version.row_hash ^ 1) if ours else version

        self.target.bronze[spec.id] = tuple(map(changed, self.target.bronze[spec.id]))

    async def status(self, batch: int) -> str:
        return self.batches.batches[batch][1]

    async def checkpoint(self, table: TableId) -> tuple[int, datetime, int] | None:
        found = self.batches.checkpoints.get((table, "all"))
        return (found.batch, found.read_at, found.rows) if found else None

    async def recorded(self, table: TableId) -> list[Recorded]:
        return [
            Recorded(
                kind=e.kind,
                status=e.status,
                batch=e.batch,
                seconds=e.seconds,
                error_kind=e.error_kind,
                error=e.error,
                detail={**e.rows, **e.detail},
            )
            for e in self.batches.events
            if e.table == table
        ]

    async def break_lock(self, table: TableId) -> None:
        self.locks.held[table].set()


@asynccontextmanager
async def memory_engine() -> AsyncIterator[MemoryEngine]:
    """A world of its own."""
    yield MemoryEngine()
