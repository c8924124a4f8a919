"""The values that travel from step to step: ``Job → Landed → Compared → Promoted``."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from cdc_daemon.cdc.guards import Trip
from cdc_daemon.model.change import Changes, Counts
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.run import Batch, Job
from cdc_daemon.schema.table import SourceTable


class LandedRows(Protocol):
    """Rows on local disk, addressed by their position in the order they arrived."""

    def take(self, positions: pl.Series) -> AsyncGenerator[pl.DataFrame, None]:
        """The rows at ``positions`` (sorted), in pieces, each with its ``_position``."""
        ...

    def all(self) -> AsyncGenerator[pl.DataFrame, None]:
        """Every row, in pieces."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """An index of bronze that may go while a batch loads, and comes back as it was."""

    drop: str
    create: tuple[str, ...]
    """Statements; more than one where it has a comment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """A table's history as a batch found it: the fence, and what its tables need first."""

    state: TableState
    table: SourceTable
    is_empty: bool
    """No version was ever written: there is nothing to compare with."""
    ddl: tuple[str, ...] = ()
    """Statements promote runs before it writes; after a first load, the indexes come last."""
    indexes: tuple[str, ...] = ()
    secondary: tuple[Index, ...] = ()
    """Indexes that are there, law 3's and every other unique one apart."""
    rebuild_above: float | None = None
    """As configured: versions opened by open versions, from which on they are built anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A batch whose snapshot is open: what is known before its first row comes."""

    job: Job
    batch: Batch
    history: History


@dataclass(frozen=True, slots=True, kw_only=True)
class Arriving:
    """The rows of a table that has no history yet, on their way from the source."""

    begun: Begun
    rows: AsyncGenerator[pl.DataFrame, None]
    """In carriers, under their fields, with their row hash."""
    verdict: Callable[[], Awaitable[Counts]]
    """To be asked once, when all rows have come: raises what stops the batch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """A batch's rows with their row hash, on disk."""

    begun: Begun
    rows: LandedRows
    extracted: int
    counted: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A batch whose changes are known, and what the guards say of them."""

    landed: Landed
    changes: Changes
    reopened: pl.Series
    """Positions among ``changes.inserted`` whose key has been there before."""
    opened_keys: LandedRows
    """The keys of the open versions, at the positions of ``changes.deleted``."""
    trips: tuple[Trip, ...] = ()

    @property
    def begun(self) -> Begun:
        """What was known before the rows."""
        return self.landed.begun
