"""Limits beyond which a batch looks like an accident rather than a day's work."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Guard(Enum):
    """The guards, by the name ``--accept-guard`` takes."""

    EMPTY = "empty"
    """No rows, where earlier batches had some."""
    SHRUNK = "shrunk"
    """Far fewer rows than the last batches had."""
    COUNT = "count"
    """Not as many rows as the source counted in the same snapshot."""
    DELETES = "deletes"
    """Too large a share of the open versions would be closed as deleted."""
    UPDATES = "updates"
    """Too large a share of the open versions would change."""
    QUARANTINE = "quarantine"
    """Too large a share of the rows cannot be carried."""
    RULES = "rules"
    """Rules or keys of transformation changed, and open versions would change by that alone.
    Who accepts it begins new versions."""
    REWRITE = "rewrite"
    """Never trips: who accepts it accepts ``RULES``, and has open versions rewritten in place."""


def widened(accepted: frozenset[Guard]) -> frozenset[Guard]:
    """What is accepted, and what goes with it."""
    return accepted | {Guard.RULES} if Guard.REWRITE in accepted else accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardLimits:
    """Shares are of 1; a share of 1.0 lets everything pass.

    The drop limit of 10 % of the usual rows and the 50 % of updates are those of the systems
    this one replaces; ratios count only where ``min_rows`` versions are open or usual.
    """

    min_rows: int = 1_000
    min_share_of_usual: float = 0.1
    usual_batches: int = 14
    max_delete_share: float = 0.5
    max_update_share: float = 0.5
    max_quarantine_share: float = 0.01
    """Of the rows that were read; below ``min_rows`` of them, it trips where none is left."""
    max_null_key_share: float = 0.0
    """Rows without a value in the key that go to quarantine; above it, they stop the table."""
    allow_empty: bool = False
    """Whether the table is one that is empty now and then."""
    allow_row_security: bool = False
    """Whether a filter predicate of SQL Server is known to keep no row from this login."""
