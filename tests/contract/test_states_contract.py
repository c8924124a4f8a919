"""``ports.control.States`` and ``ports.target.Batches``: what is known and wanted of tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.guard import Guard
from cdc_daemon.model.table import TableSpec
from tests.contract.engines.base import Engine, Specs
from tests.contract.engines.flow import Flow

pytestmark = pytest.mark.asyncio

READ_AT = datetime(2026, 1, 1, tzinfo=UTC)
GUARDS = frozenset({Guard.EMPTY, Guard.DELETES})
ROW = ("a", "b", "v", 1, None)


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
