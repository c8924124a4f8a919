"""Rows through turns of transformers; rows that fail or are filtered are set apart.

Fail closed: a row that any transformer rejects is not in what comes out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from cdc_daemon.schema.table import Column
from cdc_daemon.transformation.site import Bound
from cdc_daemon.transformation.stage import Task, run
from cdc_daemon.transformation.structure import RowFilter

READ = "="
"""Before a field: the column as it was read."""
ROW = "row"

REJECTED = {"row": pl.UInt32(), "column": pl.String(), "reason": pl.String(), "fatal": pl.Boolean()}
FILTERED = {"row": pl.UInt32(), "deletes": pl.Boolean()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What became of a frame. Rows are told by their position in it."""

    frame: pl.DataFrame
    """The rows that were neither rejected nor filtered, in their order."""
    rejected: pl.DataFrame
    """``row``, ``column`` (its name at the source), ``reason`` (a word), ``fatal``; a row may be
    there more than once."""
    filtered: pl.DataFrame
    """``row``, and whether it ``deletes``: if not, its key is to be left as it is (law 10)."""


def as_read(columns: Iterable[Column]) -> Mapping[str, Bound]:
    """Columns by name, as conditions see them: before any transformer."""
    return {one.name: Bound(one, pl.col(READ + one.field)) for one in columns}


def begun(frame: pl.DataFrame, columns: Iterable[Column]) -> pl.DataFrame:
    """The fields of ``columns`` twice, once to be transformed, and the positions of rows."""
    fields = [column.field for column in columns]
    return frame.select(
        pl.int_range(pl.len(), dtype=pl.UInt32).alias(ROW),
        *fields,
        *(pl.col(field).alias(READ + field) for field in fields),
    )


def applied(
    frame: pl.DataFrame,
    reads: Sequence[Column],
    filters: Sequence[RowFilter],
    turns: Sequence[Sequence[Task]],
    out: Sequence[Column],
) -> Applied:
    """``frame`` through ``filters`` and ``turns``; the fields of ``out`` are what comes out."""
    work, filtered = _filtered(begun(frame, reads), filters, as_read(reads))
    found = [pl.DataFrame(schema=REJECTED)]
    for turn in turns:
        done = run(work, turn)
        found += [_rejections(work, task, done.reasons[task.field]) for task in turn]
        work = work.with_columns(done.values)
    rejected = pl.concat(found).sort("row", maintain_order=True)
    if rejected.height:
        work = work.filter(~pl.col(ROW).is_in(rejected[ROW].unique().implode()))
    return Applied(
        frame=work.select(column.field for column in out), rejected=rejected, filtered=filtered
    )


def _filtered(
    work: pl.DataFrame, filters: Sequence[RowFilter], row: Mapping[str, Bound]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    found = [pl.DataFrame(schema=FILTERED)]
    for one in filters:
        keeps = work.select(pl.lit(True) & one.keep.holds(row)).to_series()
        found.append(work.filter(~keeps).select(ROW, pl.lit(one.deletes).alias("deletes")))
        work = work.filter(keeps)
    return work, pl.concat(found).sort(ROW)


def _rejections(work: pl.DataFrame, task: Task, reasons: pl.Series) -> pl.DataFrame:
    if reasons.null_count() == reasons.len():
        return pl.DataFrame(schema=REJECTED)
    return work.select(
        ROW,
        pl.lit(task.site.column.name).alias("column"),
        reasons.alias("reason"),
        pl.lit(task.transformer.fatal).alias("fatal"),
    ).filter(pl.col("reason").is_not_null())
