"""The canonical form of a value: text that depends on its logical type and value alone.

====================  ===========================================================================
logical type          canonical form
====================  ===========================================================================
Boolean               ``0`` or ``1``
Integer, Decimal      decimal digits: no exponent, no needless zeros (one stands before a leading
                      point), ``-`` only before a number that is not zero; ``NaN``,
                      ``Infinity``, ``-Infinity``
Float                 the IEEE 754 bits of the value as binary64, as an unsigned decimal number;
                      every NaN is 9221120237041090560
Text, Json, Native    the text itself, as UTF-8
Binary, Uuid          lower-case hex digits
Date                  days since 1970-01-01, as an exact number; ``Infinity``, ``-Infinity``
Time                  microseconds since midnight, as an exact number: with one digit behind the
                      point where it is not zero
Timestamp             microseconds since 1970-01-01 00:00 (UTC if zoned), as an exact number: with
                      one digit behind the point where it is not zero; ``Infinity``, ``-Infinity``
====================  ===========================================================================

A key differs in one thing: a float's negative zero is zero there, as databases have it.
"""

from __future__ import annotations

import polars as pl

from cdc_daemon.schema.carrier import DATE_INFINITY, TIMESTAMP_INFINITY
from cdc_daemon.schema.table import Column
from cdc_daemon.schema.types import (
    Binary,
    Boolean,
    Date,
    Decimal,
    Float,
    Integer,
    Json,
    Native,
    Text,
    Time,
    Timestamp,
    Uuid,
)

_NAN_BITS = 0x7FF8_0000_0000_0000
_TENTHS_A_SECOND = 10_000_000
_DATE = len("YYYY-MM-DD")
_SPECIAL = {
    "nan": "NaN",
    "inf": "Infinity",
    "infinity": "Infinity",
    "-inf": "-Infinity",
    "-infinity": "-Infinity",
}


def canonical(column: Column, *, key: bool = False) -> pl.Expr:
    """The canonical form of ``column``'s values, as a String expression; NULL stays NULL."""
    return canonical_form(pl.col(column.field), column, key=key)


def canonical_form(  # noqa: C901 - one case a type
    value: pl.Expr, column: Column, *, key: bool = False
) -> pl.Expr:
    """The same for any ``value`` that has the type and the carrier of ``column``."""
    match column.type:
        case Boolean():
            return value.cast(pl.Int8).cast(pl.String)
        case Time() if column.carrier == pl.String:
            return _tenths(_time_text(value))
        case Integer() | Time():
            return value.cast(pl.String)
        case Decimal():
            return _decimal(value, column)
        case Float():
            positive = pl.when(value == 0).then(0.0).otherwise(value)
            return _float(positive if key else value)
        case Binary() | Uuid():
            return value.bin.encode("hex")
        case Date():
            return _instant(value.to_physical(), DATE_INFINITY)
        case Timestamp() if column.carrier == pl.String:
            return _tenths(_timestamp_text(value))
        case Timestamp():
            return _instant(value.to_physical(), TIMESTAMP_INFINITY)
        case Text() | Json() | Native():
            return value


def _decimal(value: pl.Expr, column: Column) -> pl.Expr:
    text = value.cast(pl.String)
    match column.carrier:
        case pl.Decimal(scale=0):
            return text
        case pl.Decimal():  # always written with a point, and never with a needless zero before
            return text.str.strip_chars_end("0").str.strip_chars_end(".")
        case _:
            return _any_number(text)


def _any_number(text: pl.Expr) -> pl.Expr:
    """Engines write numbers without exponent; they differ in zeros and in special values."""
    cut = text.str.strip_chars_end("0").str.strip_chars_end(".")
    trimmed = pl.when(text.str.contains(".", literal=True)).then(cut).otherwise(text)
    plain = trimmed.str.replace(r"^(-?)0+(\d)", "${1}${2}").str.replace(r"^(-?)\.", "${1}0.")
    return (
        pl.when(plain.is_in(["-0", "-", ""])).then(pl.lit("0")).otherwise(plain.replace(_SPECIAL))
    )


def _float(value: pl.Expr) -> pl.Expr:
    bits = value.cast(pl.Float64).reinterpret(dtype=pl.UInt64)
    return (
        pl.when(value.is_nan()).then(pl.lit(_NAN_BITS, pl.UInt64)).otherwise(bits).cast(pl.String)
    )


def _instant(physical: pl.Expr, infinity: tuple[int, int]) -> pl.Expr:
    return (
        pl.when(physical == infinity[0])
        .then(pl.lit("-Infinity"))
        .when(physical == infinity[1])
        .then(pl.lit("Infinity"))
        .otherwise(physical.cast(pl.String))
    )


def _time_text(text: pl.Expr) -> pl.Expr:
    """``HH:MM:SS.fffffff`` as tenths of microseconds since midnight."""
    hours, minutes, seconds = (text.str.slice(at, 2).cast(pl.Int64) for at in (0, 3, 6))
    whole = (hours * 60 + minutes) * 60 + seconds
    return whole * _TENTHS_A_SECOND + _fraction(text, len("HH:MM:SS."))


def _timestamp_text(text: pl.Expr) -> pl.Expr:
    """``YYYY-MM-DD HH:MM:SS.fffffff`` as tenths of microseconds since 1970."""
    day = text.str.slice(0, _DATE).str.to_date("%Y-%m-%d").to_physical().cast(pl.Int64)
    return day * (86_400 * _TENTHS_A_SECOND) + _time_text(text.str.slice(_DATE + 1))


def _fraction(text: pl.Expr, start: int) -> pl.Expr:
    digits = len(str(_TENTHS_A_SECOND)) - 1
    return text.str.slice(start, digits).str.pad_end(digits, "0").cast(pl.Int64)


def _tenths(tenths: pl.Expr) -> pl.Expr:
    """A tenth of an integer, exactly; ``-0.1`` has no integer part that could bear its sign."""
    size = tenths.abs()
    rest = size % 10
    sign = pl.when(tenths < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    digit = pl.when(rest != 0).then(pl.concat_str(pl.lit("."), rest)).otherwise(pl.lit(""))
    return pl.concat_str(sign, (size // 10), digit)
