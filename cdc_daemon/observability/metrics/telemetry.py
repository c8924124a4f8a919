"""Runs as metrics: counts what passes, and passes it on."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass

from cdc_daemon.model.run import RunOutcome
from cdc_daemon.observability.metrics.metrics import Metrics
from cdc_daemon.ports.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class MeteredTelemetry:
    """Implements ``ports.telemetry.Telemetry`` around another."""

    inner: Telemetry
    metrics: Metrics

    def bound(self, **context: str | int) -> AbstractContextManager[None]:
        """Passed on."""
        return self.inner.bound(**context)

    def numbered(self, batch: int) -> None:
        """Passed on."""
        self.inner.numbered(batch)

    def outcome(self, outcome: RunOutcome, error: BaseException | None) -> None:
        """A run ended."""
        self.metrics.batch(outcome)
        self.inner.outcome(outcome, error)

    def unrecorded(self, error: BaseException) -> None:
        """A run's end is not on record."""
        self.metrics.unrecorded()
        self.inner.unrecorded(error)
