"""Control tables, event log and locks in plain Python."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count

from cdc_daemon.errors import LostRace, Retry, TableLocked
from cdc_daemon.model.change import Counts
from cdc_daemon.model.checkpoint import Checkpoint, TableState
from cdc_daemon.model.event import Event
from cdc_daemon.model.guard import Guard
from cdc_daemon.model.run import Batch
from cdc_daemon.model.table import TableId, TableSpec
from cdc_daemon.model.window import REPLAY, WHOLE, Window
from cdc_daemon.ports.control import Feed
from cdc_daemon.ports.flow import Begun

RUNNING = "running"


@dataclass(slots=True)
class MemoryControl:
    """Implements ``States``, ``Batches`` and ``EventLog``."""

    clock: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    states: dict[TableId, TableState] = field(default_factory=dict)
    checkpoints: dict[tuple[TableId, str], Checkpoint] = field(default_factory=dict)
    batches: dict[int, tuple[Batch, str, Counts]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    async def all(self) -> Mapping[TableId, TableState]:
        """Every table on record."""
        return dict(self.states)

    async def state(self, table: TableId) -> TableState:
        """One table."""
        return self.states.get(table, TableState(table=table))

    async def pause(self, table: TableId) -> None:
        """Let no new batch begin."""
        await self._set(table, paused=True)

    async def resume(self, table: TableId) -> None:
        """Undo ``pause``."""
        await self._set(table, paused=False)

    async def hold(self, table: TableId, reason: str, guards: frozenset[Guard]) -> None:
        """Stop the table until it is released."""
        await self.failed(table)
        await self._set(table, held=reason, held_guards=guards)

    async def release(
        self, table: TableId, also: frozenset[Guard] = frozenset()
    ) -> frozenset[Guard]:
        """What held it passes one batch; nothing for a table not held."""
        state = await self.state(table)
        guards = state.held_guards
        if state.held is None:
            return guards
        guards |= also
        accepted = guards | (state.accepted - {Guard.REWRITE})  # which is chosen anew each time
        await self._set(table, held=None, held_guards=frozenset(), accepted=accepted)
        await self._set(table, failures=0, triggered=self.clock)
        return guards

    async def failed(self, table: TableId) -> None:
        """Count a failure."""
        await self._set(table, failures=(await self.state(table)).failures + 1)

    async def ended(self, table: TableId, read_at: datetime | None, retry: Retry | None) -> None:
        """An attempt came to its end."""
        started = read_at or self.clock
        await self._set(table, last_started=started, last_ended=self.clock, retry=retry)

    async def trigger(self, table: TableId) -> None:
        """Ask for a batch at once."""
        await self._set(table, triggered=self.clock)

    async def changed(self, after: datetime) -> Feed:
        """Every state there is."""
        return Feed(now=self.clock, states=dict(self.states), seen=after)

    async def begin(self, spec: TableSpec, window: str, read_at: datetime, run_id: str) -> Batch:  # noqa: ARG002 - the run is on record in the events here
        """Number a batch; those left running are abandoned."""
        for number, (batch, status, counts) in self.batches.items():
            if batch.table == spec.id and status == RUNNING:
                self.batches[number] = (batch, "abandoned", counts)
        batch = Batch(
            number=next(self._numbers), table=spec.id, window=Window(window), read_at=read_at
        )
        self.batches[batch.number] = (batch, RUNNING, Counts())
        return batch

    async def usual(self, spec: TableSpec, limit: int) -> tuple[int, ...]:
        """Rows of the last promoted batches, newest first."""
        rows = [
            counts.extracted
            for batch, status, counts in self.batches.values()
            if batch.table == spec.id and status == "promoted" and batch.window == WHOLE
        ]
        return tuple(reversed(rows[-limit:]))

    async def record(self, event: Event) -> None:
        """Append."""
        self.events.append(event)

    async def finish(self, batch: int, status: str, error_kind: str | None) -> None:  # noqa: ARG002 - the kind is on record in the events here
        """Close a batch that is still said to run."""
        found, current, counts = self.batches[batch]
        if current == RUNNING:
            self.batches[batch] = (found, status, counts)

    def advance(self, begun: Begun, at: datetime, counts: Counts) -> None:
        """The fence and the checkpoint, as one: compare-and-set of the epoch (law 2)."""
        table, batch = begun.job.table.id, begun.batch
        state = self.states.get(table, TableState(table=table))
        if state.epoch != begun.history.state.epoch:
            raise LostRace(f"{table}: promoted by somebody else")
        if self.batches[batch.number][1] != RUNNING:
            raise LostRace(f"{table}: batch {batch.number} was abandoned")
        moved = replace(
            state,
            epoch=state.epoch + 1,
            last_instant=at,
            last_batch=batch.number,
            open_versions=state.open_versions + counts.opened - counts.closed,
        )
        self.batches[batch.number] = (batch, "promoted", counts)
        self.states[table] = moved
        if batch.window == REPLAY:
            return
        self.states[table] = replace(
            moved,
            last_success=at,
            rules=begun.rules,
            accepted=frozenset(),
            last_started=begun.batch.read_at,
            last_ended=at,
            retry=None,
            held=None,
            held_guards=frozenset(),
            failures=0,
        )
        self.checkpoints[table, batch.window.name] = Checkpoint(
            batch=batch.number, read_at=batch.read_at, rows=counts.extracted
        )

    async def _set(self, table: TableId, **values: object) -> None:
        self.states[table] = replace(await self.state(table), **values)  # type: ignore[arg-type]


@dataclass(slots=True)
class MemoryLock:
    """Implements ``ports.control.HeldLock``."""

    gone: asyncio.Event

    async def lost(self) -> None:
        """Return when a test takes it away."""
        await self.gone.wait()


@dataclass(slots=True)
class MemoryLocks:
    """Implements ``ports.control.Locks``."""

    held: dict[TableId, asyncio.Event] = field(default_factory=dict)

    @asynccontextmanager
    async def hold(self, table: TableId) -> AsyncIterator[MemoryLock]:
        """Take the lock or raise ``TableLocked``."""
        if table in self.held:
            raise TableLocked(f"{table}: another process works on it")
        self.held[table] = asyncio.Event()
        try:
            yield MemoryLock(self.held[table])
        finally:
            del self.held[table]
