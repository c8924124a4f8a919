"""Rows of Python through rules: grouped by the types of their values, a frame for each group.

Law 6: a value of a type that no carrier holds, or that a transformer refuses, rejects its row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from cdc_daemon.errors import ConfigError, DataError
from cdc_daemon.schema.table import Column, SourceTable
from cdc_daemon.schema.types import LogicalType, Text
from cdc_daemon.transformation.apply import Applied
from cdc_daemon.transformation.one import REFUSED, made_up
from cdc_daemon.transformation.resolve import resolve
from cdc_daemon.transformation.resolved import Resolved
from cdc_daemon.transformation.rules import Rule
from cdc_daemon.transformation.structure import RowFilter
from cdc_daemon.transformation.transformer import Transformer
from cdc_daemon.transformation.values import (
    UNSUPPORTED,
    NotCarried,
    carried,
    logical_of,
    python_values,
    series,
)

Row = Mapping[str, object]
Types = tuple[tuple[str, LogicalType], ...]


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that did not come out, by its position; never what it holds (law 9)."""

    row: int
    column: str
    reason: str
    fatal: bool = False


class TransformedRows(list[dict[str, object]]):
    """The rows that came out, in their order, and the positions of those that did not."""

    rejected: tuple[RejectedRow, ...] = ()
    filtered: tuple[int, ...] = ()


def transformed_rows(
    rules: Sequence[Rule], filters: Sequence[RowFilter], rows: Sequence[Row]
) -> TransformedRows:
    """``rows`` through the rules; rows may differ in columns, and values in types.

    Raises:
        ConfigError: the rules do not fit together, or a condition not the types of the rows.
        DataError: a conversion that is to ``fail`` did.
    """
    asked = _asked(rules, filters)
    groups, rejected = _grouped(rules, asked, rows)
    finished: dict[int, dict[str, object]] = {}
    filtered: list[int] = []
    for types, positions in groups.items():
        columns = tuple(made_up(name, n, logical) for n, (name, logical) in enumerate(types))
        resolved = resolve(rules, filters, SourceTable(columns=columns, key=()))
        if resolved.broken:
            raise ConfigError(resolved.broken)
        group = _Group(resolved, columns, rows, positions)
        done = group.run()
        rejected += group.rejected(done)
        filtered += [positions[n] for n in done.filtered["row"].to_list()]
        finished |= group.finished(done)
    stopped_by(rejected)
    bad = {one.row for one in rejected}
    result = TransformedRows(finished[n] for n in sorted(finished) if n not in bad)
    result.rejected = tuple(sorted(rejected, key=lambda one: one.row))
    result.filtered = tuple(sorted(filtered))
    return result


def stopped_by(rejected: Iterable[RejectedRow]) -> None:
    """Nothing, unless a rejection is fatal.

    Raises:
        DataError: it is.
    """
    fatal = [one for one in rejected if one.fatal]
    if fatal:
        first = fatal[0]
        raise DataError(
            f"{len(fatal)} value(s) cannot be transformed; the first is of column "
            f"'{first.column}' in row {first.row}: {first.reason}"
        )


def _asked(rules: Sequence[Rule], filters: Sequence[RowFilter]) -> frozenset[str] | None:
    """Columns that conditions ask for; None: all."""
    found = frozenset[str]().union(*(one.keep.reads for one in filters))
    for action in (rule.action for rule in rules):
        if isinstance(action, Transformer):
            if action.reads is None:
                return None
            found |= action.reads
    return found


def _grouped(
    rules: Sequence[Rule], asked: frozenset[str] | None, rows: Sequence[Row]
) -> tuple[dict[Types, list[int]], list[RejectedRow]]:
    """Positions of rows by the types of the values that matter."""
    groups: dict[Types, list[int]] = {}
    rejected: list[RejectedRow] = []
    usual: dict[str, LogicalType] = {}
    for position, row in enumerate(rows):
        types: dict[str, LogicalType | None] = dict.fromkeys(asked or ())
        for name, value in row.items():
            hit = any(rule.hits_name(name) for rule in rules)
            if not hit and asked is not None and name not in asked:
                continue
            try:
                carried(value)
                types[name] = None if value is None else logical_of(value)
            except NotCarried:
                if hit or (asked is not None and name in asked):
                    rejected.append(RejectedRow(position, name, UNSUPPORTED))
        for name, logical in types.items():
            usual.setdefault(name, logical) if logical is not None else None
        full = tuple((name, logical or usual.get(name, Text())) for name, logical in types.items())
        groups.setdefault(full, []).append(position)
    return groups, rejected


@dataclass(frozen=True, slots=True)
class _Group:
    """Rows whose values have the same types."""

    resolved: Resolved
    columns: tuple[Column, ...]
    rows: Sequence[Row]
    positions: Sequence[int]

    def run(self) -> Applied:
        fields = [self._series(column) for column in self.columns]
        height = {} if fields else {"none": pl.Series([None] * len(self.positions))}
        return self.resolved.apply_tolerantly(pl.DataFrame(fields or height))

    def rejected(self, done: Applied) -> list[RejectedRow]:
        refused = [
            RejectedRow(position, name, REFUSED)
            for name in self.resolved.refused
            for position in self.positions
            if self.rows[position].get(name) is not None
        ]
        found = done.rejected.iter_rows()
        return refused + [RejectedRow(self.positions[n], *others) for n, *others in found]

    def finished(self, done: Applied) -> dict[int, dict[str, object]]:
        """New rows by position; what no transformer touched is the very object that was given."""
        changed = {task.site.column.name for turn in self.resolved.steps for task in turn}
        out = self.resolved.table.by_name
        dropped = {column.name for column in self.columns} - out.keys()
        values = {
            name: python_values(done.frame[column.field], column)
            for name, column in out.items()
            if name in changed
        }
        gone = {*done.rejected["row"].to_list(), *done.filtered["row"].to_list()}
        left = [position for n, position in enumerate(self.positions) if n not in gone]
        return {
            position: {
                (out[name].target_name if name in out else name): (
                    values[name][n] if name in values else value
                )
                for name, value in self.rows[position].items()
                if name not in dropped
            }
            for n, position in enumerate(left)
        }

    def _series(self, column: Column) -> pl.Series:
        found = []
        for position in self.positions:
            try:
                found.append(carried(self.rows[position].get(column.name)))
            except NotCarried:
                found.append(None)  # its row is rejected already
        return series(column, found)
