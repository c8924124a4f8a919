"""Conditions that compare a column with values; the column's type says what they mean.

Equality is that of canonical forms, as for keys: ``1.50`` is ``1.5``, and case counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal as Number

import polars as pl

from cdc_daemon.cdc.canonical import canonical_form
from cdc_daemon.errors import ConfigError
from cdc_daemon.schema.types import Date, Decimal, Float, Integer, Text, Timestamp
from cdc_daemon.transformation.conditions import Condition, bound
from cdc_daemon.transformation.readings import read
from cdc_daemon.transformation.site import Bound

Scalar = str | bool | int | float | Number | date | datetime
ORDERS = ("less", "at_most", "more", "at_least")


@dataclass(frozen=True, slots=True)
class Compare(Condition):
    """``column`` is one of ``values``, by the canonical form of values."""

    column: str
    values: tuple[Scalar, ...]

    @property
    def reads(self) -> frozenset[str]:
        """The column."""
        return frozenset((self.column,))

    def describe(self) -> str:
        """``=`` or ``in``."""
        shown = ", ".join(repr(value) for value in self.values)
        return (
            f"{self.column} = {shown}" if len(self.values) == 1 else f"{self.column} in ({shown})"
        )

    def holds(self, row: Mapping[str, Bound]) -> pl.Expr:
        """See ``Condition``."""
        other = bound(self.column, row)
        forms = [_form(value, other) for value in self.values]
        mine = canonical_form(other.value, other.column, key=True)
        return mine.is_in(pl.Series(forms, dtype=pl.String).implode()).fill_null(False)


@dataclass(frozen=True, slots=True)
class Order(Condition):
    """``column`` is less, at most, more or at least ``value``: numbers, dates, timestamps, text."""

    column: str
    order: str
    value: Scalar

    @property
    def reads(self) -> frozenset[str]:
        """The column."""
        return frozenset((self.column,))

    def describe(self) -> str:
        """In words."""
        return f"{self.column} {self.order.replace('_', ' ')} {self.value!r}"

    def holds(self, row: Mapping[str, Bound]) -> pl.Expr:
        """See ``Condition``."""
        other = bound(self.column, row)
        if not isinstance(other.column.type, Integer | Decimal | Float | Date | Timestamp | Text):
            kind = type(other.column.type).__name__.lower()
            raise ConfigError(
                [f"column '{self.column}' is of type {kind}, which has no order here"]
            )
        mine, limit = other.value, pl.lit(_literal(self.value, other))
        if isinstance(other.column.type, Date | Timestamp):
            mine, limit = mine.to_physical(), limit.to_physical()
        elif isinstance(other.column.type, Decimal):
            mine, limit = mine.cast(pl.Float64, strict=False), limit.cast(pl.Float64, strict=False)
        match self.order:
            case "less":
                found = mine < limit
            case "at_most":
                found = mine <= limit
            case "more":
                found = mine > limit
            case _:
                found = mine >= limit
        return found.fill_null(False)


def _literal(value: Scalar, other: Bound) -> pl.Series:
    """``value`` as the column's type has it.

    Raises:
        ConfigError: it has none there.
    """
    text = str(value).lower() if isinstance(value, bool) else str(value)
    column = other.column
    written = pl.DataFrame({column.field: [text]})
    if isinstance(column.type, Text):
        return written.to_series()
    found = written.select(read(pl.col(column.field), column.type)).to_series()
    if found.null_count():
        kind = type(column.type).__name__.lower()
        raise ConfigError([f"a condition compares column '{column.name}' with what is no {kind}"])
    return found


def _form(value: Scalar, other: Bound) -> str:
    literal = _literal(value, other)
    column = other.column
    form = canonical_form(pl.col(literal.name), column, key=True)
    return str(literal.to_frame().select(form).item())
