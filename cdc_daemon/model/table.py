"""What is captured: tables, their keys, and where their history goes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

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

    @property
    def current_view(self) -> QualifiedName:
        """The view of open versions: the mirror of the source."""
        return QualifiedName(self.bronze.schema, f"{self.bronze.name}_current")
