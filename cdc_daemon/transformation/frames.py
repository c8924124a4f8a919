"""Frames of any polars types through rules."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from cdc_daemon.errors import ConfigError
from cdc_daemon.schema.table import Column, SourceTable
from cdc_daemon.schema.types import (
    Binary,
    Boolean,
    Date,
    Decimal,
    Float,
    Integer,
    LogicalType,
    Text,
    Time,
    Timestamp,
    Uuid,
)
from cdc_daemon.transformation.apply import Applied
from cdc_daemon.transformation.forms import text_form
from cdc_daemon.transformation.resolve import resolve
from cdc_daemon.transformation.resolved import Resolved
from cdc_daemon.transformation.rows import RejectedRow, stopped_by
from cdc_daemon.transformation.rules import Rule
from cdc_daemon.transformation.structure import RowFilter

_NANOSECONDS = 1000


def transformed_frame(
    rules: Sequence[Rule], filters: Sequence[RowFilter], frame: pl.DataFrame
) -> Applied:
    """``frame`` through the rules. Columns that no rule changes keep their polars type.

    Raises:
        ConfigError: the rules do not fit the columns.
        DataError: a conversion that is to ``fail`` did.
    """
    columns = tuple(
        Column(name=name, field=f"f{n}", type=_logical(dtype), target_name=name, native=str(dtype))
        for n, (name, dtype) in enumerate(frame.schema.items())
    )
    resolved = resolve(rules, filters, SourceTable(columns=columns, key=()))
    if resolved.errors:
        raise ConfigError(resolved.errors)
    foreign = [one.name for one in resolved.reads if not _is_known(frame.schema[one.name])]
    used = _used(resolved)
    if wrong := [name for name in foreign if name in used]:
        raise ConfigError([f"columns of a type that no database has: {', '.join(wrong)}"])
    carriers = frame.select(
        _carried(pl.col(one.name), one, frame.schema[one.name]).alias(one.field)
        if one.name in used
        else pl.lit(None, dtype=one.carrier).alias(one.field)
        for one in columns
    )
    done = resolved.apply(carriers)
    stopped_by(RejectedRow(*row) for row in done.rejected.iter_rows())
    return Applied(
        frame=_put_together(frame, resolved, done), rejected=done.rejected, filtered=done.filtered
    )


def _used(resolved: Resolved) -> set[str]:
    """Columns that are transformed, or that conditions ask for."""
    names = {task.site.column.name for turn in resolved.steps for task in turn}
    for one in (task.transformer for turn in resolved.steps for task in turn):
        reads = getattr(one, "reads", None)
        names |= {column.name for column in resolved.reads} if reads is None else reads
    return names.union(*(one.keep.reads for one in resolved.filters))


def _put_together(frame: pl.DataFrame, resolved: Resolved, done: Applied) -> pl.DataFrame:
    gone = pl.concat([done.rejected["row"], done.filtered["row"]]).unique()
    left = frame.with_row_index("\0row").filter(~pl.col("\0row").is_in(gone.implode()))
    changed = {task.site.column.name for turn in resolved.steps for task in turn}
    return pl.DataFrame(
        [
            _shown(done.frame[one.field], one, frame.schema[one.name]).alias(one.target_name)
            if one.name in changed
            else left[one.name].alias(one.target_name)
            for one in resolved.table.columns
        ]
    )


def _is_known(dtype: pl.DataType) -> bool:
    return not (dtype.is_nested() or dtype in (pl.Object, pl.Duration, pl.Int128, pl.UInt128))


_LOGICAL: tuple[tuple[tuple[type[pl.DataType], ...], LogicalType], ...] = (
    ((pl.Boolean,), Boolean()),
    ((pl.Int8, pl.Int16, pl.UInt8), Integer(16)),
    ((pl.Int32, pl.UInt16), Integer(32)),
    ((pl.Int64, pl.UInt32), Integer(64)),
    ((pl.UInt64,), Decimal(20, 0)),
    ((pl.Float32,), Float(32)),
    ((pl.Float64,), Float(64)),
    ((pl.Binary,), Binary()),
    ((pl.Date,), Date()),
    ((pl.Time,), Time()),
)


def _logical(dtype: pl.DataType) -> LogicalType:
    match dtype:
        case pl.Decimal(precision=precision, scale=scale):
            return Decimal(precision, scale)
        case pl.Datetime(time_zone=zone):
            return Timestamp(zoned=zone is not None)
    return next((logical for kinds, logical in _LOGICAL if isinstance(dtype, kinds)), Text())


def _carried(value: pl.Expr, column: Column, dtype: pl.DataType) -> pl.Expr:
    match dtype:
        case pl.Time():
            return value.cast(pl.Int64) // _NANOSECONDS
        case pl.Datetime(time_zone=zone) if zone is not None:
            return value.dt.convert_time_zone("UTC").cast(column.carrier)
        case _:
            return value.cast(column.carrier)


def _shown(values: pl.Series, column: Column, dtype: pl.DataType) -> pl.Series:
    """In the type that it had before, where it means the same; a UUID as text."""
    match column.type:
        case Uuid():
            form = text_form(pl.col(values.name), column)
            return values.to_frame().select(form).to_series()
        case Time():
            return (values * _NANOSECONDS).cast(pl.Time)
        case logical if logical == _logical(dtype) and dtype.is_numeric():
            narrow = values.cast(dtype, strict=False)
            return narrow if narrow.null_count() == values.null_count() else values
        case _:
            return values
