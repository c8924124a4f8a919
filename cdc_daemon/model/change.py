"""The difference between what was captured and the open versions, and its counts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

import polars as pl


class Operation(Enum):
    """Why a version opened, or closed."""

    INSERT = "I"
    UPDATE = "U"
    REOPEN = "R"
    """The key was deleted once and is back."""
    DELETE = "D"
    REWRITE = "W"
    """The open version gets other values in place: nothing changed but the rules. On the way to
    the target only; history and feed never say so."""


POSITION = "_position"
"""The column that carries a row's position in the order of arrival, UInt32."""
CLOSES = "_closes"
"""The column that carries the row hash of the version a change closes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How many changes of each kind."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    rewritten: int = 0

    def __add__(self, other: Sizes) -> Sizes:
        return Sizes(
            inserted=self.inserted + other.inserted,
            updated=self.updated + other.updated,
            deleted=self.deleted + other.deleted,
            rewritten=self.rewritten + other.rewritten,
        )

    @property
    def total(self) -> int:
        """Keys that change."""
        return self.inserted + self.updated + self.deleted + self.rewritten


def _none() -> pl.DataFrame:
    return pl.DataFrame(schema={POSITION: pl.UInt32, CLOSES: pl.UInt128})


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Rows by their position: in the landing (captured) and among the open versions read.

    ``updated`` and ``deleted`` carry the row hash seen, by which promote closes (the fence).
    """

    inserted: pl.Series
    """Positions in the landing: new keys and reopened ones alike."""
    updated: pl.DataFrame
    """``POSITION`` of the new row in the landing, and ``CLOSES``."""
    deleted: pl.DataFrame
    """``POSITION`` among the open versions, and ``CLOSES``."""
    unchanged: int
    rewritten: pl.DataFrame = field(default_factory=_none)
    """As ``updated``: rows that differ by changed rules alone, whose versions stay open."""
    later: int = 0
    """Open versions that began after the read: left alone."""
    left_out: Sizes = Sizes()
    """Changes beyond what one batch may have: they are counted, and nothing is promoted."""

    def without_deletes(self) -> Changes:
        """What is left where nothing may be taken for deleted (law 10)."""
        left_out = replace(self.left_out, deleted=0)
        return replace(self, deleted=self.deleted.clear(), left_out=left_out)

    def without(self, positions: pl.Series) -> Changes:
        """What is left without the rows at ``positions`` in the landing; no version is closed
        for them.
        """
        kept = ~pl.col(POSITION).is_in(positions.implode())
        return replace(
            self,
            inserted=self.inserted.filter(~self.inserted.is_in(positions.implode())),
            updated=self.updated.filter(kept),
            rewritten=self.rewritten.filter(kept),
        )

    def rewriting(self, positions: pl.Series) -> Changes:
        """The same, where the versions of the rows at ``positions`` stay open."""
        same = pl.col(POSITION).is_in(positions.implode())
        return replace(
            self, updated=self.updated.filter(~same), rewritten=self.updated.filter(same)
        )

    @property
    def sizes(self) -> Sizes:
        """All of them, whether left out or not."""
        return self.left_out + Sizes(
            inserted=self.inserted.len(),
            updated=self.updated.height,
            deleted=self.deleted.height,
            rewritten=self.rewritten.height,
        )

    @property
    def is_empty(self) -> bool:
        """Whether stage and bronze stay as they are."""
        return not self.size

    @property
    def size(self) -> int:
        """Keys that change."""
        return self.sizes.total


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Rows of one batch."""

    extracted: int = 0
    inserted: int = 0
    updated: int = 0
    reopened: int = 0
    deleted: int = 0
    unchanged: int = 0
    rewritten: int = 0
    """Open versions that were given other values in place, as new rules have them."""
    quarantined: int = 0
    """Rows that could not be carried."""
    filtered: int = 0
    """Rows that a filter left out."""

    @property
    def opened(self) -> int:
        """Versions that began."""
        return self.inserted + self.updated + self.reopened

    @property
    def closed(self) -> int:
        """Versions that ended."""
        return self.updated + self.deleted
