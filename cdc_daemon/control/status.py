"""What an operator is told of each table, read from the control tables by the target's clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cdc_daemon.control.states import ControlStates
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.table import QualifiedName, TableId

_LAST = (
    "b.batch_id, b.status, b.error_kind, b.read_at, b.finished_at, "
    "b.extracted, b.inserted, b.updated, b.reopened, b.deleted, b.unchanged, "
    "b.rewritten, b.quarantined, b.filtered"
)
_OF_STATE = "x.source = s.source AND x.schema_name = s.schema_name AND x.table_name = s.table_name"


@dataclass(frozen=True, slots=True, kw_only=True)
class LastBatch:
    """The last attempt that began to read; counts are known of promoted ones only."""

    batch_id: int
    status: str
    """As in ``batch``: running, promoted, failed, skipped, cancelled, abandoned."""
    error_kind: str | None
    read_at: datetime
    finished_at: datetime | None
    extracted: int | None
    inserted: int | None
    updated: int | None
    reopened: int | None
    deleted: int | None
    unchanged: int | None
    rewritten: int | None
    quarantined: int | None
    filtered: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OnRecord:
    """What the control tables say of one table."""

    state: TableState
    last: LastBatch | None = None
    rows: int | None = None
    """Rows the last promoted batch extracted."""
    quarantined: int | None = None
    """Rows it could not carry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """Everything on record, as of ``now``: an instant of the target's clock."""

    now: datetime
    tables: Mapping[TableId, OnRecord]


@dataclass(frozen=True, slots=True)
class ControlStatus:
    """Reads; writes nothing."""

    states: ControlStates

    async def now(self) -> datetime:
        """The target's clock; needs no control tables."""
        async with self.states.database.session() as session:
            rows = await session.fetch(f"SELECT {self.states.dialect.now}")
        now: datetime = rows[0][0]
        return now

    async def read(self) -> Records:
        """Every table on record.

        Raises:
            DatabaseError: the target cannot be asked, or has no control tables.
        """
        states = await self.states.all()
        async with self.states.database.session() as session:
            rows = await session.fetch(self._query())
        batches = {TableId(*row[:3]): row[3:] for row in rows}
        return Records(
            now=await self.now(),  # after what was read, so that no lag is negative
            tables={
                table: _on_record(state, batches.get(table)) for table, state in states.items()
            },
        )

    def _query(self) -> str:
        """The last attempt and the last promoted batch of each table, by their primary keys."""
        state, batch = self._name("table_state"), self._name("batch")
        return (
            f"SELECT s.source, s.schema_name, s.table_name, p.extracted, p.quarantined, "
            f"{_LAST} "
            f"FROM {state} s LEFT JOIN {batch} p ON p.batch_id = s.last_batch_id "
            f"LEFT JOIN {batch} b ON b.batch_id = "
            f"(SELECT max(x.batch_id) FROM {batch} x WHERE {_OF_STATE})"
        )

    def _name(self, table: str) -> str:
        return self.states.dialect.qualified(QualifiedName(self.states.control_schema, table))


def _on_record(state: TableState, row: tuple[Any, ...] | None) -> OnRecord:
    if row is None:
        return OnRecord(state=state)
    rows, quarantined, *last = row
    number, status, error_kind, read_at, finished_at, *counts = last
    extracted, inserted, updated, reopened, deleted, unchanged, *left_out = counts
    rewritten, held_back, filtered = left_out
    return OnRecord(
        state=state,
        rows=rows,
        quarantined=quarantined,
        last=None
        if number is None
        else LastBatch(
            batch_id=number,
            status=status,
            error_kind=error_kind,
            read_at=read_at,
            finished_at=finished_at,
            extracted=extracted,
            inserted=inserted,
            updated=updated,
            reopened=reopened,
            deleted=deleted,
            unchanged=unchanged,
            rewritten=rewritten,
            quarantined=held_back,
            filtered=filtered,
        ),
    )
