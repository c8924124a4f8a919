"""Arrow batches of the ADBC driver into carriers, exactly.

The driver adds the days, or microseconds, between 1970 and 2000 to a date, or timestamp, and
lets the sum wrap; PostgreSQL's infinities are the extreme integers before that addition.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pyarrow as pa

from cdc_daemon.errors import Unrepresentable
from cdc_daemon.ports.source import DoesNotFit
from cdc_daemon.schema.carrier import DATE_INFINITY, TIMESTAMP_INFINITY
from cdc_daemon.schema.table import Column
from cdc_daemon.schema.types import Date, Time, Timestamp, Uuid

EPOCH_DAYS = 10_957
"""Days from 1970-01-01 to PostgreSQL's epoch, 2000-01-01."""
EPOCH_MICROSECONDS = EPOCH_DAYS * 86_400 * 1_000_000

_FIRST_DAY = -2_451_545  # 4714-11-24 BC, PostgreSQL's first, and a little before
_FIRST_MICROSECOND = _FIRST_DAY * 86_400 * 1_000_000


def decode(batch: pa.RecordBatch, columns: Sequence[Column]) -> pl.DataFrame:
    """``batch`` with its columns, in order, in their carriers and under their fields.

    Raises:
        DoesNotFit: a number is no finite decimal (NaN, infinity).
        Unrepresentable: a timestamp is beyond the year 294246.
    """
    return pl.DataFrame([_series(column, batch.column(n)) for n, column in enumerate(columns)])


def _series(column: Column, array: pa.Array) -> pl.Series:
    storage = array.storage if isinstance(array, pa.ExtensionArray) else array
    if column.carrier == pl.String:
        return _cast(column, _imported(column, storage))
    match column.type:
        case Time():
            return _imported(column, storage.view(pa.int64()))
        case Date():
            return _date(_imported(column, storage.view(pa.int32())))
        case Timestamp():
            return _timestamp(column, _imported(column, storage.view(pa.int64())))
        case Uuid():
            return _imported(column, storage.cast(pa.binary()))
        case _:
            return _cast(column, _imported(column, storage))


def _imported(column: Column, array: pa.Array) -> pl.Series:
    return pl.Series(column.field, array)


def _cast(column: Column, series: pl.Series) -> pl.Series:
    if series.dtype == column.carrier:
        return series
    cast = series.cast(column.carrier, strict=False)
    if cast.null_count() != series.null_count():
        raise DoesNotFit(column.field)  # law 6: never a NULL that was a value
    return cast


def _date(days: pl.Series) -> pl.Series:
    lowest = days.min()
    if isinstance(lowest, int) and lowest < _FIRST_DAY:
        wrapped = (DATE_INFINITY[0] + EPOCH_DAYS, DATE_INFINITY[1] + EPOCH_DAYS - 2**32)
        days = days.replace(wrapped, DATE_INFINITY)
    return days.cast(pl.Date)


def _timestamp(column: Column, instants: pl.Series) -> pl.Series:
    lowest = instants.min()
    if isinstance(lowest, int) and lowest < _FIRST_MICROSECOND:
        shift = EPOCH_MICROSECONDS
        wrapped = (TIMESTAMP_INFINITY[0] + shift, TIMESTAMP_INFINITY[1] + shift - 2**64)
        strange = instants.filter((instants < _FIRST_MICROSECOND) & ~instants.is_in(wrapped))
        if strange.len():
            raise Unrepresentable(
                f"column {column.name} ({column.native}) holds a timestamp beyond the year 294246"
            )
        instants = instants.replace(wrapped, TIMESTAMP_INFINITY)
    return instants.cast(column.carrier)
