"""Carriers into Arrow that ``pgpq`` writes as binary COPY, ready for the column they go to.

Dates and timestamps are sent as the integers PostgreSQL keeps, so that its infinities and its
whole range pass; jsonb is its text behind a version byte.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pyarrow as pa

from cdc_daemon.databases.hashes import hash_bytes
from cdc_daemon.databases.postgresql.decode import EPOCH_DAYS, EPOCH_MICROSECONDS
from cdc_daemon.schema.carrier import DATE_INFINITY, TIMESTAMP_INFINITY
from cdc_daemon.schema.table import Column
from cdc_daemon.schema.types import Date, Json, Timestamp, Uuid

_OLDEST = pl.CompatLevel.oldest()


def encode(frame: pl.DataFrame, columns: Sequence[Column], extra: Sequence[str]) -> pa.RecordBatch:
    """The ``columns`` of ``frame``, then its ``extra`` ones as they are, as one Arrow batch."""
    arrays = [_array(column, frame[column.field]) for column in columns]
    arrays += [_plain(frame[name]) for name in extra]
    return pa.RecordBatch.from_arrays(arrays, [str(n) for n in range(len(arrays))])


def _array(column: Column, series: pl.Series) -> pa.Array:
    match column.type:
        case Date():
            return _shifted(series.cast(pl.Int32), DATE_INFINITY, EPOCH_DAYS).to_arrow()
        case Timestamp() if series.dtype != pl.String:
            return _shifted(
                series.cast(pl.Int64), TIMESTAMP_INFINITY, EPOCH_MICROSECONDS
            ).to_arrow()
        case Json(binary=True):
            return ("\x01" + series).to_arrow(compat_level=_OLDEST)
        case Uuid():
            return series.to_arrow(compat_level=_OLDEST).cast(pa.binary(16))
        case _:
            return series.to_arrow(compat_level=_OLDEST)


def _plain(series: pl.Series) -> pa.Array:
    if series.dtype == pl.UInt128:
        return hash_bytes(series)
    if series.dtype == pl.Datetime:
        return (series.cast(pl.Int64) - EPOCH_MICROSECONDS).to_arrow()
    return series.to_arrow(compat_level=_OLDEST)


def _shifted(series: pl.Series, infinity: tuple[int, int], epoch: int) -> pl.Series:
    finite = (series != infinity[0]) & (series != infinity[1])
    return series.zip_with(~finite.fill_null(value=False), series - epoch)
