"""The one line a batch is remembered by."""

import io
import json
from datetime import UTC, datetime

import pytest
import structlog

from cdc_daemon.errors import Retry
from cdc_daemon.model.change import Counts
from cdc_daemon.model.config import LoggingSpec
from cdc_daemon.model.guard import Guard
from cdc_daemon.model.run import RunOutcome, Status
from cdc_daemon.model.table import TableId
from cdc_daemon.observability.canonical import batch_line, log_batch
from cdc_daemon.observability.logging import configure_logging

ACCT = TableId("core", "dbo", "ACCT")


def logged(outcome, error=None):
    stream = io.StringIO()
    with configure_logging(LoggingSpec(), stream=stream, is_terminal=False):
        log_batch(structlog.get_logger("cdc_daemon.test"), outcome, error)
    (line,) = stream.getvalue().splitlines()
    return json.loads(line)


def test_a_batch_is_one_line_with_all_there_is_to_know():
    """Table, batch, counts, seconds by step and in all, and the instant, each in a field."""
    line = logged(
        RunOutcome(
            table=ACCT,
            status=Status.SUCCEEDED,
            batch_id=7,
            counts=Counts(
                extracted=10,
                inserted=1,
                updated=2,
                reopened=3,
                deleted=4,
                unchanged=5,
                rewritten=6,
                quarantined=7,
                filtered=8,
            ),
            seconds={"EXTRACT": 1.25, "promote": 0.5},
            read_at=datetime(2024, 5, 1, tzinfo=UTC),
            guards=(Guard.EMPTY,),
        )
    )
    del line["timestamp"]

    assert line == {
        "level": "info",
        "event": "batch",
        "logger": "cdc_daemon.test",
        "table": "core.dbo.ACCT",
        "batch_id": 7,
        "status": "succeeded",
        "guards": ["empty"],
        "read_at": "2024-05-01T00:00:00.000000+00:00",
        "extracted": 10,
        "inserted": 1,
        "updated": 2,
        "reopened": 3,
        "deleted": 4,
        "unchanged": 5,
        "rewritten": 6,
        "quarantined": 7,
        "filtered": 8,
        "extract_seconds": 1.25,
        "promote_seconds": 0.5,
    }


@pytest.mark.parametrize(
    ("status", "retry", "level"),
    [
        (Status.SUCCEEDED, None, "info"),
        (Status.SKIPPED, Retry.SKIP, "info"),
        (Status.CANCELLED, Retry.BACKOFF, "info"),
        (Status.FAILED, Retry.BACKOFF, "warning"),
        (Status.FAILED, Retry.MANUAL, "error"),
        (Status.FAILED, None, "error"),
    ],
)
def test_the_level_says_whether_a_person_is_needed(status, retry, level):
    """An error needs a person; a warning is tried again; the rest is a day's work."""
    line = logged(RunOutcome(table=ACCT, status=status, retry=retry))

    assert line["level"] == level
    assert line.get("retry") == (retry.value if retry else None)


def test_a_failure_says_what_and_what_to_do():
    """Kind, our sentence and the remedy are shown, and what is not known is left out."""
    outcome = RunOutcome(
        table=ACCT,
        status=Status.FAILED,
        retry=Retry.MANUAL,
        error_kind="NullKey",
        error="core.dbo.ACCT: 3 rows have no value in column ACCTNBR",
        remedy="Correct the rows.",
        held=True,
    )
    line = logged(outcome, KeyError("Smith"))

    assert line["error"] == outcome.error
    assert [fault["message"] for fault in line["exception"]] == ["KeyError outside our code"]
    assert (line["error_kind"], line["remedy"], line["held"]) == (
        *("NullKey", "Correct the rows.", True),
    )
    assert not {"batch_id", "extracted", "seconds", "read_at", "guards"} & set(batch_line(outcome))
