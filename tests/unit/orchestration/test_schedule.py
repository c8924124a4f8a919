"""Which tables are due: intervals, cron, backoff, blackouts, and the operator's word."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

import pytest

from cdc_daemon.errors import Retry
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.schedule import Blackout, Cron, Interval
from cdc_daemon.orchestration.schedule import (
    decide,
    due_at,
    waiting,
)
from tests.support.schedules import BACKOFF, MINUTE, NOW, ran, spec


def decided(*tables_and_states, now=NOW, **other):
    """The decision for tables, each alone (it never ran) or with its state."""
    pairs = [each if isinstance(each, tuple) else (each, None) for each in tables_and_states]
    states = {state.table: state for _, state in pairs if state is not None}
    return decide([table for table, _ in pairs], states, now, backoff=BACKOFF, **other)


def utc(text):
    """An instant of ``2026-03-29 01:00`` in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class TestInterval:
    """So long after the last batch began."""

    def test_a_table_that_never_ran_is_due(self):
        """Nothing on record is due at once, and needs no state to say so."""
        table = spec()
        assert decided(table).ready == (table,)
        assert decided((table, TableState(table=table.id))).ready == (table,)

    def test_the_interval_counts_from_the_start(self):
        """A batch that took a minute does not move the next one by a minute."""
        table = spec(schedule=Interval(15 * MINUTE))
        assert decided((table, ran(table, 15))).ready == (table,)
        decision = decided((table, ran(table, 14)))
        assert (decision.ready, decision.wake_at) == ((), NOW + MINUTE)

    def test_wake_at_is_the_earliest_next_due(self):
        """What is ready, paused, held or busy wakes nobody."""
        ready, soon, late, paused, held, busy = map(spec, "abcdef")
        decision = decided(
            ready,
            (late, ran(late, 3)),
            (soon, ran(soon, 10)),
            (paused, ran(paused, 14, paused=True)),
            (held, ran(held, 14, held="guard")),
            (busy, ran(busy, 14)),
            busy={busy.id},
        )
        assert (decision.ready, decision.wake_at) == ((ready,), NOW + 5 * MINUTE)

    def test_nothing_to_wait_for(self):
        """Without a table that will be due there is no time to wake at."""
        table = spec()
        assert decided().wake_at is None
        assert decided((table, ran(table, 0, paused=True))).wake_at is None


class TestCron:
    """At local times."""

    def test_a_run_in_the_repeated_hour_is_not_due_again(self):
        """A batch begun in the second 02:10 does not fetch up the first 02:30, over and over."""
        table = spec(schedule=Cron("30 2 * * *", "Europe/Berlin"))
        began = utc("2026-10-25 01:10")
        state = TableState(table=table.id, last_started=began, last_ended=began)
        decision = decided((table, state), now=began + MINUTE)
        assert (decision.ready, decision.wake_at) == ((), utc("2026-10-26 01:30"))

    def test_a_missed_time_is_made_up_once(self):
        """After days of standstill the table is due since the first time missed, and runs once."""
        table = spec(schedule=Cron("0 2 * * *"))
        state = ran(table, 3 * 24 * 60)
        assert due_at(table, state, BACKOFF) == utc("2026-03-08 02:00")
        assert decided((table, state)).ready == (table,)
        assert decided((table, ran(table, 0))).wake_at == utc("2026-03-11 02:00")


class TestOrder:
    """What goes first."""

    def test_priority_then_longest_overdue(self):
        """The lower priority first, then who waits longest, then the name."""
        tables = {
            "first": (spec("z", priority=-1), 16),
            "second": (spec("y"), 40),
            "third": (spec("b"), 30),
            "fourth": (spec("c"), 30),
            "fifth": (spec("a", priority=1), 90),
        }
        pairs = [(table, ran(table, minutes)) for table, minutes in tables.values()]
        assert decided(*reversed(pairs)).ready == tuple(table for table, _ in pairs)

    def test_what_was_asked_for_goes_before_all(self):
        """An operator does not wait behind a thousand first loads."""
        new, urgent, asked = spec("a"), spec("b", priority=-9), spec("c", priority=9)
        state = ran(asked, 3, triggered=NOW - MINUTE)
        assert decided(new, urgent, (asked, state)).ready == (asked, urgent, new)


class TestBackoff:
    """After failures."""

    def test_it_doubles_up_to_the_limit(self):
        """5, 10, 20, 40, then 60 seconds for ever."""
        waits = [waiting(n, BACKOFF).total_seconds() for n in range(1, 7)]
        assert waits == [5, 10, 20, 40, 60, 60]
        assert waiting(10**9, BACKOFF).total_seconds() == 60

    def test_it_counts_from_the_end(self):
        """A failed attempt is repeated so long after it ended, not at the next regular time."""
        table = spec(schedule=Cron("0 2 * * *"))
        state = ran(table, 1, failures=3, retry=Retry.BACKOFF)
        assert decided((table, state)).wake_at == NOW + timedelta(seconds=20)
        assert decided((table, state), now=NOW + timedelta(seconds=20)).ready == (table,)

    def test_success_forgets_it(self):
        """Without failures the schedule alone counts."""
        table = spec()
        state = ran(table, 1, failures=0, retry=Retry.BACKOFF)
        assert decided((table, state)).wake_at == NOW + 14 * MINUTE

    @pytest.mark.parametrize("retry", [Retry.MANUAL, Retry.SKIP, None])
    def test_other_errors_wait_for_the_regular_time(self, retry):
        """What trying again will not mend, and does not hold the table, is not hurried."""
        table = spec()
        state = ran(table, 1, failures=3, retry=retry)
        assert decided((table, state)).wake_at == NOW + 14 * MINUTE


class TestOperator:
    """Run once now, paused, held; and what this process alone knows."""

    def test_a_trigger_makes_due(self):
        """Asked for after the last start: due since then, whatever the schedule or backoff."""
        table = spec()
        for other in ({}, {"failures": 9, "retry": Retry.BACKOFF}):
            state = ran(table, 3, triggered=NOW - 2 * MINUTE, **other)
            assert decided((table, state)).ready == (table,)

    @pytest.mark.parametrize("minutes_ago", [3, 4])
    def test_a_trigger_before_the_last_start_is_over(self, minutes_ago):
        """A batch that began at or after the wish has fulfilled it."""
        table = spec()
        state = ran(table, 3, triggered=NOW - minutes_ago * MINUTE)
        assert decided((table, state)).wake_at == NOW + 12 * MINUTE

    @pytest.mark.parametrize("word", [{"paused": True}, {"held": "guard deletes"}])
    def test_paused_and_held_tables_do_not_run(self, word):
        """Not even when asked for."""
        table = spec()
        decision = decided((table, ran(table, 99, triggered=NOW, **word)))
        assert (decision.ready, decision.wake_at) == ((), None)

    def test_busy_tables_are_left_out(self):
        """Law 2: a table is at most once in the house."""
        one, two = spec("a"), spec("b")
        assert decided(one, two, busy={one.id}).ready == (two,)

    def test_a_table_cools_down(self):
        """``not_before`` delays, and is nothing once it has passed."""
        table = spec()
        later = NOW + 2 * MINUTE
        decision = decided(table, not_before={table.id: later})
        assert (decision.ready, decision.wake_at) == ((), later)
        assert decided(table, not_before={table.id: NOW}).ready == (table,)


class TestBlackouts:
    """When no batch begins."""

    def test_what_is_overdue_waits_for_the_end(self):
        """Also what was asked for; due since before, it runs when the blackout is over."""
        black = Blackout(begin=time(11), end=time(13))
        table, asked = spec("a", blackouts=(black,)), spec("b", blackouts=(black,))
        pairs = [(table, ran(table, 99)), (asked, ran(asked, 5, triggered=NOW))]
        decision = decided(*pairs)
        assert (decision.ready, decision.wake_at) == ((), NOW + 60 * MINUTE)
        assert decided(*pairs, now=NOW + 60 * MINUTE).ready == (asked, table)

    def test_what_will_be_due_in_one_waits_for_its_end(self):
        """``wake_at`` looks past blackouts: a later table may come before an earlier one."""
        black = Blackout(begin=time(12, 5), end=time(13))
        blocked = spec("a", blackouts=(black,))
        free = spec("b", schedule=Interval(30 * MINUTE))
        state = ran(blocked, 5)
        assert decided((blocked, state)).wake_at == NOW + 60 * MINUTE
        assert decided((blocked, state), (free, ran(free, 5))).wake_at == NOW + 25 * MINUTE
