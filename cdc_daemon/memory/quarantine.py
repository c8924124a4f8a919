"""Quarantine in plain Python."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count

from cdc_daemon.model.rejection import Quarantined, Rejection
from cdc_daemon.model.run import Batch
from cdc_daemon.model.table import TableId
from cdc_daemon.ports.quarantine import Cause


@dataclass(slots=True)
class MemoryQuarantine:
    """Implements ``ports.quarantine.QuarantineDesk``."""

    clock: Callable[[], datetime] = lambda: datetime(2026, 1, 1, tzinfo=UTC)
    held: dict[int, tuple[TableId, Quarantined]] = field(default_factory=dict)
    """Entries by number, with their tables."""
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    async def record(self, batch: Batch, found: Sequence[Rejection]) -> None:
        """New ones are added, known ones are seen again."""
        open_ones = {_same(one.rejection): one for one in await self.open(batch.table)}
        merged: dict[Rejection, int] = {}
        for rejection in found:
            merged[_same(rejection)] = merged.get(_same(rejection), 0) + rejection.rows
        for same, rows in merged.items():
            known = open_ones.get(same) or Quarantined(
                number=next(self._numbers),
                rejection=same,
                first_batch=batch.number,
                last_batch=batch.number,
                first_seen=self.clock(),
                last_seen=self.clock(),
            )
            self.held[known.number] = (
                batch.table,
                replace(
                    known,
                    rejection=replace(same, rows=rows),
                    last_batch=batch.number,
                    last_seen=self.clock(),
                ),
            )

    async def settle(self, batch: Batch, keys: frozenset[int] | None = None) -> int:
        """Resolve what an earlier batch was the last to find."""
        gone = [
            one
            for one in await self.open(batch.table)
            if one.last_batch < batch.number and (keys is None or one.rejection.key in keys)
        ]
        for one in gone:
            self.held[one.number] = (batch.table, replace(one, resolved=self.clock()))
        return len(gone)

    async def open(self, table: TableId) -> tuple[Quarantined, ...]:
        """What is not resolved, oldest first."""
        return tuple(one for one in self._of(table) if one.resolved is None)

    async def entries(
        self, table: TableId, limit: int, *, resolved: bool
    ) -> tuple[Quarantined, ...]:
        """The newest first."""
        found = self._of(table) if resolved else await self.open(table)
        return found[::-1][:limit]

    async def summary(self) -> tuple[Cause, ...]:
        """What is open, by table, column and reason."""
        causes: dict[tuple[TableId, str, str], Cause] = {}
        for table in sorted(await self.tables()):
            for one in await self.open(table):
                what = (table, one.rejection.column or "", one.rejection.reason)
                causes[what] = _with(causes.get(what), table, one)
        return tuple(causes[what] for what in sorted(causes))

    async def tables(self) -> frozenset[TableId]:
        """Those with an entry, open or resolved."""
        return frozenset(table for table, _ in self.held.values())

    async def purge(self, table: TableId, *, resolved_only: bool) -> int:
        """Delete entries of a table."""
        gone = [one for one in self._of(table) if one.resolved is not None or not resolved_only]
        for one in gone:
            del self.held[one.number]
        return len(gone)

    def _of(self, table: TableId) -> tuple[Quarantined, ...]:
        return tuple(self.held[n][1] for n in sorted(self.held) if self.held[n][0] == table)


def _same(rejection: Rejection) -> Rejection:
    """The same for two that are one entry."""
    return replace(rejection, rows=1)


def _with(cause: Cause | None, table: TableId, one: Quarantined) -> Cause:
    return Cause(
        table=table,
        column=one.rejection.column,
        reason=one.rejection.reason,
        entries=(cause.entries if cause else 0) + 1,
        rows=(cause.rows if cause else 0) + one.rejection.rows,
        first_seen=min(cause.first_seen, one.first_seen) if cause else one.first_seen,
        last_seen=max(cause.last_seen, one.last_seen) if cause else one.last_seen,
    )
