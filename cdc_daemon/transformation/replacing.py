"""Transformers that look at no value, or only at its length."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal as Number
from uuid import UUID

import polars as pl

from cdc_daemon.errors import ConfigError
from cdc_daemon.schema.table import Column
from cdc_daemon.schema.types import Integer, LogicalType, Native, Text
from cdc_daemon.transformation.forms import text_form
from cdc_daemon.transformation.site import Site
from cdc_daemon.transformation.transformer import Transformer, never
from cdc_daemon.transformation.values import carried, logical_of, series

Scalar = str | bool | int | float | Number | date | datetime | UUID


@dataclass(frozen=True, slots=True)
class NullTransformer(Transformer):
    """Every value becomes NULL; the column and its type stay."""

    @property
    def idempotent(self) -> bool:
        """NULL stays NULL."""
        return True

    def describe(self) -> str:
        """For ``plan``."""
        return "null"

    def output(self, column: Column) -> LogicalType:
        """The same type."""
        return column.type

    def expression(self, value: pl.Expr, site: Site) -> pl.Expr:
        """NULL."""
        del value
        return pl.lit(None, dtype=site.column.carrier)

    def rejected(self, before: pl.Expr, after: pl.Expr, site: Site) -> pl.Expr:
        """NULL is what is wanted."""
        del before, after, site
        return never()


@dataclass(frozen=True, slots=True)
class ConstantTransformer(Transformer):
    """Every value becomes ``value``, NULL too: so not even what is missing can be told.

    Raises:
        ConfigError: the value is NULL, or of a type that databases do not have.
    """

    value: Scalar

    def __post_init__(self) -> None:
        if not isinstance(self.value, Scalar):
            raise ConfigError(["a `constant` is a text, a number, a boolean or a date"])

    @property
    def idempotent(self) -> bool:
        """It is always the same."""
        return True

    def describe(self) -> str:
        """For ``plan``."""
        return f"constant {self.value!r}"

    def output(self, column: Column) -> LogicalType:
        """The column's type where the value fits it, or else the value's."""
        given = logical_of(self.value)
        match column.type:
            case Integer(bits) if isinstance(given, Integer):
                fits = isinstance(self.value, int) and abs(self.value) < 2 ** (bits - 1)
                return column.type if fits else given
            case Text(length=length) if isinstance(self.value, str):
                return column.type if length is None or len(self.value) <= length else given
            case _:
                return given

    def expression(self, value: pl.Expr, site: Site) -> pl.Expr:
        """The constant; of ``value`` only the number of rows is used."""
        del value
        column = replace(site.column, type=self.output(site.column), as_text=False)
        return pl.lit(series(column, [carried(self.value)])).first()

    def rejected(self, before: pl.Expr, after: pl.Expr, site: Site) -> pl.Expr:
        """Nothing can go wrong."""
        del before, after, site
        return never()


@dataclass(frozen=True, slots=True)
class TruncateTransformer(Transformer):
    """Text is cut to its first ``length`` characters.

    Raises:
        ConfigError: the length is below 1.
    """

    length: int

    def __post_init__(self) -> None:
        if self.length < 1:
            raise ConfigError(["`length` of `truncate` is at least 1"])

    @property
    def idempotent(self) -> bool:
        """What is short enough stays."""
        return True

    def describe(self) -> str:
        """For ``plan``."""
        return f"truncate to {self.length}"

    def refuses(self, column: Column) -> str | None:
        """Half a number or a document is none."""
        if isinstance(column.type, Text | Native):
            return None
        name = type(column.type).__name__.lower()
        return f"only text is cut, not {name}: convert it first"

    def output(self, column: Column) -> LogicalType:
        """Text, no longer than before."""
        if isinstance(column.type, Text) and column.type.length is not None:
            return replace(column.type, length=min(column.type.length, self.length))
        return Text(self.length)

    def expression(self, value: pl.Expr, site: Site) -> pl.Expr:
        """The first characters."""
        return text_form(value, site.column).str.head(self.length)
