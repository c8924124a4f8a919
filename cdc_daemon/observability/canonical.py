"""The one line a batch is remembered by: everything about it, in fields that can be queried.

Law 9: counts, names, durations and our own sentences; the error's text comes from `safe_error`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Final, Protocol

from cdc_daemon.model.run import RunOutcome, Status
from cdc_daemon.observability.shapes import Vouched

EVENT: Final = "batch"


class Logger(Protocol):
    """The part of a structlog logger that is needed here."""

    def info(self, event: str, /, **fields: object) -> object:
        """Nothing to do."""
        ...

    def warning(self, event: str, /, **fields: object) -> object:
        """Tried again by itself."""
        ...

    def error(self, event: str, /, **fields: object) -> object:
        """A person is needed."""
        ...


def batch_line(outcome: RunOutcome) -> Mapping[str, object]:
    """The fields of the line; what a run did not come to know is left out.

    Steps become ``<step>_seconds``; ``table_total_seconds`` is the whole.
    """
    fields: dict[str, object] = {
        "table": outcome.table,
        "batch_id": outcome.batch_id,
        "status": outcome.status,
        "retry": outcome.retry,
        "held": outcome.held or None,
        "guards": tuple(guard.value for guard in outcome.guards) or None,
        "error_kind": outcome.error_kind,
        "error": _vouched(outcome.error),
        "remedy": _vouched(outcome.remedy),
        "read_at": outcome.read_at,
    }
    if outcome.counts is not None:
        fields |= asdict(outcome.counts)
    fields |= {f"{step.lower()}_seconds": spent for step, spent in outcome.seconds.items()}
    return {name: value for name, value in fields.items() if value is not None}


def log_batch(logger: Logger, outcome: RunOutcome, error: BaseException | None = None) -> None:
    """Write the line: as an error where a person is needed, a warning where it is tried again.

    With `error` it carries the chain of what happened, as far as that may be told.
    """
    fields = dict(batch_line(outcome))
    if error is not None:
        fields["exc_info"] = error
    if outcome.status is not Status.FAILED:
        logger.info(EVENT, **fields)
    elif outcome.retry is not None and outcome.retry.value == "backoff":
        logger.warning(EVENT, **fields)
    else:
        logger.error(EVENT, **fields)


def _vouched(text: str | None) -> Vouched | None:
    return None if text is None else Vouched(text)
