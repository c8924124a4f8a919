"""Law 3 as a check over the versions of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True, slots=True, kw_only=True)
class Violations:
    """How many versions break each part of law 3."""

    several_open: int
    overlapping: int
    empty: int
    inconsistent: int
    """``_is_current`` or ``_closed_by`` say something else than ``_valid_to``."""

    @property
    def total(self) -> int:
        """Zero for a history that keeps the law."""
        return self.several_open + self.overlapping + self.empty + self.inconsistent


def violations(versions: pl.DataFrame, key: Sequence[str]) -> Violations:
    """Count what breaks the law among ``versions``: key columns and version columns."""
    ended = pl.col("_valid_to").is_not_null()
    ordered = versions.sort("_valid_from").with_columns(
        before=pl.col("_valid_to").shift(1).over(*key),
        first=pl.int_range(pl.len()).over(*key) == 0,
    )
    return Violations(
        several_open=versions.filter(~ended).group_by(*key).len().filter(pl.col("len") > 1).height,
        overlapping=ordered.filter(
            ~pl.col("first")
            & (pl.col("before").is_null() | (pl.col("before") > pl.col("_valid_from")))
        ).height,
        empty=versions.filter(pl.col("_valid_to") <= pl.col("_valid_from")).height,
        inconsistent=versions.filter(
            (pl.col("_is_current") == ended) | (pl.col("_closed_by").is_not_null() != ended)
        ).height,
    )
