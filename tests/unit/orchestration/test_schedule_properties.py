"""Whatever the states are: what is decided is due, and what is not decided has a reason."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from cdc_daemon.errors import Retry
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.config import BackoffSpec
from cdc_daemon.model.schedule import Blackout, Cron, Interval, Timing
from cdc_daemon.model.table import TableId
from cdc_daemon.orchestration.due_times import DueTimes
from cdc_daemon.orchestration.schedule import after_blackouts, decide, due_at
from tests.factories import make_spec

TABLES = [TableId("core", "public", name) for name in "abcde"]
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "Australia/Sydney", "America/New_York"])
AROUND = st.timedeltas(timedelta(0), timedelta(days=270)).map(
    lambda after: datetime(2026, 3, 1, tzinfo=UTC) + after
)
AGO = st.timedeltas(timedelta(0), timedelta(days=2))
BACKOFF = BackoffSpec(first_seconds=5, limit_seconds=600)

SCHEDULES = st.one_of(
    st.timedeltas(timedelta(seconds=1), timedelta(days=2)).map(Interval),
    st.builds(
        Cron,
        st.sampled_from(["0 2 * * *", "30 2 * * 0", "*/5 * * * *", "15 */3 * * *", "0 1 1 * *"]),
        ZONES,
    ),
)
BLACKOUTS = st.builds(
    Blackout,
    begin=st.builds(time, st.integers(0, 23), st.sampled_from([0, 30])),
    end=st.builds(time, st.integers(0, 23), st.sampled_from([0, 30])),
    timezone=ZONES,
    days=st.frozensets(st.integers(0, 5), min_size=1),
)
TIMINGS = st.builds(
    Timing,
    schedule=SCHEDULES,
    jitter=st.timedeltas(timedelta(0), timedelta(hours=1)),
    priority=st.integers(-2, 2),
    blackouts=st.lists(BLACKOUTS, max_size=2).map(tuple),
)


@st.composite
def states(draw, table, now):
    """A state as the daemon leaves one, at most two days old."""
    started = draw(st.none() | AGO.map(lambda ago: now - ago))
    retry = draw(st.none() | st.sampled_from(Retry))
    return TableState(
        table=table,
        last_started=started,
        last_ended=None if started is None else min(now, started + draw(AGO)),
        triggered=draw(st.none() | AGO.map(lambda ago: now - ago)),
        retry=retry,
        failures=0 if retry is None else draw(st.integers(0, 12)),
        paused=draw(st.booleans()) and draw(st.booleans()),
        held=draw(st.none() | st.none() | st.just("guard deletes")),
    )


@st.composite
def situations(draw):
    """Tables, what is on record of some, the time, and what this process knows."""
    now = draw(AROUND)
    tables = [make_spec(id=each, timing=draw(TIMINGS)) for each in TABLES]
    known = draw(st.sets(st.sampled_from(TABLES)))
    return (
        tables,
        {each: draw(states(each, now)) for each in sorted(known)},
        now,
        draw(st.frozensets(st.sampled_from(TABLES), max_size=2)),
        draw(st.dictionaries(st.sampled_from(TABLES), AGO.map(lambda ago: now + ago), max_size=2)),
    )


def _decide(situation, **other):
    tables, known, now, busy, cooling = situation
    return decide(tables, known, now, backoff=BACKOFF, busy=busy, not_before=cooling, **other)


def _reason(table, situation):
    """Why a table does not run now; None where nothing is in its way."""
    _, known, now, busy, cooling = situation
    state = known.get(table.id, TableState(table=table.id))
    reasons = {
        "busy": table.id in busy,
        "paused": state.paused,
        "held": state.held is not None,
        "not due": due_at(table, state, BACKOFF) > now,
        "cooling": table.id in cooling and cooling[table.id] > now,
        "blacked out": after_blackouts(now, table.timing.blackouts) > now,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


@given(situations())
def test_ready_is_exactly_what_nothing_holds_back(situation):
    """What is not due is never decided, and every table left out has a reason."""
    ready = _decide(situation).ready
    assert len(set(ready)) == len(ready)
    for table in situation[0]:
        assert (_reason(table, situation) is None) == (table in ready)


@given(situations(), st.randoms())
def test_equal_states_are_decided_equally(situation, random):
    """A second replica agrees, in whatever order it has the tables, and from memory too."""
    tables, *rest = situation
    shuffled = random.sample(tables, len(tables))
    known = DueTimes().learned(tables, rest[0], BACKOFF)
    decision = _decide(situation)
    assert _decide((shuffled, *rest)) == decision
    assert _decide(situation, due_of=known) == decision
    assert _decide((shuffled, *rest), due_of=known) == decision


@given(situations())
def test_nothing_becomes_due_before_wake_at(situation):
    """Who sleeps until ``wake_at`` misses nothing, and something is ready then."""
    tables, known, now, busy, cooling = situation
    decision = _decide(situation)
    waiting = [table for table in tables if table not in decision.ready]
    if decision.wake_at is None:
        words = {_reason(table, situation) for table in waiting}
        assert words <= {"busy", "paused", "held"}
        return
    assert decision.wake_at > now
    just_before = decision.wake_at - timedelta(microseconds=1)
    assert _decide((waiting, known, just_before, busy, cooling)).ready == ()
    assert _decide((waiting, known, decision.wake_at, busy, cooling)).ready


@given(situations())
def test_order_is_by_wish_priority_and_age(situation):
    """Asked for, then the lower priority, then longest overdue."""
    _, known, _, _, cooling = situation

    def rank(table):
        state = known.get(table.id, TableState(table=table.id))
        asked, started = state.triggered, state.last_started
        wish = asked is not None and (started is None or asked > started)
        due = due_at(table, state, BACKOFF)
        return not wish, table.timing.priority, max(due, cooling.get(table.id, due)), table.id

    ready = _decide(situation).ready
    assert list(ready) == sorted(ready, key=rank)
