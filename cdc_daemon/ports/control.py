"""The operator's side of the control tables, the event log, and locks."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cdc_daemon.errors import Retry
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.event import Event
from cdc_daemon.model.guard import Guard
from cdc_daemon.model.table import TableId
from cdc_daemon.ports.sql import SqlSession


class States(Protocol):
    """What is known and wanted of each table; an operator's word reaches every process."""

    async def all(self) -> Mapping[TableId, TableState]:
        """Every table that ever ran or was spoken about."""
        ...

    async def state(self, table: TableId) -> TableState:
        """One table; a fresh state where nothing is known."""
        ...

    async def pause(self, table: TableId) -> None:
        """Let no new batch of the table begin."""
        ...

    async def resume(self, table: TableId) -> None:
        """Undo ``pause``."""
        ...

    async def hold(self, table: TableId, reason: str, guards: frozenset[Guard]) -> None:
        """Stop the table until it is released; ``guards`` are those that tripped."""
        ...

    async def release(
        self, table: TableId, also: frozenset[Guard] = frozenset()
    ) -> frozenset[Guard]:
        """Let a held table run; the guards that held it, and ``also``, pass one batch, and are
        returned.
        """
        ...

    async def failed(self, table: TableId) -> None:
        """Count an attempt that failed."""
        ...

    async def ended(self, table: TableId, read_at: datetime | None, retry: Retry | None) -> None:
        """An attempt came to its end: what the schedule goes on from."""
        ...

    async def trigger(self, table: TableId) -> None:
        """Ask for a batch at once, by whichever daemon sees it first."""
        ...


@dataclass(frozen=True, slots=True)
class Feed:
    """What changed in ``table_state``, and the target's clock."""

    now: datetime
    states: Mapping[TableId, TableState]
    seen: datetime
    """Where to read on from."""


class StateFeed(Protocol):
    """Where a scheduler learns of states."""

    async def changed(self, after: datetime) -> Feed:
        """States that changed after ``after``; some older ones may come again.

        Raises:
            CdcError: the target does not answer.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A bounded piece of housekeeping, done in a transaction of its own."""

    deleted: int
    """Rows."""
    go_on: int | None
    """Where the next piece begins; None: there is none, or another process is at it."""


class Housekeeping(Protocol):
    """Deletes from the control tables what is past retention, piece by piece, oldest first.

    By the target's clock, and one process at a time.
    """

    async def events(self, after: int) -> Piece:
        """Events that nobody reads any more; 0 begins.

        Raises:
            CdcError: the target does not answer.
        """
        ...

    async def batches(self, after: int) -> Piece:
        """Attempts that nothing needs any more; 0 begins.

        Raises:
            CdcError: the target does not answer.
        """
        ...

    async def quarantine(self, after: int) -> Piece:
        """Entries of quarantine that are resolved; 0 begins.

        Raises:
            CdcError: the target does not answer.
        """
        ...


class StateReader(Protocol):
    """The fence, read in the session that reads what it guards."""

    async def read(self, session: SqlSession, table: TableId) -> TableState:
        """One table; a fresh state where nothing is known."""
        ...

    async def running(self, session: SqlSession) -> frozenset[int]:
        """The numbers of batches that have not ended."""
        ...


class EventLog(Protocol):
    """Append-only; a failure to record never fails a run."""

    async def record(self, event: Event) -> None:
        """Append, in a transaction of its own."""
        ...

    async def finish(self, batch: int, status: str, error_kind: str | None) -> None:
        """Close the record of a batch that did not come to promote."""
        ...


class HeldLock(Protocol):
    """A lock in hand."""

    async def lost(self) -> None:
        """Return when the lock is no longer ours."""
        ...


class Locks(Protocol):
    """One process a table, across processes; the epoch is the proof (law 2)."""

    def hold(self, table: TableId) -> AbstractAsyncContextManager[HeldLock]:
        """Take the lock or raise ``TableLocked`` at once; never wait."""
        ...
