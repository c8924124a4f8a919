"""What a run of the benchmarks found: every raw figure, as it goes into the JSON file."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

PRODUCT = "cdc-daemon"
STEPS = ("first", "changed", "unchanged")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a whole process took: seconds, and bytes of its largest resident memory (VmHWM)."""

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    server_cpu_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """What reached the target: log of the server, growth of the schemas' tables, touched rows."""

    wal_bytes: int = 0
    relation_bytes: int = 0
    tuples: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One process that was measured; ``work`` and ``steps`` are seconds by name."""

    case: str
    step: str
    tool: str
    rows: int
    cost: Cost
    tables: int = 1
    repeat: int = 0
    written: Written = Written()
    work: Mapping[str, float] = field(default_factory=dict)
    steps: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """Bare COPY of a table: out to nowhere, and in from a file to a table without indexes."""

    case: str
    rows: int
    table_bytes: int
    copy_bytes: int
    out: tuple[float, ...]
    into: tuple[float, ...]

    @property
    def out_seconds(self) -> float:
        """The median."""
        return statistics.median(self.out)

    @property
    def both_seconds(self) -> float:
        """Out and in."""
        return self.out_seconds + statistics.median(self.into)


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A stretch of a daemon's life: wakes of its event loop by how late they were, cumulated."""

    name: str
    seconds: float
    late: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """A daemon through a first load and a changed batch of one table."""

    case: str
    rows: int
    gap_max_seconds: float
    peak_bytes: int
    phases: tuple[Phase, ...]


@dataclass(slots=True)
class Results:
    """Everything; cases add to it as they end."""

    machine: Mapping[str, Any] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    peers: dict[str, Any] = field(default_factory=dict)
    floors: list[Floor] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    daemons: list[Daemon] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)
