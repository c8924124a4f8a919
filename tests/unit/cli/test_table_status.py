"""What ``status`` says of when a table is due."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from cdc_daemon.cli.table_status import table_status
from cdc_daemon.control.status import OnRecord
from cdc_daemon.errors import Retry
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.config import BackoffSpec
from cdc_daemon.model.schedule import Blackout, Cron, Interval, Timing
from tests.factories import TABLE, make_spec

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def status(timing=None, **state):
    """The status of the one table; ``state`` are fields of ``TableState``."""
    spec = make_spec(timing=timing or Timing())
    record = OnRecord(state=TableState(table=TABLE, **state))
    return table_status(TABLE, spec, record, backoff=BackoffSpec(), now=NOW)


def ran(minutes_ago, **other):
    """The fields of a state whose last attempt took no time."""
    began = NOW - minutes_ago * MINUTE
    return {"last_started": began, "last_ended": began, **other}


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        (Interval(15 * MINUTE), "every 15m"),
        (Interval(90 * MINUTE), "every 90m"),
        (Interval(120 * MINUTE), "every 2h"),
        (Interval(timedelta(seconds=90)), "every 90s"),
        (Interval(timedelta(days=1)), "every 1d"),
        (Cron("0 2 * * *", "Europe/Berlin"), "cron 0 2 * * * Europe/Berlin"),
        (Cron("0 2 * * *"), "cron 0 2 * * * UTC"),
    ],
)
def test_the_schedule_is_shown_as_it_is_written(schedule, text):
    """An operator finds it in the configuration again."""
    assert status(Timing(schedule=schedule)).document()["schedule"] == text


def test_a_table_that_never_ran_is_due_now():
    """Not since 1970."""
    each = status()
    assert (each.due_at, each.due) == (NOW, True)


def test_an_overdue_table_shows_since_when():
    """How late the daemon is can be seen."""
    each = status(**ran(20))
    assert (each.due_at, each.due) == (NOW - 5 * MINUTE, True)


def test_a_table_that_waits():
    """By its schedule; after a failure by the backoff; where it is triggered, not at all."""
    assert status(**ran(5)).seconds_to_due == 600
    failed = ran(5, failures=8, retry=Retry.BACKOFF)
    assert status(**failed).due_at == NOW - 5 * MINUTE + timedelta(seconds=5 * 2**7)
    assert status(**failed, triggered=NOW - MINUTE).due_at == NOW - MINUTE


@pytest.mark.parametrize("state", [{}, ran(20), ran(14)])
def test_a_blacked_out_table_is_due_when_that_is_over(state):
    """Whether it never ran, is overdue, or will be due meanwhile."""
    each = status(Timing(blackouts=(Blackout(begin=time(11), end=time(13)),)), **state)
    assert (each.due_at, each.due) == (NOW + 60 * MINUTE, False)


@pytest.mark.parametrize("state", [{"paused": True}, {"held": "guard deletes"}])
def test_a_table_that_will_not_run_is_never_due(state):
    """Paused and held tables have no due time, in the document too."""
    document = status(**ran(20), **state).document()
    assert (document["due_at"], document["due"]) == (None, False)


def test_a_table_no_longer_configured():
    """It is known, but has no schedule and no due time."""
    document = table_status(TABLE, None, None, backoff=BackoffSpec(), now=NOW).document()
    assert (document["schedule"], document["due_at"]) == (None, None)
