"""Where a transformer is applied, and what stands for a value that it could not transform."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from cdc_daemon.schema.table import Column


@dataclass(frozen=True, slots=True)
class Bound:
    """Another column of the row, as it was read: ``value`` is an expression of its carrier."""

    column: Column
    value: pl.Expr


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where a transformer is applied."""

    column: Column
    """The column as the transformer before left it."""
    row: Mapping[str, Bound] = field(default_factory=dict)
    """Columns of the row by name, as they were read, before any transformer."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """What stands for a value that could not be transformed; never the value itself (law 9)."""

    reason: str

    def __bool__(self) -> bool:
        return False
