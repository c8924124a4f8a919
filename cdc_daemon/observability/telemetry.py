"""Runs as log lines: the context of a run, and the canonical line it ends with.

Law 9: everything goes through ``redaction``, as all logging does.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import structlog

from cdc_daemon.model.run import RunOutcome, Status
from cdc_daemon.observability.canonical import log_batch

_LOGGER = "cdc_daemon.batch"


class LogTelemetry:
    """Implements ``ports.telemetry.Telemetry``."""

    def bound(self, **context: str | int) -> AbstractContextManager[None]:
        """Context of this task, and of tasks it starts, until the block ends."""
        return structlog.contextvars.bound_contextvars(**context)

    def numbered(self, batch: int) -> None:
        """For this task alone: the batch is a task of its own."""
        structlog.contextvars.bind_contextvars(batch_id=batch)

    def outcome(self, outcome: RunOutcome, error: BaseException | None) -> None:
        """One line; only a failure carries its chain of causes."""
        failed = outcome.status is Status.FAILED
        log_batch(_logger(), outcome, error if failed else None)

    def unrecorded(self, error: BaseException) -> None:
        """One line, as an error: the control tables do not tell of this run."""
        _logger().error("run not recorded", error=error, exc_info=error)


def _logger() -> Any:  # noqa: ANN401 - as structlog has it
    return structlog.get_logger(_LOGGER)
