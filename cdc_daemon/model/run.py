"""One attempt at one table, from dispatch to outcome.

The flow is four frozen types, each made from the one before it:
``Job → Landed → Compared → Promoted``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from types import MappingProxyType

from cdc_daemon.errors import Retry
from cdc_daemon.model.change import Counts
from cdc_daemon.model.guard import Guard
from cdc_daemon.model.table import TableId, TableSpec
from cdc_daemon.model.window import WHOLE, Window


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A wish to run one table, with the configuration it was made under."""

    table: TableSpec
    config_version: int = 1
    force: bool = False
    """Though not due or paused; passes no guard."""
    accepted: frozenset[Guard] = frozenset()
    window: Window = WHOLE
    seen_epoch: int | None = None
    """The epoch by which it was found due: with another one, somebody else did it meanwhile."""
    max_reads: int | None = None
    """Tables of its source that may be read at once."""
    replay: frozenset[int] | None = None
    """Digests of keys in quarantine: of all rows that are read, only theirs go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One window of one table, read at one instant."""

    number: int
    table: TableId
    window: Window
    read_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Promoted:
    """A batch that has become history."""

    batch: Batch
    instant: datetime
    counts: Counts
    epoch: int


class Status(Enum):
    """What a run came to."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """What a run comes to: never an exception, never a bool."""

    table: TableId
    status: Status
    batch_id: int | None = None
    retry: Retry | None = None
    error_kind: str | None = None
    error: str | None = None
    """A sentence without row values (law 9)."""
    remedy: str | None = None
    held: bool = False
    guards: tuple[Guard, ...] = ()
    """Guards that tripped, or that were passed because a person accepted them."""
    counts: Counts | None = None
    seconds: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Seconds by step."""
    work: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    """Seconds by kind of work, which go on side by side."""
    read_at: datetime | None = None
