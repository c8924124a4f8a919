"""The instant of a batch: intervals are never empty and never run backwards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdc_daemon.errors import ClockSkew
from cdc_daemon.scd2.instant import MAX_SKEW, RESOLUTION, instant
from tests.factories import TABLE

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def test_the_first_batch_is_of_the_instant_it_was_read():
    """A table without history has no last instant."""
    assert instant(TABLE, NOON, None) == NOON


@pytest.mark.parametrize(
    ("ahead", "expected"),
    [
        (-timedelta(days=1), NOON),
        (-MICROSECOND, NOON),
        (timedelta(), NOON + MICROSECOND),
        (MICROSECOND, NOON + 2 * MICROSECOND),
        (timedelta(minutes=5), NOON + timedelta(minutes=5) + MICROSECOND),
    ],
)
def test_an_instant_is_after_the_last_one(ahead, expected):
    """Two batches in one microsecond and a clock that steps back are absorbed (law 3)."""
    assert instant(TABLE, NOON, NOON + ahead) == expected


def test_a_clock_more_than_five_minutes_behind_holds_the_table():
    """One microsecond over the limit is refused, with table and both instants."""
    with pytest.raises(ClockSkew) as caught:
        instant(TABLE, NOON, NOON + timedelta(minutes=5, microseconds=1))
    assert caught.value.holds
    for part in (str(TABLE), "2026-01-01T12:05:00.000001+00:00", "2026-01-01T12:00:00+00:00"):
        assert part in str(caught.value)


@given(st.lists(st.timedeltas(-MAX_SKEW, timedelta(days=1)), max_size=20))
def test_instants_only_ever_advance(steps):
    """However the clock steps within the limit, versions follow each other (law 3)."""
    last = None
    for step in steps:
        read_at = (last or NOON) + step
        now = instant(TABLE, read_at, last)
        assert now >= read_at
        assert last is None or now - last >= RESOLUTION
        last = now
