"""Rows that cannot be carried: what tells them, never what is in them (law 9)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """Why a row, or several whose keys are unknown, were left out of a batch."""

    reason: str
    """A word: of a transformer, or of the database that would not take the row."""
    column: str | None = None
    """Its name at the source; None where the database did not tell."""
    key: int | None = None
    """The digest of the key as it would have landed; None where it is unknown."""
    rows: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined:
    """A rejection on record."""

    number: int
    rejection: Rejection
    first_batch: int
    last_batch: int
    first_seen: datetime
    last_seen: datetime
    resolved: datetime | None = None
    """When the first batch that did not find it any more was promoted."""
