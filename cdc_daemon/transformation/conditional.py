"""A transformer that works on some rows only.

Fail closed: where a predicate of Python fails, the row is rejected; neither branch is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import polars as pl

from cdc_daemon.schema.table import Column
from cdc_daemon.schema.types import LogicalType, Text
from cdc_daemon.transformation.conditions import Condition
from cdc_daemon.transformation.forms import text_form
from cdc_daemon.transformation.site import Site
from cdc_daemon.transformation.transformer import Transformer
from cdc_daemon.transformation.values import python_values

Predicate = Callable[[object, Mapping[str, object]], object]
CONDITION_FAILED = "condition_failed"
"""The reason of a rejection: the predicate raised."""

_VALUE = "="


@dataclass(frozen=True, slots=True)
class ConditionalTransformer(Transformer):
    """``transformer`` where ``predicate`` holds, else ``else_transformer`` or nothing.

    A predicate is a ``Condition`` on columns of the row as it was read, or a Python function
    ``predicate(value, context)`` with ``field_name`` and ``row`` in ``context``. Functions are
    called row by row, and cannot be configured. Where the branches give different types, both
    give text.
    """

    predicate: Condition | Predicate
    transformer: Transformer
    else_transformer: Transformer | None = None

    @property
    def warns(self) -> str | None:
        """What its branches warn of."""
        return next((one.warns for one in self._branches if one.warns), None)

    @property
    def fatal(self) -> bool:
        """Where a rejection of one of its branches is."""
        return any(one.fatal for one in self._branches)

    @property
    def reads(self) -> frozenset[str] | None:
        """Of a function, nobody knows."""
        if not isinstance(self.predicate, Condition):
            return None
        found = self.predicate.reads
        for branch in self._branches:
            if branch.reads is None:
                return None
            found |= branch.reads
        return found

    def describe(self) -> str:
        """The condition and both branches."""
        named = (
            self.predicate.describe()
            if isinstance(self.predicate, Condition)
            else f"{getattr(self.predicate, '__qualname__', 'a function')}()"
        )
        other = f", else {self.else_transformer.describe()}" if self.else_transformer else ""
        return f"{self.transformer.describe()} where {named}{other}"

    def refuses(self, column: Column) -> str | None:
        """What one of its branches refuses."""
        refusals = [one.refuses(column) for one in self._branches]
        return next((refusal for refusal in refusals if refusal), None)

    def output(self, column: Column) -> LogicalType:
        """The type of both branches, or text."""
        first = self.transformer.output(column)
        other = self.else_transformer.output(column) if self.else_transformer else column.type
        return first if first == other else Text()

    def expression(self, value: pl.Expr, site: Site) -> pl.Expr:
        """One of the branches; NULL where the predicate failed."""
        holds = self._holds(value, site)
        yes = self._branch(self.transformer, value, site)
        no = self._branch(self.else_transformer, value, site)
        return pl.when(holds).then(yes).when(~holds).then(no)

    def rejected(self, before: pl.Expr, after: pl.Expr, site: Site) -> pl.Expr:
        """What the branch rejects, and every row whose predicate failed."""
        holds = self._holds(before, site)
        yes = self.transformer.rejected(before, after, site)
        no = pl.lit(None, dtype=pl.String)
        if self.else_transformer is not None:
            no = self.else_transformer.rejected(before, after, site)
        elif self.output(site.column) != site.column.type:
            no = Transformer.rejected(self, before, after, site)
        failed = pl.lit(CONDITION_FAILED)
        return pl.when(holds).then(yes).when(~holds).then(no).otherwise(failed)

    def untouched(self, before: pl.Expr, after: pl.Expr, site: Site) -> pl.Expr:
        """Where no branch is taken, or the branch leaves it."""
        left = pl.lit(True)
        if self.else_transformer is not None:
            left = self.else_transformer.untouched(before, after, site)
        taken = self.transformer.untouched(before, after, site)
        holds = self._holds(before, site)
        return pl.when(holds).then(taken).when(~holds).then(left).otherwise(pl.lit(False))

    @property
    def _branches(self) -> tuple[Transformer, ...]:
        other = self.else_transformer
        return (self.transformer,) if other is None else (self.transformer, other)

    def _branch(self, branch: Transformer | None, value: pl.Expr, site: Site) -> pl.Expr:
        result = value if branch is None else branch.expression(value, site)
        logical = site.column.type if branch is None else branch.output(site.column)
        if logical == self.output(site.column):
            return result
        kept = logical == site.column.type and site.column.as_text
        return text_form(result, replace(site.column, type=logical, as_text=kept))

    def _holds(self, value: pl.Expr, site: Site) -> pl.Expr:
        if isinstance(self.predicate, Condition):
            return self.predicate.holds(site.row)
        call = _Call(self.predicate, site)
        fields = [value.alias(_VALUE)] + [
            bound.value.alias(bound.column.field) for bound in site.row.values()
        ]
        return pl.struct(fields).map_batches(call, return_dtype=pl.Boolean, is_elementwise=True)


@dataclass(frozen=True, slots=True)
class _Call:
    """Asks the function about every row; NULL where it raises."""

    predicate: Predicate
    site: Site

    def __call__(self, rows: pl.Series) -> pl.Series:
        frame = rows.struct.unnest()
        values = python_values(frame[_VALUE], self.site.column)
        columns = [bound.column for bound in self.site.row.values()]
        others = {one.name: python_values(frame[one.field], one) for one in columns}
        answers = [
            self._asked(value, {name: column[n] for name, column in others.items()})
            for n, value in enumerate(values)
        ]
        return pl.Series(rows.name, answers, dtype=pl.Boolean)

    def _asked(self, value: object, row: Mapping[str, object]) -> bool | None:
        try:
            context = {"field_name": self.site.column.name, "row": row}
            return bool(self.predicate(value, context))
        except Exception:  # noqa: BLE001 - a function that is not ours; it may quote the value
            return None
