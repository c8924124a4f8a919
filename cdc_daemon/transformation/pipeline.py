"""Rules in their order, for tables, frames and rows.

Overlaps are applied in the order of the rules: what one leaves is what the next one gets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import polars as pl

from cdc_daemon.schema.table import SourceTable
from cdc_daemon.transformation.apply import Applied
from cdc_daemon.transformation.frames import transformed_frame
from cdc_daemon.transformation.resolve import resolve
from cdc_daemon.transformation.resolved import Resolved
from cdc_daemon.transformation.rows import TransformedRows, transformed_rows
from cdc_daemon.transformation.rules import Action, Rule
from cdc_daemon.transformation.structure import RowFilter


class TransformationPipeline:
    """An ordered set of rules and row filters.

    Used on its own it takes plain rows and frames (``transform_row``, ``transform_rows``,
    ``transform_frame``) and never changes what it is given; the daemon binds it to a table
    (``resolve``).
    """

    def __init__(self, rules: Iterable[Rule] = (), filters: Iterable[RowFilter] = ()) -> None:
        self._rules = list(rules)
        self._filters = list(filters)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """In the order in which they apply."""
        return tuple(self._rules)

    @property
    def filters(self) -> tuple[RowFilter, ...]:
        """All of them have to keep a row."""
        return tuple(self._filters)

    def add_transformer(
        self, pattern: str, transformer: Action, *, case_sensitive: bool = False
    ) -> None:
        """For columns whose name begins with what ``pattern`` describes (``re.match``).

        Raises:
            ConfigError: it is no regular expression.
        """
        self.add(Rule(action=transformer, pattern=pattern, case_sensitive=case_sensitive))

    def add(self, *parts: Rule | RowFilter) -> None:
        """Rules and filters, behind those that are there."""
        for part in parts:
            if isinstance(part, Rule):
                self._rules.append(part)
            else:
                self._filters.append(part)

    def get_transformer_count(self) -> int:
        """How many rules there are."""
        return len(self._rules)

    def get_patterns(self) -> list[str]:
        """The patterns of rules, each once."""
        patterns = [rule.pattern for rule in self._rules if rule.pattern is not None]
        return list(dict.fromkeys(patterns))

    def resolve(self, table: SourceTable, window_column: str | None = None) -> Resolved:
        """What the rules do to ``table``, and what is wrong with them."""
        return resolve(self._rules, self._filters, table, window_column)

    def transform_row(self, row: Mapping[str, object]) -> dict[str, object] | None:
        """A new row; None where it is rejected or filtered (``transform_rows`` says which).

        Raises:
            DataError: a conversion that is to ``fail`` did.
        """
        rows = self.transform_rows([row])
        return rows[0] if rows else None

    def transform_rows(self, rows: Sequence[Mapping[str, object]]) -> TransformedRows:
        """New rows, without those that are rejected or filtered.

        Raises:
            DataError: a conversion that is to ``fail`` did.
        """
        return transformed_rows(self.rules, self.filters, rows)

    def transform_frame(self, frame: pl.DataFrame) -> Applied:
        """A new frame, without the rows that are rejected or filtered, and which those are.

        Raises:
            ConfigError: the rules do not fit the columns.
            DataError: a conversion that is to ``fail`` did.
        """
        return transformed_frame(self.rules, self.filters, frame)
