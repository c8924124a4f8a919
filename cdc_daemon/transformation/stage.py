"""Runs transformers over a frame, and finds the rows that they cannot transform.

Fail closed, whatever a transformer does: where an expression breaks, the rows that break it are
found by halving, come out as NULL, and are rejected. Nothing of the error is told, because
libraries quote values in theirs (law 9).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl
from polars.exceptions import PanicException

from cdc_daemon.errors import CdcError
from cdc_daemon.schema.table import Column
from cdc_daemon.transformation.site import Site

FAILED = "failed"
"""The reason of a rejection where there is no better word."""

MOST_FAILURES = 64
"""Broken pieces after which the rest is not cut any further: it is rejected as a whole."""

_BEFORE = "-"


class Works(Protocol):
    """What is needed of a transformer here."""

    @property
    def fatal(self) -> bool:
        """See ``Transformer``."""
        ...

    def describe(self) -> str:
        """See ``Transformer``."""
        ...

    def expression(self, value: pl.Expr, site: Site) -> pl.Expr:
        """See ``Transformer``."""
        ...

    def rejected(self, before: pl.Expr, after: pl.Expr, site: Site) -> pl.Expr:
        """See ``Transformer``."""
        ...


@dataclass(frozen=True, slots=True)
class Task:
    """One transformer at work on one column, of which ``after`` is the result."""

    transformer: Works
    site: Site
    after: Column

    @property
    def field(self) -> str:
        """Of the column, before and after."""
        return self.site.column.field


@dataclass(frozen=True, slots=True)
class Done:
    """New values, and the words of why rows are rejected, under the tasks' fields."""

    values: pl.DataFrame
    reasons: pl.DataFrame


def run(frame: pl.DataFrame, tasks: Sequence[Task]) -> Done:
    """All tasks side by side, each on another field of ``frame``.

    Raises:
        ConfigError: a transformer finds that it cannot be used so.
    """
    done = tried(frame, tasks)
    if done is not None:
        return done
    each = [_piecewise(frame, task) for task in tasks]
    return Done(
        pl.concat([one.values for one in each], how="horizontal"),
        pl.concat([one.reasons for one in each], how="horizontal"),
    )


def evaluated(frame: pl.DataFrame, tasks: Sequence[Task]) -> Done:
    """The same without a net: whatever the expressions raise is raised."""
    names = [task.field for task in tasks]
    results = [
        task.transformer.expression(pl.col(task.field), task.site).alias(task.field)
        for task in tasks
    ]
    values = frame.lazy().with_columns(results).select(names).collect()
    return Done(values, _reasons(frame, values, tasks))


def _reasons(frame: pl.DataFrame, values: pl.DataFrame, tasks: Sequence[Task]) -> pl.DataFrame:
    """A value that is rejected has come out as NULL: where there is none, nobody has to look."""
    nobody = pl.lit(None, dtype=pl.String)
    doubtful = [task for task in tasks if values[task.field].null_count()]
    before = frame.select(pl.col(task.field).alias(_BEFORE + task.field) for task in doubtful)
    rest = frame.drop(values.columns)
    whole = pl.concat([rest, before, values], how="horizontal")
    words = {
        task.field: task.transformer.rejected(
            pl.col(_BEFORE + task.field), pl.col(task.field), task.site
        ).cast(pl.String)
        for task in doubtful
    }
    return whole.with_columns(
        words.get(task.field, nobody).alias(task.field) for task in tasks
    ).select(values.columns)


def tried(frame: pl.DataFrame, tasks: Sequence[Task]) -> Done | None:
    """None where anything broke; the boundary of code that is not ours.

    Raises:
        ConfigError: a transformer finds that it cannot be used so.
    """
    try:
        done = evaluated(frame, tasks)
    except CdcError:
        raise
    except (Exception, PanicException):  # noqa: BLE001 - plug-ins, predicates, polars' panics
        return None
    schema = done.values.schema
    return done if all(schema[task.field] == task.after.carrier for task in tasks) else None


def _piecewise(frame: pl.DataFrame, task: Task) -> Done:
    """Cuts the frame in halves until what is left works, or is one row, or failed too often."""
    todo, finished, failures = [frame], list[Done](), 0
    while todo:
        piece = todo.pop()
        done = tried(piece, [task])
        if done is None and piece.height > 1 and failures < MOST_FAILURES:
            half = piece.height // 2
            todo += [piece[half:], piece[:half]]
            continue
        failures += done is None
        finished.append(done or _failed(piece, task))
    return Done(
        pl.concat([one.values for one in finished]), pl.concat([one.reasons for one in finished])
    )


def _failed(frame: pl.DataFrame, task: Task) -> Done:
    nothing = pl.Series(task.field, [None], dtype=task.after.carrier)
    reason = pl.Series(task.field, [FAILED], dtype=pl.String)
    height = frame.height
    return Done(
        nothing.new_from_index(0, height).to_frame(), reason.new_from_index(0, height).to_frame()
    )
