"""What a batch would do: the same flow as a run, without promote. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import polars as pl

from cdc_daemon.cdc.guards import Trip
from cdc_daemon.cdc.row_hash import key_digest
from cdc_daemon.errors import CdcError
from cdc_daemon.load.changes import counts
from cdc_daemon.load.indexes import rebuild_ddl
from cdc_daemon.model.change import POSITION, Counts, Operation
from cdc_daemon.model.guard import Guard
from cdc_daemon.model.rejection import Rejection
from cdc_daemon.model.run import Batch, Job
from cdc_daemon.model.table import TableId
from cdc_daemon.orchestration.pipeline import Pipeline
from cdc_daemon.ports.flow import Begun, Compared
from cdc_daemon.ports.telemetry import Progress
from cdc_daemon.schema.table import Column

SAMPLE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What promote would do to one table."""

    table: TableId
    counts: Counts
    first_load: bool
    snapshot: bool
    key: tuple[str, ...]
    trips: tuple[Trip, ...]
    ddl: tuple[str, ...]
    samples: dict[Operation, tuple[str, ...]]
    """A few keys by operation: digests, or values where they were asked for (law 9)."""
    rules: tuple[str, ...] = ()
    """What is done to rows before they land, in its order."""
    changed_rules: tuple[str, ...] = ()
    """What was done to values of open versions, and what would be."""
    rejections: tuple[Rejection, ...] = ()
    """Of rows that would go to quarantine."""


async def plan(pipeline: Pipeline, job: Job, progress: Progress, *, show_keys: bool) -> Plan:
    """Extract and compare the job's table.

    Raises:
        CdcError: whatever would stop the batch; a tripped guard is part of the plan instead.
    """
    observer = _Watching(job.table.id, progress)
    async with pipeline.compared(job, observer, numbered=False) as compared:
        history = compared.begun.history
        return Plan(
            table=job.table.id,
            counts=counts(compared),
            first_load=history.is_empty,
            snapshot=history.table.snapshot,
            key=history.table.key,
            trips=compared.trips,
            ddl=(*history.ddl, *history.indexes, *rebuild_ddl(history, counts(compared).opened)),
            rules=compared.begun.told,
            changed_rules=tuple(_changed_rules(compared.begun)),
            rejections=compared.rejections,
            samples={
                operation: await _sample(compared, operation, positions, show_keys=show_keys)
                for operation, positions in _positions(compared)
                if positions.len()
            },
        )


def _changed_rules(begun: Begun) -> Iterator[str]:
    before = begun.history.state.rules or {}
    for name in begun.rules_changed:
        was, will = before.get(name, "nothing"), begun.rules.get(name, "nothing")
        yield f"{f'column {name}' if name else 'row filter'}: was {was}; is {will}"


def _positions(compared: Compared) -> Iterator[tuple[Operation, pl.Series]]:
    changes, reopened = compared.changes, compared.reopened
    inserted = changes.inserted.filter(~changes.inserted.is_in(reopened.implode()))
    yield Operation.INSERT, inserted
    yield Operation.UPDATE, changes.updated[POSITION]
    yield Operation.REWRITE, changes.rewritten[POSITION]
    yield Operation.REOPEN, reopened
    yield Operation.DELETE, changes.deleted[POSITION]


async def _sample(
    compared: Compared, operation: Operation, positions: pl.Series, *, show_keys: bool
) -> tuple[str, ...]:
    gone = operation is Operation.DELETE
    rows = compared.opened_keys if gone else compared.landed.rows
    key = compared.begun.history.table.key_columns
    shown: list[str] = []
    async for frame in rows.take(positions.head(SAMPLE)):
        if show_keys:
            shown += _values(frame, key)
        else:
            shown += [f"{digest:032x}" for digest in key_digest(frame, key)]
    return tuple(shown)


def _values(frame: pl.DataFrame, key: Sequence[Column]) -> Iterator[str]:
    for row in frame.select(column.field for column in key).iter_rows():
        pairs = zip(key, row, strict=True)
        yield ", ".join(f"{column.name}={value}" for column, value in pairs)


@dataclass(frozen=True, slots=True)
class _Watching:
    """Shows progress and keeps nothing; implements ``ports.telemetry.RunObserver``."""

    table: TableId
    progress: Progress

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self.progress.step(self.table, name)
        yield

    def numbered(self, batch: Batch) -> None:
        """A plan has no number."""

    def unrecorded(self, error: CdcError) -> None:
        """A plan records nothing."""

    def rows(self, n: int, total: int | None) -> None:
        self.progress.rows(self.table, n, total)

    def passed(self, guards: tuple[Guard, ...]) -> None:
        """A plan passes none."""
