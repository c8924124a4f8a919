"""What ``status`` says of a table."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cdc_daemon.cli.table_status import table_status
from cdc_daemon.control.status import OnRecord
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.config import BackoffSpec
from cdc_daemon.model.guard import Guard
from cdc_daemon.model.schedule import Interval, Timing
from tests.factories import TABLE, make_spec

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SPEC = make_spec(timing=Timing(schedule=Interval(timedelta(minutes=15))))


def _status(*, spec=SPEC, **state):
    record = OnRecord(state=TableState(table=TABLE, **state))
    return table_status(TABLE, spec, record, backoff=BackoffSpec(), now=NOW)


def test_a_table_that_never_ran_is_due():
    """Nothing on record: due now, no lag, no batch."""
    told = table_status(TABLE, SPEC, None, backoff=BackoffSpec(), now=NOW).document()
    assert (told["due"], told["due_at"]) == (True, NOW.isoformat())
    assert told["lag_seconds"] is told["last_batch"] is told["last_success_at"] is None


@pytest.mark.parametrize(("minutes", "due"), [(14, False), (15, True), (40, True)])
def test_due_counts_from_the_start_of_the_last_attempt(minutes, due):
    """A table is due ``every`` after its last attempt began."""
    told = _status(last_started=NOW - timedelta(minutes=minutes), last_ended=NOW)
    assert told.due is due


def test_lag_is_the_time_since_the_last_success():
    """The lag is now, by the target's clock, less the last success."""
    assert _status(last_success=NOW - timedelta(seconds=90)).lag_seconds == 90


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ({}, "active"),
        ({"failures": 2}, "failing"),
        ({"paused": True, "failures": 2}, "paused"),
        ({"paused": True, "held": "why"}, "held"),
    ],
)
def test_what_keeps_a_table_from_running_comes_first(state, word):
    """Held before paused before failing; a table that may not run is not due."""
    told = _status(**state)
    assert told.word == word
    assert told.due is (word in {"active", "failing"})


def test_guards_are_named_in_order():
    """Guards that hold, and guards that are passed once, are lists of names."""
    told = _status(
        held="why",
        held_guards=frozenset({Guard.UPDATES, Guard.DELETES}),
        accepted=frozenset({Guard.EMPTY}),
    ).document()
    assert told["held_guards"] == ["deletes", "updates"]
    assert told["accepted_guards"] == ["empty"]


def test_a_table_that_is_no_longer_configured_is_told_of():
    """What is on record stays visible when the configuration forgets it; it is not due."""
    told = replace(_status(), spec=None)
    assert (told.word, told.due, told.document()["lane"]) == ("gone", False, None)
