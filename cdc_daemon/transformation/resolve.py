"""Binds rules to a table, and says everything that is wrong at once.

Law 8: nothing here looks at a row; what cannot work is told before the first one is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import polars as pl
from polars.exceptions import PanicException

from cdc_daemon.errors import CdcError, ConfigError
from cdc_daemon.schema.naming import RESERVED
from cdc_daemon.schema.table import Column, SourceTable
from cdc_daemon.transformation.apply import as_read, begun
from cdc_daemon.transformation.resolved import Hit, Resolved
from cdc_daemon.transformation.rules import Rule
from cdc_daemon.transformation.site import Site
from cdc_daemon.transformation.stage import Task, evaluated, tried
from cdc_daemon.transformation.structure import Drop, Rename, RowFilter
from cdc_daemon.transformation.suggest import unknown
from cdc_daemon.transformation.transformer import Transformer, output_column


@dataclass(slots=True)
class _Column:
    """A column on its way through the rules."""

    now: Column
    steps: list[tuple[Transformer, Column, Column]] = field(default_factory=list)
    dropped: bool = False
    renamed: bool = False


@dataclass(slots=True)
class _Told:
    hits: list[Hit] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def resolve(
    rules: Sequence[Rule],
    filters: Sequence[RowFilter],
    table: SourceTable,
    window_column: str | None = None,
) -> Resolved:
    """``rules`` in their order for ``table``; see ``Resolved`` for what it says."""
    told = _Told()
    columns = [_passed(rules, column, told) for column in table.columns]
    reads = _reads(table, columns, filters, told)
    steps = _turns(columns, reads)
    _check_names(columns, told)
    _check_places(columns, table, window_column, told)
    if not told.errors:
        _try(steps, filters, reads, told)
    out = tuple(column.now for column in columns if not column.dropped)
    changed = {column.now.name for column in columns if column.steps}
    return Resolved(
        source=table,
        table=replace(table, columns=out),
        steps=steps,
        filters=tuple(filters),
        reads=reads,
        hits=tuple(told.hits),
        unused=_unused(rules, table),
        broken=tuple(told.errors),
        refused=told.refused,
        absent=tuple(_absent(rules, table)),
        notes=tuple(told.notes),
        transformed_key=tuple(name for name in table.key if name in changed),
    )


def _passed(rules: Sequence[Rule], column: Column, told: _Told) -> _Column:
    """``column`` after all the rules that are for it."""
    passing = _Column(column)
    for number, rule in enumerate(rules, start=1):
        if not rule.hits(column):
            continue
        action = rule.action
        if passing.dropped:
            told.notes.append(f"column '{column.name}': rule {number} is for a dropped column")
            continue
        told.hits.append(Hit(number, rule.describe(), column.name, action.describe()))
        match action:
            case Drop():
                passing.dropped = True
            case Rename(to):
                passing.now, passing.renamed = replace(passing.now, target_name=to), True
            case _:
                _add(passing, action, told)
    if len(passing.steps) > 1:
        chain = ", then ".join(step.describe() for step, _, _ in passing.steps)
        told.notes.append(f"column '{column.name}': {chain}")
    return passing


def _add(passing: _Column, action: Transformer, told: _Told) -> None:
    column = passing.now
    if action.leaves(column):
        told.notes.append(f"column '{column.name}': {action.describe()} leaves it in clear")
        return
    if refusal := action.refuses(column):
        told.refused.setdefault(column.name, f"column '{column.name}' ({column.native}): {refusal}")
        return
    passing.now = output_column(action, column)
    passing.steps.append((action, column, passing.now))
    if action.warns:
        told.notes.append(f"column '{column.name}': {action.warns}")


def _reads(
    table: SourceTable, columns: Sequence[_Column], filters: Sequence[RowFilter], told: _Told
) -> tuple[Column, ...]:
    """Columns that are carried or that conditions ask for, as the source has them."""
    names = frozenset(column.now.name for column in columns)
    wanted = {column.now.name for column in columns if not column.dropped}
    asked = [("a row filter", one.keep.reads) for one in filters]
    for column in columns:
        if not column.dropped:
            where = f"column '{column.now.name}'"
            asked += [(where, names if s.reads is None else s.reads) for s, _, _ in column.steps]
    for where, reads in asked:
        for name in sorted(reads - names):
            told.errors.append(f"{where}: {unknown(name, names, 'column in a condition,')}")
        wanted |= reads & names
    return tuple(column for column in table.columns if column.name in wanted)


def _turns(columns: Sequence[_Column], reads: tuple[Column, ...]) -> tuple[tuple[Task, ...], ...]:
    kept = [column for column in columns if not column.dropped]
    row = as_read(reads)
    turns = []
    for turn in range(max((len(column.steps) for column in kept), default=0)):
        at_work = [column.steps[turn] for column in kept if len(column.steps) > turn]
        turns.append(tuple(Task(t, Site(column=b, row=row), a) for t, b, a in at_work))
    return tuple(turns)


def _check_names(columns: Sequence[_Column], told: _Told) -> None:
    """Of columns that a rule renamed: what the catalog tells apart by case alone stays so."""
    taken: dict[str, _Column] = {}
    for column in (one for one in columns if not one.dropped):
        name, target = column.now.name, column.now.target_name
        if target in RESERVED:
            told.errors.append(f"column '{name}': '{target}' is a name of history's own columns")
        other = taken.setdefault(target.casefold(), column)
        if other is not column and (other.renamed or column.renamed):
            told.errors.append(f"columns '{other.now.name}' and '{name}' would both be '{target}'")


def _check_places(
    columns: Sequence[_Column], table: SourceTable, window_column: str | None, told: _Told
) -> None:
    for column in columns:
        name = column.now.name
        does = "dropped" if column.dropped else "transformed" if column.steps else None
        if name == window_column and does:
            told.errors.append(f"column '{name}' is {does}, but windows are read by it")
        if name in table.key and column.dropped:
            told.errors.append(f"column '{name}' is dropped, but it is part of the key")
        elif name in table.key and does:
            told.notes.append(
                f"key column '{name}' is transformed: the table can only be read as a whole "
                "(strategy full), and values that become equal are duplicate keys"
            )


def _absent(rules: Sequence[Rule], table: SourceTable) -> Iterator[str]:
    for number, rule in enumerate(rules, start=1):
        if rule.column is not None and rule.column not in table.by_name:
            yield f"rule {number}: {unknown(rule.column, table.by_name, 'column')}"


def _unused(rules: Sequence[Rule], table: SourceTable) -> tuple[str, ...]:
    return tuple(
        f"rule {number} ({rule.describe()})"
        for number, rule in enumerate(rules, start=1)
        if rule.column is None and not any(rule.hits(column) for column in table.columns)
    )


def _try(
    steps: Sequence[Sequence[Task]],
    filters: Sequence[RowFilter],
    reads: tuple[Column, ...],
    told: _Told,
) -> None:
    """Everything once over no row: what raises or gives another type does so now."""
    frame = pl.DataFrame(schema={column.field: column.carrier for column in reads})
    frame = begun(frame, reads)
    for one in filters:
        try:
            frame.select(one.keep.holds(as_read(reads)))
        except ConfigError as error:
            told.errors += [f"a row filter: {issue}" for issue in error.issues]
    for turn in steps:
        if not _work_together(turn, frame):
            for task in turn:
                told.errors += _tried(task, frame)


def _work_together(turn: Sequence[Task], frame: pl.DataFrame) -> bool:
    """Whether all is well, at a fraction of the cost of one task after the other."""
    try:
        return tried(frame.with_columns(map(_empty, turn)), turn) is not None
    except CdcError:  # which one it is, is told one by one
        return False


def _tried(task: Task, frame: pl.DataFrame) -> Iterator[str]:
    """What is wrong with one transformer."""
    name = task.site.column.name
    try:
        done = evaluated(frame.with_columns(_empty(task)), [task])
    except ConfigError as error:
        yield from (f"column '{name}': {issue}" for issue in error.issues)
    except (Exception, PanicException) as error:  # noqa: BLE001 - code that is not ours
        yield f"column '{name}': its transformer fails ({type(error).__name__})"
    else:
        given, wanted = done.values.schema[task.field], task.after.carrier
        if given != wanted:
            yield f"column '{name}': its transformer gives {given} where it promised {wanted}"


def _empty(task: Task) -> pl.Series:
    return pl.Series(task.field, [], dtype=task.site.column.carrier)
