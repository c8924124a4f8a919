"""The values that travel from step to step: ``Job → Landed → Compared → Promoted``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from cdc_daemon.cdc.guards import Trip
from cdc_daemon.model.change import Changes
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.run import Batch, Job
from cdc_daemon.schema.table import SourceTable

POSITION = "_position"
"""The column that carries a row's position."""


class LandedRows(Protocol):
    """Rows on local disk, addressed by their position in the order they arrived."""

    def take(self, positions: pl.Series) -> AsyncIterator[pl.DataFrame]:
        """The rows at ``positions`` (sorted), in pieces, each with its ``_position``."""
        ...

    def all(self) -> AsyncIterator[pl.DataFrame]:
        """Every row, in pieces."""
        ...


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """A batch's rows, on disk; memory keeps a digest of each."""

    job: Job
    batch: Batch
    history: History
    digests: pl.DataFrame
    """Key digest and row hash of every row, in order."""
    rows: LandedRows
    counted: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A batch whose changes are known, and what the guards say of them."""

    landed: Landed
    changes: Changes
    reopened: pl.Series
    """Positions among ``changes.inserted`` whose key has been there before."""
    opened: pl.DataFrame
    """Digests of the open versions, in the order of ``opened_keys``."""
    opened_keys: LandedRows
    trips: tuple[Trip, ...] = ()
