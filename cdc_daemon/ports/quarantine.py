"""The record of rows that could not be carried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cdc_daemon.model.rejection import Quarantined, Rejection
from cdc_daemon.model.run import Batch
from cdc_daemon.model.table import TableId


class Quarantine(Protocol):
    """What is in quarantine: keys by digest, never rows (law 9). One writer per table (law 2)."""

    async def record(self, batch: Batch, found: Sequence[Rejection]) -> None:
        """What a batch left out: new ones are added, known ones are seen again.

        Two rejections are the same if table, key, column and reason are.
        """
        ...

    async def settle(self, batch: Batch, keys: frozenset[int] | None = None) -> int:
        """Resolve what a promoted batch did not find again; of ``keys`` alone where it read no
        others. The number of entries.
        """
        ...

    async def open(self, table: TableId) -> tuple[Quarantined, ...]:
        """What is not resolved, oldest first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What is open of one table for one reason in one column."""

    table: TableId
    column: str | None
    reason: str
    entries: int
    rows: int
    first_seen: datetime
    last_seen: datetime


class QuarantineDesk(Quarantine, Protocol):
    """The same as an operator sees it."""

    async def entries(
        self, table: TableId, limit: int, *, resolved: bool
    ) -> tuple[Quarantined, ...]:
        """The newest entries, at most ``limit``, newest first; resolved ones only if asked for."""
        ...

    async def summary(self) -> tuple[Cause, ...]:
        """What is open, by table, column and reason, in that order."""
        ...

    async def tables(self) -> frozenset[TableId]:
        """Those with an entry, open or resolved."""
        ...

    async def purge(self, table: TableId, *, resolved_only: bool) -> int:
        """Delete entries of a table; how many. An open one comes back with the next batch that
        finds it.
        """
        ...
