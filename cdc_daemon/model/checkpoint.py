"""What the control tables say of a table between two batches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cdc_daemon.errors import Retry
from cdc_daemon.model.guard import Guard
from cdc_daemon.model.table import TableId


@dataclass(frozen=True, slots=True, kw_only=True)
class TableState:
    """One row of ``table_state``: the fence, the clock of the history, the operator's word."""

    table: TableId
    epoch: int = 0
    """Raised by every promote and every change of the target's schema (law 2)."""
    last_instant: datetime | None = None
    last_batch: int | None = None
    last_success: datetime | None = None
    open_versions: int = 0
    paused: bool = False
    held: str | None = None
    """The reason, for a table that runs no more until it is released."""
    held_guards: frozenset[Guard] = frozenset()
    """The guards that tripped, where it was guards."""
    held_at: datetime | None = None
    accepted: frozenset[Guard] = frozenset()
    """Guards that the next batch may pass, once."""
    failures: int = 0
    """Attempts that failed since the last success."""
    last_started: datetime | None = None
    """When the last attempt that came to an end began."""
    last_ended: datetime | None = None
    retry: Retry | None = None
    """What the last attempt asked for, where it did not succeed."""
    triggered: datetime | None = None
    """When an operator last asked for a batch at once."""
    rules: Mapping[str, str] | None = None
    """What is done to the values of each column in the open versions (``Resolved.descriptions``);
    None where no batch has said so yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What has been promoted of one window; moves only inside promote (law 1)."""

    batch: int
    read_at: datetime
    rows: int
