"""What the application tells of its work, written down.

Nothing is faked: these are the simplest implementations of ``ports.telemetry``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from cdc_daemon.model.run import RunOutcome
from cdc_daemon.model.table import TableId


@dataclass(slots=True)
class RecordedProgress:
    """What a person would have been shown, as lines; implements ``ports.telemetry.Progress``."""

    lines: list[str] = field(default_factory=list)

    def started(self, table: TableId) -> None:
        self.lines.append(f"{table} started")

    def step(self, table: TableId, name: str) -> None:
        self.lines.append(f"{table} {name}")

    def rows(self, table: TableId, n: int, total: int | None) -> None:
        self.lines.append(f"{table} {n} of {total}")

    def finished(self, table: TableId, status: str, summary: str) -> None:
        self.lines.append(f"{table} {status}: {summary}")


@dataclass(slots=True)
class RecordedTelemetry:
    """Canonical lines as they were handed over; implements ``ports.telemetry.Telemetry``."""

    outcomes: list[RunOutcome] = field(default_factory=list)
    errors: list[BaseException | None] = field(default_factory=list)
    """Of the outcomes, in their order."""
    lost: list[BaseException] = field(default_factory=list)
    """Ends of runs that could not be put on record."""
    context: list[Mapping[str, str | int]] = field(default_factory=list)

    @contextmanager
    def bound(self, **context: str | int) -> Iterator[None]:
        self.context.append(context)
        yield

    def numbered(self, batch: int) -> None:
        self.context.append({"batch_id": batch})

    def outcome(self, outcome: RunOutcome, error: BaseException | None) -> None:
        self.outcomes.append(outcome)
        self.errors.append(error)

    def unrecorded(self, error: BaseException) -> None:
        self.lost.append(error)
