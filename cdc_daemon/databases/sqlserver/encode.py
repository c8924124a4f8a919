"""Carriers into what bulk copy takes, as Arrow or as rows, ready for the load table's columns.

Law 6: a value that SQL Server cannot hold is refused, naming its column and never itself. Instants
are sent as UTC without saying so; the load table's columns have no zone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import polars as pl
import pyarrow as pa

from cdc_daemon.databases.hashes import hash_bytes
from cdc_daemon.databases.sqlserver.types import load_type
from cdc_daemon.errors import RowRefused
from cdc_daemon.schema.table import Column
from cdc_daemon.schema.types import Date, Decimal, Float, Time, Timestamp, Uuid

_OLDEST = pl.CompatLevel.oldest()
_EPOCH = date(1970, 1, 1)
_FIRST_DAY, _LAST_DAY = ((day - _EPOCH).days for day in (date.min, date.max))
_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_MICROSECONDS = 6
_NUMBER = r"^-?[0-9]*\.?[0-9]*$"


def encode(frame: pl.DataFrame, columns: Sequence[Column], extra: Sequence[str]) -> pa.RecordBatch:
    """The ``columns`` of ``frame``, then its ``extra`` ones, as one batch under the target's names.

    Raises:
        RowRefused: a value has no counterpart in SQL Server.
    """
    arrays = [_array(column, _checked(column, frame[column.field])) for column in columns]
    arrays += [_plain(frame[name]) for name in extra]
    names = [*(column.field for column in columns), *extra]
    return pa.RecordBatch.from_arrays(arrays, names)


def rows(
    frame: pl.DataFrame, columns: Sequence[Column], extra: Sequence[str]
) -> list[tuple[Any, ...]]:
    """The same as rows of Python values, for ``executemany``.

    Dates and times are texts, because the ODBC drivers lose digits of some.

    Raises:
        RowRefused: as ``encode``.
    """
    values = [_values(column, _checked(column, frame[column.field])) for column in columns]
    values += [_plain_values(frame[name]) for name in extra]
    return list(zip(*values, strict=True))


def _checked(column: Column, series: pl.Series) -> pl.Series:
    """``series``, if SQL Server can hold all of it."""
    match column.type:
        case Float() if not series.is_finite().all():
            raise _refused(column, "a NaN or an infinity")
        case Decimal() if series.dtype == pl.String and load_type(column) == "nvarchar(41)":
            if not series.str.contains(_NUMBER).all():
                raise _refused(column, "a NaN or an infinity")
        case Date() if not series.to_physical().is_between(_FIRST_DAY, _LAST_DAY).all():
            raise _refused(column, "a date outside the years 1 to 9999, or an infinity")
        case Time() if series.dtype != pl.String and not (series < _DAY).all():
            raise _refused(column, "the time 24:00")
        case Timestamp() if series.dtype != pl.String:
            first, end = _FIRST_DAY * _DAY, (_LAST_DAY + 1) * _DAY
            if not series.to_physical().is_between(first, end, closed="left").all():
                raise _refused(column, "a timestamp outside the years 1 to 9999, or an infinity")
        case _:
            pass
    return series


def _refused(column: Column, what: str) -> RowRefused:
    return RowRefused(
        f"column {column.name} ({column.native}) holds {what}: SQL Server has no such value",
        column=column.name,
        reason="no_such_value",
    )


def _array(column: Column, series: pl.Series) -> pa.Array:
    match column.type:
        case Time() if series.dtype != pl.String:
            return series.to_arrow().cast(pa.int64()).view(pa.time64("us"))
        case Uuid():
            return _uuid(series).to_arrow(compat_level=_OLDEST)
        case _:
            return _plain(series)


def _plain(series: pl.Series) -> pa.Array:
    match series.dtype:
        case pl.UInt128:
            return hash_bytes(series)
        case pl.Datetime:
            return series.to_physical().to_arrow().view(pa.timestamp("us"))
        case pl.UInt32:
            return series.cast(pl.Int64).to_arrow()
        case _:
            return series.to_arrow(compat_level=_OLDEST)


def _uuid(series: pl.Series) -> pl.Series:
    """As text: how its bytes are ordered on the wire is the driver's business."""
    digits = series.bin.encode("hex")
    starts = ((0, 8), (8, 4), (12, 4), (16, 4), (20, 12))
    return pl.select(
        pl.concat_str([pl.lit(digits).str.slice(*part) for part in starts], separator="-")
    ).to_series()


def _values(column: Column, series: pl.Series) -> list[Any]:
    if series.dtype == pl.String:
        return series.to_list()
    match column.type:
        case Date():
            return series.dt.to_string("%Y-%m-%d").to_list()
        case Time(precision):
            nanoseconds = (series * 1_000).cast(pl.Time)
            return _cut(nanoseconds.dt.to_string("%H:%M:%S%.6f"), precision)
        case Timestamp(precision):
            return _cut(_instants(series), precision)
        case Uuid():
            return _each(lambda raw: UUID(bytes=raw), series)
        case _:
            return series.to_list()


def _plain_values(series: pl.Series) -> list[Any]:
    match series.dtype:
        case pl.UInt128:
            return [value.as_py() for value in hash_bytes(series)]
        case pl.Datetime:
            return _instants(series).to_list()
        case _:
            return series.to_list()


def _instants(series: pl.Series) -> pl.Series:
    naive = series.to_physical().cast(pl.Datetime("us"))
    return naive.dt.to_string("%Y-%m-%d %H:%M:%S%.6f")


def _cut(texts: pl.Series, precision: int) -> list[Any]:
    """To as many digits as the column has: a driver may refuse more, though they are zeros."""
    surplus = _MICROSECONDS - precision + (precision == 0)
    return texts.str.head(-surplus).to_list() if surplus else texts.to_list()


def _each(function: Callable[[bytes], UUID], series: pl.Series) -> list[UUID | None]:
    return [None if value is None else function(value) for value in series]
