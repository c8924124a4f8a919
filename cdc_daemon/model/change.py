"""The difference between what was captured and the open versions, and its counts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import polars as pl


class Operation(Enum):
    """Why a version opened, or closed."""

    INSERT = "I"
    UPDATE = "U"
    REOPEN = "R"
    """The key was deleted once and is back."""
    DELETE = "D"


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """Rows by their position: in the landing (captured) and among the open versions read.

    ``updated`` and ``deleted`` carry the row hash seen, by which promote closes (the fence).
    """

    inserted: pl.Series
    """Positions in the landing, UInt32: new keys and reopened ones alike."""
    updated: pl.DataFrame
    """``landed`` and ``opened``, positions of the new row and of the version it replaces."""
    deleted: pl.Series
    """Positions among the open versions."""
    unchanged: int
    later: int = 0
    """Open versions that began after the read: left alone."""

    @property
    def is_empty(self) -> bool:
        """Whether stage and bronze stay as they are."""
        return not (self.inserted.len() or self.updated.height or self.deleted.len())

    @property
    def size(self) -> int:
        """Keys that change."""
        return self.inserted.len() + self.updated.height + self.deleted.len()


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Rows of one batch."""

    extracted: int = 0
    inserted: int = 0
    updated: int = 0
    reopened: int = 0
    deleted: int = 0
    unchanged: int = 0

    @property
    def opened(self) -> int:
        """Versions that began."""
        return self.inserted + self.updated + self.reopened

    @property
    def closed(self) -> int:
        """Versions that ended."""
        return self.updated + self.deleted
