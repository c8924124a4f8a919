"""Rules, bound to one table: what is read, what is done, what comes out.

The frames that are transformed have the columns' fields, which no rule changes. A column that is
transformed is transformed before anything else sees it: it is hashed, compared and reconciled as
it came out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from cdc_daemon.errors import ConfigError
from cdc_daemon.schema.table import Column, SourceTable
from cdc_daemon.transformation.apply import Applied, applied
from cdc_daemon.transformation.stage import Task
from cdc_daemon.transformation.structure import RowFilter


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule and a column it is for; hits are in the order in which they are applied."""

    rule: int
    """Its number, from 1."""
    described: str
    """Which columns the rule is for."""
    column: str
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """Rules bound to a table; ``errors`` forbid to use them."""

    source: SourceTable
    table: SourceTable
    """Without dropped columns; others with the type and the target's name they get. Names at the
    source, fields and key stay."""
    steps: tuple[tuple[Task, ...], ...]
    """Tasks by turn: in a turn every column has one at most."""
    filters: tuple[RowFilter, ...]
    reads: tuple[Column, ...]
    """Columns that have to be read; dropped ones only where a condition asks for them."""
    hits: tuple[Hit, ...]
    unused: tuple[str, ...]
    """Rules by type, pattern or words that are for no column."""
    broken: tuple[str, ...]
    """What is wrong with rules or columns, but for the following."""
    refused: Mapping[str, str]
    """Columns that a transformer does not work on, and why."""
    absent: tuple[str, ...]
    """Rules by the name of a column that is not there."""
    notes: tuple[str, ...]
    """What an operator should know: overlaps, warnings, transformed key columns."""
    transformed_key: tuple[str, ...]
    """Key columns whose values are changed: only the strategy ``full`` can read such a table."""

    @property
    def errors(self) -> tuple[str, ...]:
        """All that forbids to use the rules."""
        return (*self.broken, *self.refused.values(), *self.absent)

    @property
    def told(self) -> tuple[str, ...]:
        """What is done, in its order, and what an operator should know of it."""
        hits = [f"column {h.column}: {h.action} (rule {h.rule}, {h.described})" for h in self.hits]
        return (*(one.describe() for one in self.filters), *hits, *self.notes)

    @property
    def changes_nothing(self) -> bool:
        """Whether no rule is for this table."""
        return not self.steps and not self.filters and self.table == self.source

    @property
    def descriptions(self) -> Mapping[str, str]:
        """What is done to the values of each column, and to rows (under the empty name).

        As long as they are the same, the same values come out: a rule that was changed and a key
        that was rotated show here.
        """
        found: dict[str, str] = {}
        for task in (task for turn in self.steps for task in turn):
            name, described = task.site.column.name, task.transformer.describe()
            found[name] = f"{found[name]}; {described}" if name in found else described
        if self.filters:
            found[""] = "; ".join(one.describe() for one in self.filters)
        return found

    def apply(self, frame: pl.DataFrame) -> Applied:
        """Transforms rows; ``frame`` has at least the fields of ``reads``, in their carriers.

        Raises:
            ConfigError: with ``errors``, if there are any.
        """
        if self.errors:
            raise ConfigError(self.errors)
        return self.apply_tolerantly(frame)

    def keys(self, frame: pl.DataFrame) -> Applied:
        """The key columns of rows as they come out, whatever becomes of other columns."""
        steps = [
            [task for task in turn if task.site.column.name in self.table.key]
            for turn in self.steps
        ]
        return applied(frame, self.reads, (), steps, self.table.key_columns)

    def apply_tolerantly(self, frame: pl.DataFrame) -> Applied:
        """The same, though columns are ``refused`` or ``absent``: the caller sees to those."""
        return applied(frame, self.reads, self.filters, self.steps, self.table.columns)
