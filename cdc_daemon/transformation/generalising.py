"""Dates made less exact: the first day of their month, year or decade."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import polars as pl

from cdc_daemon.schema.carrier import DATE_INFINITY, TIMESTAMP_INFINITY
from cdc_daemon.schema.table import Column
from cdc_daemon.schema.types import Date, LogicalType, Timestamp
from cdc_daemon.transformation.forms import days_in_range, instants_in_range
from cdc_daemon.transformation.site import Site
from cdc_daemon.transformation.suggest import one_of
from cdc_daemon.transformation.transformer import Transformer, lost

Period = Literal["month", "year", "decade"]
OUT_OF_RANGE = "out_of_range"
"""The reason of a rejection: not in the years 1 to 9999."""


@dataclass(frozen=True, slots=True)
class GeneraliseTransformer(Transformer):
    """A date or timestamp becomes the beginning of its month, year or decade (1990, 2000, …).

    Infinities stay. The first years of the calendar, 1 to 9, begin in year 1.

    Raises:
        ConfigError: on another period.
    """

    to: str

    def __post_init__(self) -> None:
        one_of(self.to, get_args(Period), "period")

    @property
    def idempotent(self) -> bool:
        """The beginning of a period begins it."""
        return True

    def describe(self) -> str:
        """The period."""
        return f"generalise to {self.to}"

    def refuses(self, column: Column) -> str | None:
        """Only dates and timestamps have periods."""
        if isinstance(column.type, Date | Timestamp):
            return None
        name = type(column.type).__name__.lower()
        return f"only dates and timestamps are generalised, not {name}: convert it first"

    def output(self, column: Column) -> LogicalType:
        """The same type."""
        return column.type

    def expression(self, value: pl.Expr, site: Site) -> pl.Expr:
        """The beginning of the period."""
        carrier = site.column.carrier
        if isinstance(site.column.type, Date):
            inside, ends = days_in_range(value), DATE_INFINITY
        else:
            inside, ends = instants_in_range(value), TIMESTAMP_INFINITY
        year = inside.dt.year()
        if self.to == "decade":
            year = (year - year % 10).clip(lower_bound=1)
        month = inside.dt.month() if self.to == "month" else pl.lit(1)
        physical = pl.date(year, month, 1).cast(inside_type(site.column)).to_physical()
        kept = pl.when(value.to_physical().is_in(ends)).then(value.to_physical())
        return pl.coalesce(kept, physical).cast(carrier)

    def rejected(self, before: pl.Expr, after: pl.Expr, site: Site) -> pl.Expr:
        """Days of other years."""
        del site
        return lost(before, after, OUT_OF_RANGE)


def inside_type(column: Column) -> pl.DataType:
    """The carrier, without its zone."""
    return pl.Date() if isinstance(column.type, Date) else pl.Datetime("us")
