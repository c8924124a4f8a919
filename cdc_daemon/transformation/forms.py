"""The text form of a value: what a person would write, the same whatever engine served it.

It is Python's ``str`` of the value, but ``true`` and ``false``, hex digits for bytes, and
``infinity`` and ``-infinity`` for what lies beyond time. A date outside of the years 1 to 9999
has none: the expression is NULL there.
"""

from __future__ import annotations

import math

import polars as pl

from cdc_daemon.cdc.canonical import canonical_form
from cdc_daemon.schema.carrier import DATE_INFINITY, TIMESTAMP_INFINITY
from cdc_daemon.schema.table import Column
from cdc_daemon.schema.types import Binary, Boolean, Date, Float, Time, Timestamp, Uuid

FIRST_DAY, LAST_DAY = -719_162, 2_932_896
"""0001-01-01 and 9999-12-31 in days since 1970-01-01; polars panics far outside of them."""
SECOND = 1_000_000
DAY = 86_400 * SECOND


def text_form(value: pl.Expr, column: Column) -> pl.Expr:
    """``value``, of the type and carrier of ``column``, as text."""
    match column.type:
        case Boolean():
            return pl.when(value).then(pl.lit("true")).when(~value).then(pl.lit("false"))
        case Float():
            return value.map_batches(_float_texts, return_dtype=pl.String, is_elementwise=True)
        case Date():
            written = days_in_range(value).dt.to_string("%Y-%m-%d")
            return _with_infinity(value, written, DATE_INFINITY)
        case Time():
            return _clock(value)
        case Timestamp(zoned=zoned):
            written = _instant(instants_in_range(value), "+00:00" if zoned else "")
            return _with_infinity(value, written, TIMESTAMP_INFINITY)
        case Uuid():
            digits = value.bin.encode("hex")
            return digits.str.replace(r"^(.{8})(.{4})(.{4})(.{4})", "${1}-${2}-${3}-${4}-")
        case Binary():
            return value.bin.encode("hex")
        case _:
            return canonical_form(value, column)


def days_in_range(value: pl.Expr) -> pl.Expr:
    """Dates of the years 1 to 9999; others are NULL."""
    return pl.when(value.to_physical().is_between(FIRST_DAY, LAST_DAY)).then(value)


def instants_in_range(value: pl.Expr) -> pl.Expr:
    """Timestamps of the years 1 to 9999, without their zone; others are NULL."""
    physical = value.to_physical()
    inside = physical.is_between(FIRST_DAY * DAY, (LAST_DAY + 1) * DAY - 1)
    return pl.when(inside).then(physical).cast(pl.Datetime("us"))


def _instant(value: pl.Expr, zone: str) -> pl.Expr:
    whole = value.dt.to_string("%Y-%m-%d %H:%M:%S")
    exact = value.dt.to_string("%Y-%m-%d %H:%M:%S%.6f")
    return pl.when(value.dt.microsecond() == 0).then(whole).otherwise(exact) + zone


def _clock(value: pl.Expr) -> pl.Expr:
    def two(number: pl.Expr) -> pl.Expr:
        return number.cast(pl.String).str.zfill(2)

    seconds = value // SECOND
    whole = pl.concat_str(
        two(seconds // 3600), two(seconds // 60 % 60), two(seconds % 60), separator=":"
    )
    fraction = value % SECOND
    exact = whole + "." + fraction.cast(pl.String).str.zfill(6)
    return pl.when(fraction == 0).then(whole).otherwise(exact)


def _with_infinity(value: pl.Expr, written: pl.Expr, ends: tuple[int, int]) -> pl.Expr:
    physical = value.to_physical()
    return (
        pl.when(physical == ends[0])
        .then(pl.lit("-infinity"))
        .when(physical == ends[1])
        .then(pl.lit("infinity"))
        .otherwise(written)
    )


def _float_texts(values: pl.Series) -> pl.Series:
    """Python writes the shortest text that reads back; no library's version changes it (law 5)."""
    texts = [None if value is None else _float_text(value) for value in values.to_list()]
    return pl.Series(values.name, texts, dtype=pl.String)


def _float_text(value: float) -> str:
    if math.isnan(value):
        return "nan"
    return repr(value)
