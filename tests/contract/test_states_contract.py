"""``ports.control.States`` and ``ports.target.Batches``: what is known and wanted of tables."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

import pytest

from cdc_daemon.control.states import OVERLAP
from cdc_daemon.errors import Retry
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.guard import Guard
from cdc_daemon.model.table import TableId, TableSpec
from cdc_daemon.orchestration.schedule import BEGINNING, is_triggered
from cdc_daemon.ports.control import States
from tests.contract.engines.base import Engine, Specs
from tests.contract.engines.flow import Flow

pytestmark = pytest.mark.asyncio

READ_AT = datetime(2026, 1, 1, tzinfo=UTC)
GUARDS = frozenset({Guard.EMPTY, Guard.DELETES})
ROW = ("a", "b", "v", 1, None)
Say = Callable[[States, TableId], Awaitable[object]]
WORDS: Mapping[str, Say] = MappingProxyType(
    {
        "pause": lambda states, table: states.pause(table),
        "resume": lambda states, table: states.resume(table),
        "hold": lambda states, table: states.hold(table, "it", GUARDS),
        "release": lambda states, table: states.release(table),
        "failed": lambda states, table: states.failed(table),
        "ended": lambda states, table: states.ended(table, READ_AT, Retry.BACKOFF),
        "trigger": lambda states, table: states.trigger(table),
    }
)


@pytest.fixture
def spec(specs: Specs) -> TableSpec:
    """A table of the test's own."""
    return specs.fresh()


async def test_an_unknown_table_has_a_fresh_state(engine: Engine, spec: TableSpec) -> None:
    """Asking of a table nobody spoke about gives epoch 0, and puts nothing on record."""
    assert await engine.states.state(spec.id) == TableState(table=spec.id)
    assert spec.id not in await engine.states.all()


async def test_pause_and_resume(engine: Engine, spec: TableSpec) -> None:
    """A pause is seen at once, twice is once, and ``resume`` undoes it."""
    await engine.states.pause(spec.id)
    await engine.states.pause(spec.id)
    assert (await engine.states.state(spec.id)).paused
    assert (await engine.states.all())[spec.id].paused
    await engine.states.resume(spec.id)
    assert await engine.states.state(spec.id) == TableState(table=spec.id)


async def test_a_hold_says_why_and_counts_as_failure(engine: Engine, spec: TableSpec) -> None:
    """A held table carries its reason and the guards that tripped, and nothing is accepted yet."""
    await engine.states.hold(spec.id, "looks like an accident", GUARDS)
    state = await engine.states.state(spec.id)
    assert (state.held, state.held_guards) == ("looks like an accident", GUARDS)
    assert state.failures == 1
    assert not state.accepted


async def test_a_hold_without_guards(engine: Engine, spec: TableSpec) -> None:
    """What held a table need not be a guard; then a release accepts none."""
    await engine.states.hold(spec.id, "two rows share a key", frozenset())
    assert await engine.states.release(spec.id) == frozenset()
    state = await engine.states.state(spec.id)
    assert (state.held, state.accepted) == (None, frozenset())


async def test_release_lets_the_guards_pass_one_batch(flow: Flow) -> None:
    """The guards that held a table are returned, pass one batch, and are forgotten with it."""
    states, table = flow.engine.states, flow.spec.id
    await states.hold(table, "looks like an accident", GUARDS)
    assert await states.release(table) == GUARDS
    state = await states.state(table)
    assert (state.held, state.held_guards, state.held_at) == (None, frozenset(), None)
    assert (state.accepted, state.failures) == (GUARDS, 0)
    await flow.batch([ROW])
    assert (await states.state(table)).accepted == frozenset()


async def test_failures_are_counted_until_a_success(flow: Flow) -> None:
    """Every failed attempt counts; a promoted batch sets the count back."""
    states, table = flow.engine.states, flow.spec.id
    await states.failed(table)
    await states.failed(table)
    assert (await states.state(table)).failures == 2
    await flow.batch([ROW])
    assert (await states.state(table)).failures == 0


async def test_words_about_one_table_are_not_about_another(engine: Engine, specs: Specs) -> None:
    """Pausing or holding a table leaves its neighbours alone (law 8)."""
    first, second = specs.fresh(), specs.fresh()
    await engine.states.pause(first.id)
    await engine.states.hold(first.id, "it", GUARDS)
    assert await engine.states.state(second.id) == TableState(table=second.id)


async def test_an_operators_word_leaves_the_fence_alone(flow: Flow) -> None:
    """Pause, hold and release change neither epoch nor instant: a running batch may still end."""
    states, table = flow.engine.states, flow.spec.id
    async with flow.compared([ROW]) as compared:
        await states.pause(table)
        await states.hold(table, "it", GUARDS)
        await states.release(table)
        assert (await flow.target.promote(compared)).epoch == 1
    assert (await states.state(table)).paused


async def test_batches_have_rising_numbers(engine: Engine, specs: Specs) -> None:
    """No two batches share a number, whatever their table; a later one has a higher one."""
    first, second = specs.fresh(), specs.fresh()
    begun = [await engine.batches.begin(s, "all", READ_AT, "r") for s in (first, second, first)]
    numbers = [batch.number for batch in begun]
    assert numbers == sorted(set(numbers))
    assert [batch.table for batch in begun] == [first.id, second.id, first.id]
    assert {batch.read_at for batch in begun} == {READ_AT}
    assert {batch.window.name for batch in begun} == {"all"}


async def test_a_new_batch_abandons_the_tables_earlier_ones(engine: Engine, specs: Specs) -> None:
    """Whoever begins has the table: what was left running of it, and of it alone, is abandoned."""
    mine, other = specs.fresh(), specs.fresh()
    left = await engine.batches.begin(mine, "all", READ_AT, "killed")
    neighbour = await engine.batches.begin(other, "all", READ_AT, "alive")
    new = await engine.batches.begin(mine, "all", READ_AT + timedelta(seconds=1), "next")
    assert await engine.status(left.number) == "abandoned"
    assert await engine.status(neighbour.number) == "running"
    assert await engine.status(new.number) == "running"


async def test_usual_rows_are_those_of_promoted_batches(flow: Flow) -> None:
    """The last promoted batches count, newest first, as many as asked for; failed ones do not."""
    batches, spec = flow.engine.batches, flow.spec
    assert await batches.usual(spec, 3) == ()
    for n in (1, 2, 3, 4):
        await flow.batch([(str(key), "b", "v", 1, None) for key in range(n)])
    left = await batches.begin(spec, "all", READ_AT, "r")
    await flow.engine.events.finish(left.number, "failed", "Conflict")
    assert await batches.usual(spec, 3) == (4, 3, 2)
    assert await batches.usual(spec, 14) == (4, 3, 2, 1)


async def test_an_end_is_what_the_schedule_goes_on_from(engine: Engine, spec: TableSpec) -> None:
    """When the attempt began to read, when it ended by the target's clock, and what it asked for."""
    before = await engine.states.changed(READ_AT)
    await engine.states.ended(spec.id, READ_AT, Retry.BACKOFF)
    state = await engine.states.state(spec.id)
    assert (state.last_started, state.retry) == (READ_AT, Retry.BACKOFF)
    assert before.now <= state.last_ended <= (await engine.states.changed(READ_AT)).now
    assert (state.failures, state.epoch, state.last_success) == (0, 0, None)


async def test_an_end_replaces_the_one_before(engine: Engine, spec: TableSpec) -> None:
    """A success asks for nothing; an attempt that read nothing began, for all we know, at its end."""
    await engine.states.ended(spec.id, READ_AT - timedelta(days=1), Retry.BACKOFF)
    before = await engine.states.changed(READ_AT)
    await engine.states.ended(spec.id, None, None)
    state = await engine.states.state(spec.id)
    after = await engine.states.changed(READ_AT)
    assert state.retry is None
    assert before.now <= state.last_started <= after.now
    assert before.now <= state.last_ended <= after.now


async def test_a_trigger_asks_for_a_batch_at_once(engine: Engine, spec: TableSpec) -> None:
    """The wish has the target's time, stays until a batch has begun after it, and no longer."""
    await engine.states.ended(spec.id, READ_AT - timedelta(days=1), None)
    before = await engine.states.changed(READ_AT)
    await engine.states.trigger(spec.id)
    state = await engine.states.state(spec.id)
    assert before.now <= state.triggered <= (await engine.states.changed(READ_AT)).now
    assert is_triggered(state)
    await engine.states.ended(spec.id, state.triggered + timedelta(seconds=1), None)
    assert not is_triggered(await engine.states.state(spec.id))


async def test_a_trigger_changes_nothing_else(engine: Engine, spec: TableSpec) -> None:
    """A paused table stays paused, a held one held, and failures stay counted."""
    await engine.states.pause(spec.id)
    await engine.states.hold(spec.id, "it", GUARDS)
    before = await engine.states.state(spec.id)
    await engine.states.trigger(spec.id)
    after = await engine.states.state(spec.id)
    assert replace(after, triggered=None) == before


async def test_a_released_table_runs_at_once(engine: Engine, spec: TableSpec) -> None:
    """A release is a wish for a batch, too: nobody waits out an interval to see it mended."""
    await engine.states.ended(spec.id, READ_AT - timedelta(days=1), Retry.MANUAL)
    await engine.states.hold(spec.id, "it", GUARDS)
    await engine.states.release(spec.id)
    assert is_triggered(await engine.states.state(spec.id))


async def test_releasing_a_table_that_is_not_held_asks_for_nothing(
    engine: Engine, spec: TableSpec
) -> None:
    """It is no change, and no batch."""
    await engine.states.release(spec.id)
    assert await engine.states.state(spec.id) == TableState(table=spec.id)


@pytest.mark.parametrize("word", WORDS)
async def test_every_change_is_in_the_feed(engine: Engine, spec: TableSpec, word: str) -> None:
    """Whatever is said of a table is newer than all that was known, and comes as it is on record."""
    await engine.states.hold(spec.id, "before", GUARDS)
    known = await engine.states.changed(READ_AT)
    await WORDS[word](engine.states, spec.id)
    feed = await engine.states.changed(known.now + OVERLAP)  # nothing comes again from before
    assert feed.states[spec.id] == await engine.states.state(spec.id)
    assert feed.now >= known.now
    assert feed.now.utcoffset() == timedelta(0)


async def test_a_promoted_batch_is_in_the_feed(flow: Flow) -> None:
    """Another replica's batch is seen, with the failures it forgot."""
    states, table = flow.engine.states, flow.spec.id
    await states.failed(table)
    known = await states.changed(READ_AT)
    await flow.batch([ROW])
    state = (await states.changed(known.now + OVERLAP)).states[table]
    assert (state.epoch, state.failures) == (1, 0)
    assert state == await states.state(table)


async def test_reading_on_loses_nothing(engine: Engine, specs: Specs) -> None:
    """Each time from what was seen last: every table that was spoken about comes."""
    seen, came = READ_AT, set()
    tables = [specs.fresh().id for _ in range(3)]
    for table in tables:
        await engine.states.pause(table)
        feed = await engine.states.changed(seen)
        assert feed.seen >= seen
        seen = feed.seen
        came |= feed.states.keys()
    assert set(tables) <= came


async def test_a_daemon_that_starts_is_told_of_every_table(engine: Engine, spec: TableSpec) -> None:
    """A daemon that starts reads from the beginning, and knows all that is on record."""
    await engine.states.pause(spec.id)
    feed = await engine.states.changed(BEGINNING)
    assert feed.states == await engine.states.all()
