"""Rules: which columns an action is for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cdc_daemon.errors import ConfigError
from cdc_daemon.schema.table import Column
from cdc_daemon.schema.types import LogicalType
from cdc_daemon.transformation.structure import Drop, Rename
from cdc_daemon.transformation.suggest import one_of
from cdc_daemon.transformation.transformer import Transformer
from cdc_daemon.transformation.words import has_words

Action = Transformer | Drop | Rename
TYPES = (
    "boolean",
    "integer",
    "decimal",
    "float",
    "text",
    "binary",
    "date",
    "time",
    "timestamp",
    "uuid",
    "json",
    "native",
)


def type_name(logical: LogicalType) -> str:
    """What rules call a type: ``text``, ``integer`` and so on."""
    return type(logical).__name__.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """``action`` for columns by their exact name, a regular expression, their words, their type.

    At most one of ``column``, ``pattern`` and ``words`` is given; ``types`` narrows them, or
    stands alone. Names and types are those of the source.

    Raises:
        ConfigError: nothing or too much is given, a pattern is none, or a type is unknown.
    """

    action: Action
    column: str | None = None
    """Exactly this name."""
    pattern: str | None = None
    """Names that begin with what this regular expression describes (``re.match``)."""
    words: str | None = None
    """Names in whose ``words`` this regular expression is found."""
    types: frozenset[str] = frozenset()
    case_sensitive: bool = False
    """Whether case counts for ``pattern``."""

    def __post_init__(self) -> None:
        given = [one for one in (self.column, self.pattern, self.words) if one is not None]
        if len(given) > 1 or not (given or self.types):
            raise ConfigError(["a rule has one of a column, a pattern or words, or a type"])
        for name in sorted(self.types):
            one_of(name, TYPES, "type")
        for written in (self.pattern, self.words):
            try:
                re.compile(written or "")
            except re.error as error:
                raise ConfigError([f"'{written}' is no regular expression: {error}"]) from None

    def describe(self) -> str:
        """Which columns it is for."""
        parts = []
        if self.column is not None:
            parts.append(f"column '{self.column}'")
        if self.pattern is not None:
            parts.append(f"pattern '{self.pattern}'")
        if self.words is not None:
            parts.append(f"words '{self.words}'")
        if self.types:
            parts.append(f"type {' or '.join(sorted(self.types))}")
        return ", ".join(parts)

    def hits(self, column: Column) -> bool:
        """Whether it is for ``column``, as the source has it."""
        typed = not self.types or type_name(column.type) in self.types
        return typed and self.hits_name(column.name)

    def hits_name(self, name: str) -> bool:
        """Whether it is for columns of that name, of whatever type."""
        if self.column is not None:
            return name == self.column
        if self.pattern is not None:
            flags = re.NOFLAG if self.case_sensitive else re.IGNORECASE
            return re.match(self.pattern, name, flags) is not None
        return self.words is None or has_words(name, self.words)
