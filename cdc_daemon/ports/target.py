"""A database that keeps history."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import polars as pl

from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.run import Batch, Promoted
from cdc_daemon.model.table import TableSpec
from cdc_daemon.ports.flow import Arriving, Begun, Compared, History
from cdc_daemon.schema.table import Column, SourceTable


@dataclass(frozen=True, slots=True)
class Refusal:
    """A landed row that the target does not take."""

    position: int
    reason: str
    column: str | None = None
    """Its name at the source, where it is known."""


class Target(Protocol):
    """The history of tables: what is open now, and one transaction that changes it."""

    async def now(self) -> datetime:
        """The target's clock: every instant of the system is one of its."""
        ...

    async def fence(self, spec: TableSpec) -> TableState:
        """The table's epoch and last instant; read before the source's snapshot opens.

        A batch that finds another epoch at promote has read something older than what was
        promoted meanwhile: it has lost the race.
        """
        ...

    async def prepare(self, spec: TableSpec, table: SourceTable) -> History:
        """See what the target's tables need. Writes nothing.

        Raises:
            NotBronze: a table of that name is there and is no history, or has lost the unique
                index over open versions (law 3).
            IncompatibleChange: the source's columns changed in a way history cannot absorb.
        """
        ...

    def open_versions(
        self, spec: TableSpec, columns: Sequence[Column], after: datetime
    ) -> AsyncGenerator[pl.DataFrame, None]:
        """The open versions: ``columns`` in carriers, and row hash, recipe, and ``_later``.

        ``_row_hash`` is a 128-bit unsigned integer; ``_later`` marks versions that began after
        ``after``. Close it: until then it holds a session.
        """
        ...

    async def known(self, begun: Begun, keys: pl.DataFrame) -> pl.Series:
        """Which ``_position`` of ``keys`` have any version, open or closed."""
        ...

    async def first_load(self, arriving: Arriving) -> Promoted:
        """Load rows while they come; then, in the same transaction, all that promote does.

        Raises:
            DoesNotFit: as the rows say; nothing was written.
            LostRace, ClockSkew: as ``promote``.
        """
        ...

    async def refused(self, compared: Compared) -> tuple[Refusal, ...]:
        """Which rows of the batch are not taken, found by trying; nothing of it is kept.

        To be asked where ``promote`` raised ``RowRefused``. None: it was not a row.
        """
        ...

    async def promote(self, compared: Compared) -> Promoted:
        """Write stage, bronze, epoch and checkpoint in one transaction, or nothing at all.

        Raises:
            LostRace: the epoch or the versions are not those the batch was compared with.
            ClockSkew: the table's last instant is far ahead of the batch.
            RowRefused: it does not take some row.
        """
        ...

    async def sweep(self, spec: TableSpec) -> int:
        """Remove what the change feed need not keep any longer; the number of rows."""
        ...

    async def ping(self) -> None:
        """Connect and ask for nothing."""
        ...


class Batches(Protocol):
    """The record of batches, in the target."""

    async def begin(self, spec: TableSpec, window: str, read_at: datetime, run_id: str) -> Batch:
        """Give the batch its number; earlier ones of this table left running are abandoned."""
        ...

    async def usual(self, spec: TableSpec, limit: int) -> tuple[int, ...]:
        """Rows extracted by the last promoted batches, newest first."""
        ...
