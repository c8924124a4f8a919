"""How values of a logical type are carried between the databases, exactly.

A carrier is a polars type. Where none holds every value of a logical type, the carrier is text
(law 6). Infinite dates and timestamps are the extreme integers of their carrier; a time of day
is its microseconds, because 24:00:00 is a time and polars knows none. Times and timestamps with
more digits than microseconds have are text.
"""

from __future__ import annotations

import polars as pl

from cdc_daemon.schema.types import (
    MICROSECONDS,
    Binary,
    Boolean,
    Date,
    Decimal,
    Float,
    Integer,
    Json,
    LogicalType,
    Native,
    Text,
    Time,
    Timestamp,
    Uuid,
)

DECIMAL_DIGITS = 38
"""What a 128-bit decimal holds in every case."""

DATE_INFINITY = (-(2**31), 2**31 - 1)
TIMESTAMP_INFINITY = (-(2**63), 2**63 - 1)

_INTEGERS: dict[int, pl.DataType] = {16: pl.Int16(), 32: pl.Int32(), 64: pl.Int64()}


def carrier(logical: LogicalType) -> pl.DataType:  # noqa: C901 - one case a type
    """The polars type that carries ``logical``."""
    match logical:
        case Boolean():
            return pl.Boolean()
        case Integer(bits):
            return _INTEGERS[bits]
        case Decimal(int() as precision, int() as scale) if (
            precision <= DECIMAL_DIGITS and 0 <= scale <= precision
        ):
            return pl.Decimal(precision, scale)
        case Float(bits):
            return pl.Float32() if bits == 32 else pl.Float64()  # noqa: PLR2004 - bits
        case Binary() | Uuid():
            return pl.Binary()
        case Date():
            return pl.Date()
        case Time(precision) | Timestamp(precision) if precision > MICROSECONDS:
            return pl.String()
        case Time():
            return pl.Int64()
        case Timestamp(zoned=zoned):
            return pl.Datetime("us", "UTC" if zoned else None)
        case Decimal() | Text() | Json() | Native():
            return pl.String()
