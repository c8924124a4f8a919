"""Columns, tables, specs and frames for tests, with everything that does not matter filled in.

Values are given as Python has them: dates and timestamps may be ``INFINITY`` or ``-INFINITY``,
times and timestamps are microseconds (or text, where that carries them), uuids are bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

import polars as pl

from cdc_daemon.model.table import QualifiedName, TableId, TableSpec
from cdc_daemon.schema.carrier import DATE_INFINITY, TIMESTAMP_INFINITY
from cdc_daemon.schema.naming import target_name
from cdc_daemon.schema.table import Column, SourceTable
from cdc_daemon.schema.types import Date, Integer, LogicalType, Text, Timestamp

INFINITY = float("inf")
MAX_IDENTIFIER_BYTES = 63
EPOCH = date(1970, 1, 1)
TABLE = TableId("core", "public", "account")


def make_column(name: str = "A", logical: LogicalType | None = None, **other) -> Column:
    """A text column, unless told otherwise; ``other`` are fields of ``Column``."""
    given = {
        "field": "c0",
        "target_name": target_name(name, MAX_IDENTIFIER_BYTES),
        "native": "made up",
    } | other
    return Column(name=name, type=Text() if logical is None else logical, **given)


def make_columns(types: Mapping[str, LogicalType]) -> tuple[Column, ...]:
    """A column for each name, with the fields ``c0``, ``c1`` and so on."""
    return tuple(
        make_column(name, logical, field=f"c{n}") for n, (name, logical) in enumerate(types.items())
    )


def make_table(
    types: Mapping[str, LogicalType] | None = None, *, key: Sequence[str] = ("ID",)
) -> SourceTable:
    """``ID`` and ``NAME``, unless told otherwise."""
    return SourceTable(
        columns=make_columns(types or {"ID": Integer(64), "NAME": Text()}), key=tuple(key)
    )


def make_spec(**other) -> TableSpec:
    """The table ``core.public.account``; ``other`` are fields of ``TableSpec``."""
    spec = TableSpec(
        id=TABLE,
        bronze=QualifiedName("bronze", "core_account"),
        stage=QualifiedName("stage", "core_account"),
    )
    return replace(spec, **other)


def make_series(column: Column, values: Sequence[object]) -> pl.Series:
    """The column's ``values`` in its carrier."""
    match column.type:
        case Date():
            return _physical(column, [_days(v) for v in values], pl.Int32, DATE_INFINITY)
        case Timestamp() if column.carrier != pl.String:
            return _physical(column, values, pl.Int64, TIMESTAMP_INFINITY)
        case _:
            return pl.Series(column.field, values, dtype=column.carrier)


def make_frame(columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> pl.DataFrame:
    """``rows`` in carriers, under the columns' fields."""
    return pl.DataFrame(
        [make_series(column, [row[n] for row in rows]) for n, column in enumerate(columns)]
    )


def _days(value: object) -> object:
    return (value - EPOCH).days if isinstance(value, date) else value


def _physical(
    column: Column, values: Sequence[object], dtype: pl.DataType, infinity: tuple[int, int]
) -> pl.Series:
    ends = {-INFINITY: infinity[0], INFINITY: infinity[1]}
    plain = [ends[v] if isinstance(v, float) else v for v in values]
    return pl.Series(column.field, plain, dtype=dtype).cast(column.carrier)
