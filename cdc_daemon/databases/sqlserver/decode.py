"""What the drivers hand over, into carriers, exactly: Arrow batches, or rows.

Both come of the same read expressions (``types.read_expression``). The Arrow driver puts U+FFFD
where text holds half a surrogate pair: a column with such a character is read again as its bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

import polars as pl
import pyarrow as pa

from cdc_daemon.errors import Unrepresentable
from cdc_daemon.ports.source import DoesNotFit
from cdc_daemon.schema.table import Column
from cdc_daemon.schema.types import Date, Decimal, Native, Text, Time, Timestamp, Uuid

_REPLACED = "\ufffd"
_SECOND = 1_000_000
_INSTANT_TEXT = r"^(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d(\.\d{1,7})?$"
_NANOSECONDS = 1_000


def decode(batch: pa.RecordBatch, columns: Sequence[Column]) -> pl.DataFrame:
    """``batch`` with its columns, in order, in their carriers and under their fields.

    Raises:
        DoesNotFit: a text may have held half a surrogate pair.
        Unrepresentable: a text that was read as bytes does hold one.
    """
    return pl.DataFrame([_series(column, batch.column(n)) for n, column in enumerate(columns)])


def from_rows(rows: Iterable[Sequence[Any]], columns: Sequence[Column]) -> pl.DataFrame:
    """The same of the rows that an ODBC driver gives, as Python values.

    Raises:
        DoesNotFit, Unrepresentable: as ``decode``.
    """
    values = list(zip(*rows, strict=True)) or [()] * len(columns)
    return pl.DataFrame([_of_values(c, values[n]) for n, c in enumerate(columns)])


def _series(column: Column, array: pa.Array) -> pl.Series:
    match column.type:
        case Text() | Native():
            return _text(column, pl.Series(column.field, array))
        case Time() | Timestamp() if column.carrier == pl.String:
            return _instant_text(column, pl.Series(column.field, array))
        case Time():
            nanoseconds = pl.Series(column.field, array.view(pa.int64()))
            return nanoseconds // _NANOSECONDS
        case Timestamp():
            return pl.Series(column.field, array.view(pa.int64())).cast(column.carrier)
        case Uuid():
            return _uuid(pl.Series(column.field, array))
        case _:
            return _cast(column, pl.Series(column.field, array))


def _cast(column: Column, series: pl.Series) -> pl.Series:
    if series.dtype == column.carrier:
        return series
    cast = series.cast(column.carrier, strict=False)
    if cast.null_count() != series.null_count():
        raise DoesNotFit(column.field)  # law 6: never a NULL that was a value
    return cast


def _text(column: Column, series: pl.Series) -> pl.Series:
    if series.dtype == pl.Binary:
        return _from_utf16(column, series)
    if series.str.contains(_REPLACED, literal=True).any() and not column.as_text:
        raise DoesNotFit(column.field)
    return series


def _instant_text(column: Column, series: pl.Series) -> pl.Series:
    if not series.str.contains(_INSTANT_TEXT).all():  # else canonical form could not be made of it
        raise Unrepresentable(f"column {column.name} ({column.native}) holds no time as it is read")
    return series


def _from_utf16(column: Column, values: Iterable[bytes | None]) -> pl.Series:
    try:
        texts = [None if raw is None else raw.decode("utf-16-le") for raw in values]
    except UnicodeDecodeError:  # it holds the value: not to be shown as the cause (law 9)
        texts = None
    if texts is None:
        raise Unrepresentable(
            f"column {column.name} ({column.native}) holds half a surrogate pair: it is no text"
        )
    return pl.Series(column.field, texts, pl.String)


def _uuid(series: pl.Series) -> pl.Series:
    """The bytes in the order of the text, whatever the order they have on the wire."""
    return series.str.replace_all("-", "", literal=True).str.decode("hex")


def _of_values(column: Column, values: Sequence[Any]) -> pl.Series:
    match column.type:
        case Text() | Native() if any(isinstance(value, bytes) for value in values):
            return _from_utf16(column, values)
        case Text() | Native():
            return _text(column, pl.Series(column.field, values, pl.String))
        case Time() | Timestamp() if column.carrier == pl.String:
            return _instant_text(column, pl.Series(column.field, values, pl.String))
        case Decimal():
            return pl.Series(column.field, values, column.carrier)
        case Date():
            return pl.Series(column.field, _each(_day, values), pl.Date)
        case Time():
            return pl.Series(column.field, _each(_microseconds, values), pl.Int64)
        case Timestamp():
            plain = pl.Series(column.field, _each(_instant, values), pl.Datetime("us"))
            return plain.cast(column.carrier)
        case Uuid():
            return pl.Series(column.field, [v and UUID(str(v)).bytes for v in values], pl.Binary)
        case _:
            return pl.Series(column.field, values, column.carrier)


def _each(function: Callable[[Any], object], values: Sequence[Any]) -> list[Any]:
    return [None if value is None else function(value) for value in values]


def _day(value: date | str) -> date:
    return date.fromisoformat(value) if isinstance(value, str) else value


def _instant(value: datetime | str) -> datetime:
    """Some drivers know no datetime2 and hand over its text."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _microseconds(value: time | str) -> int:
    at = time.fromisoformat(value) if isinstance(value, str) else value
    return ((at.hour * 60 + at.minute) * 60 + at.second) * _SECOND + at.microsecond
