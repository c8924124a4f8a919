"""Values of Python in the carriers of logical types, and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal as Number
from uuid import UUID

import polars as pl

from cdc_daemon.schema.table import Column
from cdc_daemon.schema.types import (
    Binary,
    Boolean,
    Date,
    Decimal,
    Float,
    Integer,
    Json,
    LogicalType,
    Text,
    Time,
    Timestamp,
    Uuid,
)
from cdc_daemon.transformation.forms import DAY, FIRST_DAY, LAST_DAY, SECOND

_EPOCH = date(1970, 1, 1)
_MICROSECOND = timedelta(microseconds=1)
_INTEGERS = range(-(2**63), 2**63)

_LOGICAL: tuple[tuple[tuple[type, ...], LogicalType], ...] = (
    ((bool,), Boolean()),
    ((float,), Float(64)),
    ((str,), Text()),
    ((bytes, bytearray), Binary()),
    ((Number,), Decimal()),
    ((date,), Date()),
    ((time,), Time()),
    ((UUID,), Uuid()),
    ((dict, list, tuple), Json()),
)

UNSUPPORTED = "unsupported_value"
"""The reason of a rejection: no carrier holds such a Python value."""


class NotCarried(Exception):
    """No carrier holds the value; the value is not in the message (law 9)."""


def logical_of(value: object) -> LogicalType:
    """The logical type of a value that is not None.

    Raises:
        NotCarried: it is of a type that databases do not have.
    """
    match value:
        case int() if not isinstance(value, bool):
            return Integer(64) if value in _INTEGERS else Decimal()
        case datetime():
            return Timestamp(zoned=value.utcoffset() is not None)
        case time() if value.tzinfo is not None:
            raise NotCarried
    for kinds, logical in _LOGICAL:
        if isinstance(value, kinds):
            return logical
    raise NotCarried


def carried(value: object) -> object:
    """A value, or None, as its carrier has it: days, microseconds, bytes, text, numbers.

    Raises:
        NotCarried: its type, or the value itself, has no carrier.
    """
    try:
        return _carried(value)
    except (ValueError, TypeError, ArithmeticError, RecursionError):
        raise NotCarried from None


def _carried(value: object) -> object:
    match value:
        case None | bool() | float():
            return value
        case int():
            return value if value in _INTEGERS else str(value)
        case str():
            value.encode()  # a lone surrogate is no Unicode text
            return value
        case Number():
            return format(value, "f") if value.is_finite() else _special(value)
        case datetime():
            aware = value if value.utcoffset() is not None else value.replace(tzinfo=UTC)
            return (aware - datetime(1970, 1, 1, tzinfo=UTC)) // _MICROSECOND
        case date():
            return (value - _EPOCH).days
        case time():
            seconds = value.hour * 3600 + value.minute * 60 + value.second
            return seconds * SECOND + value.microsecond
        case UUID():
            return value.bytes
        case bytes() | bytearray():
            return bytes(value)
        case _:
            return _carried(json.dumps(value, sort_keys=True))


def _special(value: Number) -> str:
    return "NaN" if value.is_nan() else ("-Infinity" if value < 0 else "Infinity")


def series(column: Column, values: Sequence[object]) -> pl.Series:
    """``carried`` values of one column, in its carrier, under its field."""
    match column.type:
        case Date():
            return pl.Series(column.field, values, dtype=pl.Int32).cast(column.carrier)
        case Timestamp():
            return pl.Series(column.field, values, dtype=pl.Int64).cast(column.carrier)
        case _:
            return pl.Series(column.field, values, dtype=column.carrier)


def python_values(values: pl.Series, column: Column) -> list[object]:
    """A column's values as Python has them; where it has none, the text form."""
    match column.type:
        case Date():
            return [_maybe(_date, value) for value in values.to_physical().to_list()]
        case Timestamp(zoned=zoned):
            zone = UTC if zoned else None
            physical = values.to_physical().to_list()
            return [None if value is None else _datetime(value, zone) for value in physical]
        case Time():
            return [_maybe(_time, value) for value in values.to_list()]
        case Uuid():
            return [None if value is None else UUID(bytes=value) for value in values.to_list()]
        case Decimal():
            return [None if v is None else Number(v) for v in values.to_list()]
        case _:
            return values.to_list()


def _maybe(read: object, value: int | None) -> object:
    return None if value is None or not callable(read) else read(value)


def _date(days: int) -> object:
    inside = FIRST_DAY <= days <= LAST_DAY
    return _EPOCH + timedelta(days=days) if inside else _beyond(days)


def _datetime(microseconds: int, zone: object) -> object:
    if not FIRST_DAY * DAY <= microseconds < (LAST_DAY + 1) * DAY:
        return _beyond(microseconds)
    instant = datetime(1970, 1, 1, tzinfo=UTC) + microseconds * _MICROSECOND
    return instant if zone else instant.replace(tzinfo=None)


def _time(microseconds: int) -> object:
    if microseconds >= DAY:
        return "24:00:00"
    return (datetime(1970, 1, 1, tzinfo=UTC) + microseconds * _MICROSECOND).time()


def _beyond(physical: int) -> str:
    return "infinity" if physical > 0 else "-infinity"
