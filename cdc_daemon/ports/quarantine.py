"""The record of rows that could not be carried."""

from __future__ import annotations

from collections.abc import Sequence
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
