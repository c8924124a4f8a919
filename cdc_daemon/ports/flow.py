"""The values that travel from step to step: ``Job → Landed → Compared → Promoted``."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

import polars as pl

from cdc_daemon.cdc.guards import Trip
from cdc_daemon.model.change import Changes, Counts
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.guard import Guard, widened
from cdc_daemon.model.rejection import Rejection
from cdc_daemon.model.run import Batch, Job
from cdc_daemon.model.table import RuleChange
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
    added: frozenset[str] = frozenset()
    """Columns, by their names at the source, that bronze does not have yet."""
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
    rules: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """What is done to the values of each column; under the empty name, which rows are left out."""
    told: tuple[str, ...] = ()
    """The same for a person, and what to know of it."""

    @property
    def rules_changed(self) -> tuple[str, ...]:
        """Columns to whose values something else is done than in the open versions."""
        if self.history.is_empty:
            return ()
        before = self.history.state.rules or {}
        names = sorted(before.keys() | self.rules.keys())
        return tuple(name for name in names if before.get(name) != self.rules.get(name))

    @property
    def key_rules_changed(self) -> bool:
        """Whether keys are among them: old versions then have other keys than new ones."""
        return not set(self.rules_changed).isdisjoint(self.history.table.key)

    @property
    def accepted(self) -> frozenset[Guard]:
        """Guards that this batch passes, because a person or the configuration says so."""
        accepted = self.job.accepted | self.history.state.accepted
        if self.key_rules_changed and Guard.REWRITE in accepted:
            accepted -= {Guard.RULES}  # keys cannot be rewritten; new ones nobody asked for
        match self.job.table.on_rule_change:
            case RuleChange.VERSION:
                accepted |= {Guard.RULES}
            case RuleChange.REWRITE:
                accepted |= {Guard.REWRITE}
            case RuleChange.ASK:
                pass
        return accepted if self.key_rules_changed else widened(accepted)

    @property
    def rewrites(self) -> bool:
        """Whether open versions that differ by changed rules alone get new values in place."""
        changed = bool(self.rules_changed) and not self.key_rules_changed
        return changed and Guard.REWRITE in self.accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class SetApart:
    """Rows that were read and are not carried."""

    rejected: int = 0
    """Rows that cannot be carried."""
    filtered: int = 0
    unknown: bool = False
    """Whether the key of one of them is not known: nothing may be taken for deleted (law 10)."""
    rejections: tuple[Rejection, ...] = ()

    @property
    def rows(self) -> int:
        """All of them."""
        return self.rejected + self.filtered


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
    """Rows that were read, whether carried or not."""
    counted: int | None
    apart: SetApart = SetApart()


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
    refused: pl.Series = field(default_factory=lambda: pl.Series([], dtype=pl.UInt32))
    """Positions of rows that the target does not take: they are not among the changes."""
    rejections: tuple[Rejection, ...] = ()
    """Of every row that is not carried."""

    @property
    def begun(self) -> Begun:
        """What was known before the rows."""
        return self.landed.begun
