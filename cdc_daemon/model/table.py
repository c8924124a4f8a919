"""What is captured: tables, their keys, and where their history goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any

from cdc_daemon.model.guard import GuardLimits
from cdc_daemon.model.schedule import Timing


class Strategy(Enum):
    """How a table is read."""

    FULL = "full"


@dataclass(frozen=True, slots=True, order=True)
class TableId:
    """The identity of a table in configuration, logs, locks, metrics and control tables."""

    source: str
    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.source}.{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True, order=True)
class QualifiedName:
    """A table of the target, as names, not yet quoted."""

    schema: str
    name: str

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


class RuleChange(Enum):
    """What becomes of open versions where a rule or a key changed what their values come to."""

    ASK = "ask"
    """The table is held: a person looks at ``plan``, and chooses."""
    VERSION = "version"
    """New versions begin."""
    REWRITE = "rewrite"
    """Open versions get the new values in place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSpec:
    """A rule of transformation as it is configured: which columns, and what becomes of them."""

    use: str
    """The kind (``transformation.registry``), a preset, or a plug-in's name."""
    origin: str = field(compare=False)
    """Where it is written, for messages; a rule that moves to another line is the same rule."""
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    """As they are written; where one takes a key or a salt, a ``SecretRef``."""
    column: str | None = None
    pattern: str | None = None
    types: frozenset[str] = frozenset()
    case_sensitive: bool = False
    shared: bool = False
    """Written for many tables: a column that one of them does not have is no mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSpec:
    """One configured table, with every default filled in."""

    id: TableId
    bronze: QualifiedName
    stage: QualifiedName
    key: tuple[str, ...] = ()
    """Empty: discovered in the source's catalog."""
    strategy: Strategy = Strategy.FULL
    lane: str = "small"
    timing: Timing = field(default_factory=Timing)
    exclude_columns: tuple[str, ...] = ()
    guards: GuardLimits = field(default_factory=GuardLimits)
    max_batch_rows: int = 1_000_000
    """Changes one batch may promote after the first load (DESIGN 7)."""
    rules: tuple[RuleSpec, ...] = ()
    """What is done to rows before they land, in this order."""
    on_rule_change: RuleChange = RuleChange.ASK

    @property
    def current_view(self) -> QualifiedName:
        """The view of open versions: the mirror of the source."""
        return QualifiedName(self.bronze.schema, f"{self.bronze.name}_current")
