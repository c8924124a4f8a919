"""How text is read as a value of another type: strictly, or it is NULL. Law 6: nothing is guessed,
rounded or cut.

=========  ==================================================================================
type       texts that are read, with white space around them
=========  ==================================================================================
integer    decimal digits after an optional sign
decimal    the same with a fraction; one that does not fit the scale is not rounded
float      the same with an exponent; ``nan``, ``inf``, ``infinity``
boolean    true t yes y on 1, false f no n off 0, in any case
date       ``2024-02-29``, ``infinity``, ``-infinity``
timestamp  a date, then ``T`` or a space, ``10:11``, seconds and up to six digits of a fraction,
           ``Z`` or ``+02:00``; a bare date is its midnight
uuid       32 hex digits, with the usual hyphens and braces or without
=========  ==================================================================================
"""

from __future__ import annotations

import polars as pl

from cdc_daemon.schema.carrier import DATE_INFINITY, TIMESTAMP_INFINITY, carrier
from cdc_daemon.schema.types import (
    Boolean,
    Date,
    Decimal,
    Float,
    Integer,
    LogicalType,
    Timestamp,
    Uuid,
)

_WHOLE = r"^[+-]?[0-9]+$"
_EXACT = r"^[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)$"
_FLOAT = r"^(?i)[+-]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?|nan|inf|infinity)$"
_ENDLESS = r"^(?i)[+-]?(?:inf|infinity)$"
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_CLOCK = r"[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?"
_ZONE = r"(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)"
_UUID = r"^\{?[0-9A-Fa-f]{8}(?:-?[0-9A-Fa-f]{4}){3}-?[0-9A-Fa-f]{12}\}?$"
_TRUE = ("true", "t", "yes", "y", "on", "1")
_FALSE = ("false", "f", "no", "n", "off", "0")


def read(text: pl.Expr, logical: LogicalType) -> pl.Expr:
    """``text`` in the carrier of ``logical``; NULL where it is no such text."""
    text = text.str.strip_chars()
    match logical:
        case Integer():
            return _whole(text, logical)
        case Decimal():
            return _decimal(text, logical)
        case Float():
            return _float(text, logical)
        case Boolean():
            word = text.str.to_lowercase()
            return (
                pl.when(word.is_in(_TRUE))
                .then(pl.lit(True))
                .when(word.is_in(_FALSE))
                .then(pl.lit(False))
            )
        case Date():
            day = pl.when(text.str.contains(_DATE)).then(text).str.to_date("%Y-%m-%d", strict=False)
            day = pl.when(day.dt.year() >= 1).then(day)
            return _endless(text, day.to_physical(), DATE_INFINITY).cast(pl.Date)
        case Timestamp(zoned=zoned):
            instant = _instant(text, zoned=zoned).to_physical()
            return _endless(text, instant, TIMESTAMP_INFINITY).cast(carrier(logical))
        case Uuid():
            digits = pl.when(text.str.contains(_UUID)).then(text.str.replace_all(r"[{}-]", ""))
            return digits.str.decode("hex", strict=False)
        case _:
            return text


def _whole(text: pl.Expr, logical: LogicalType) -> pl.Expr:
    number = pl.when(text.str.contains(_WHOLE)).then(text.str.strip_prefix("+"))
    return number.cast(carrier(logical), strict=False)


def _decimal(text: pl.Expr, logical: Decimal) -> pl.Expr:
    """Of a stated scale as a number; of any scale as text, which its canonical form evens out."""
    number = pl.when(text.str.contains(_EXACT)).then(text.str.strip_prefix("+"))
    if logical.scale is None:
        return number
    fraction = text.str.extract(r"\.([0-9]*?)0*$").fill_null("")
    exact = pl.when(fraction.str.len_bytes() <= logical.scale).then(number)
    return exact.cast(carrier(logical), strict=False)


def _float(text: pl.Expr, logical: LogicalType) -> pl.Expr:
    number = pl.when(text.str.contains(_FLOAT)).then(text.str.strip_prefix("+"))
    read_as = number.cast(carrier(logical), strict=False)
    meant = text.str.contains(_ENDLESS)
    return pl.when(~read_as.is_infinite() | meant).then(read_as)


def _endless(text: pl.Expr, physical: pl.Expr, ends: tuple[int, int]) -> pl.Expr:
    word = text.str.to_lowercase()
    first, last = (pl.lit(end, dtype=pl.Int64) for end in ends)
    inside = physical.cast(pl.Int64)
    exact = pl.when(word == "infinity").then(last).when(word == "-infinity").then(first)
    return exact.otherwise(inside).cast(pl.Int32 if ends == DATE_INFINITY else pl.Int64)


def _instant(text: pl.Expr, *, zoned: bool) -> pl.Expr:
    """Local where no zone is wanted, else the instant; a text of the other sort is none."""
    day = pl.when(text.str.contains(_DATE)).then(text + " 00:00:00")
    clock = pl.when(text.str.contains(_DATE[:-1] + _CLOCK + (_ZONE if zoned else "") + "$")).then(
        text.str.replace("T", " ", literal=True)
    )
    full = clock.str.replace(r"^(.{10} \d\d:\d\d)($|[Z+-])", "${1}:00${2}")
    if not zoned:
        return _parsed(pl.coalesce(full, day), "%Y-%m-%d %H:%M:%S%.f")
    instants = full.str.replace(r"Z$", "+00:00").str.replace(r"([+-]\d\d)$", "${1}:00")
    instants = instants.str.replace(r"([+-]\d\d)(\d\d)$", "${1}:${2}")
    return _parsed(instants, "%Y-%m-%d %H:%M:%S%.f%:z")


def _parsed(text: pl.Expr, form: str) -> pl.Expr:
    found = text.str.to_datetime(form, time_unit="us", strict=False)
    return pl.when(found.dt.year() >= 1).then(found)
