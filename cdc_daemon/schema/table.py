"""A table as a catalog describes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from cdc_daemon.schema.carrier import carrier
from cdc_daemon.schema.types import LogicalType


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A source column: its name there, its type, its name in the target."""

    name: str
    field: str
    """Its name in frames: ``c0``, ``c1`` … in catalog order, so that no name ever clashes."""
    type: LogicalType
    target_name: str
    native: str
    """The type as the source writes it, for messages."""
    hashed: bool = True
    """False for values that change without a change of the row (rowversion)."""
    as_text: bool = False
    """Carried as text though its type has an own carrier: a value did not fit (NaN)."""

    @property
    def carrier(self) -> pl.DataType:
        """The polars type of its values in frames."""
        return pl.String() if self.as_text else carrier(self.type)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTable:
    """Columns in catalog order, and the names of those that identify a row."""

    columns: tuple[Column, ...]
    key: tuple[str, ...]
    snapshot: bool = True
    """Whether all rows are read as of one instant (law 10)."""

    @property
    def key_columns(self) -> tuple[Column, ...]:
        """The key's columns, in the key's order."""
        return tuple(self.by_name[name] for name in self.key)

    @property
    def by_name(self) -> Mapping[str, Column]:
        """Columns by their name at the source."""
        return {column.name: column for column in self.columns}
