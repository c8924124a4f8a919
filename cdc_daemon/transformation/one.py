"""One value through a transformer: a frame of one row, so that there is one definition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

import polars as pl

from cdc_daemon.schema.table import Column
from cdc_daemon.schema.types import LogicalType, Text
from cdc_daemon.transformation.site import Bound, Rejected, Site
from cdc_daemon.transformation.stage import Task, Works, run
from cdc_daemon.transformation.values import (
    UNSUPPORTED,
    NotCarried,
    carried,
    logical_of,
    python_values,
    series,
)

UNNAMED = "value"
REFUSED = "refused_type"
"""The reason of a rejection: the transformer does not work on values of this type."""


class Transforms(Works, Protocol):
    """What is needed of a transformer here."""

    def refuses(self, column: Column) -> str | None:
        """See ``Transformer``."""
        ...

    def output(self, column: Column) -> LogicalType:
        """See ``Transformer``."""
        ...

    def untouched(self, before: pl.Expr, after: pl.Expr, site: Site) -> pl.Expr:
        """See ``Transformer``."""
        ...


def made_up(name: str, position: int, logical: LogicalType) -> Column:
    """A column that no catalog knows."""
    return Column(name=name, field=f"f{position}", type=logical, target_name=name, native="Python")


def one_value(transformer: Transforms, value: object, context: Mapping[str, object]) -> object:
    """The result as Python has it, or ``Rejected``.

    Raises:
        ConfigError: the transformer cannot be used so.
    """
    name = str(context.get("field_name", UNNAMED))
    try:
        column, values = _carried(name, 0, value)
    except NotCarried:
        return Rejected(UNSUPPORTED)
    if transformer.refuses(column) is not None:
        return None if value is None else Rejected(REFUSED)
    row, others = _row(context.get("row"))
    frame = pl.DataFrame([values, *others])
    site = Site(column=column, row=row)
    after = replace(column, type=transformer.output(column))
    done = run(frame, [Task(transformer, site, after)])
    reason = done.reasons.item()
    if reason is not None:
        return Rejected(reason)
    both = frame.with_columns(done.values.to_series().alias("after"))
    untouched = transformer.untouched(pl.col(column.field), pl.col("after"), site)
    if both.select(untouched).item():
        return value
    return python_values(done.values.to_series(), after)[0]


def _carried(name: str, position: int, value: object) -> tuple[Column, pl.Series]:
    logical = Text() if value is None else logical_of(value)
    column = made_up(name, position, logical)
    return column, series(column, [carried(value)])


def _row(row: object) -> tuple[Mapping[str, Bound], list[pl.Series]]:
    bound: dict[str, Bound] = {}
    others: list[pl.Series] = []
    given = row if isinstance(row, Mapping) else {}
    for position, (name, value) in enumerate(given.items(), start=1):
        try:
            column, values = _carried(str(name), position, value)
        except NotCarried:
            continue  # a condition on it is a condition on a column that is not there
        bound[column.name] = Bound(column, pl.col(column.field))
        others.append(values)
    return bound, others
