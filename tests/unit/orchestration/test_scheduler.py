"""The loop around ``schedule``: who is dispatched when, and what it waits for meanwhile."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from cdc_daemon.errors import ControlSchemaError, DatabaseUnavailable, Retry
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.config import LaneSpec
from cdc_daemon.model.run import Status
from cdc_daemon.model.schedule import Timing
from tests.support.house import HOUR, NOW, House, table
from tests.support.virtual_time import elapsed, settled, until

pytestmark = pytest.mark.asyncio

BACKOFF = (Status.FAILED, Retry.BACKOFF)
MANUAL = (Status.FAILED, Retry.MANUAL)
SKIP = (Status.SKIPPED, Retry.SKIP)
DONE = (Status.SUCCEEDED, None)
POLL = 1.0
"""Seconds within which an operator's word reaches a table."""


def ran(spec, seconds_ago, **other):
    """The state of a table whose last batch began so long before the loop did."""
    began = NOW - timedelta(seconds=seconds_ago)
    return TableState(table=spec.id, last_started=began, last_ended=began, **other)


def house(*tables, states=(), **other):
    """A house that has started, with ``states`` on record."""
    made = House(*tables, **other)
    made.warehouse.control.states.update({state.table: state for state in states})
    made.start()
    return made


async def test_a_due_table_is_dispatched_at_once():
    """A table that never ran waits for nothing."""
    rig = house(table("a"), table("b"))
    await settled()
    assert sorted(rig.work.finished) == ["a", "b"]
    assert rig.warehouse.seconds() == 0
    await rig.stop()


async def test_it_wakes_when_the_next_table_is_due():
    """Between two looks at the target, a table starts when it is due, not at the next look."""
    spec = table("a", every=60)
    rig = house(spec, states=[ran(spec, 39.5)])
    await until(lambda: rig.work.finished)
    assert rig.work.began["a"] == [pytest.approx(20.5, abs=0.01)]
    await rig.stop()


async def test_an_interval_goes_on():
    """Each batch is due an interval after the last one began."""
    rig = house(table("a", every=60))
    await until(lambda: len(rig.work.finished) == 3)
    assert rig.work.began["a"] == pytest.approx([0, 60, 120], abs=0.01)
    await rig.stop()


async def test_a_batch_of_another_replica_is_seen():
    """What another process ran in the meantime is not run again when it was due here."""
    spec = table("a", every=60)
    rig = house(spec, states=[ran(spec, 40)])
    await elapsed(15)
    rig.warehouse.seconds()
    await rig.warehouse.control.ended(spec.id, None, None)
    await until(lambda: rig.work.finished)
    assert rig.work.began["a"] == [pytest.approx(75, abs=0.1)]
    await rig.stop()


@pytest.mark.parametrize("word", ["pause", "hold"])
async def test_an_operators_word_is_seen_in_the_feed(word):
    """A table that is paused or held does not run; once that is undone it does, within a second."""
    spec = table("a", every=60)
    rig = house(spec, states=[ran(spec, 40)])
    control = rig.warehouse.control
    await elapsed(5)
    await (control.pause(spec.id) if word == "pause" else control.hold(spec.id, "x", frozenset()))
    await elapsed(100)
    assert rig.work.started == []
    await (control.resume(spec.id) if word == "pause" else control.release(spec.id))
    await until(lambda: rig.work.finished)
    assert rig.work.began["a"] == [pytest.approx(105, abs=POLL)]
    await rig.stop()


async def test_while_the_target_is_down_nothing_is_dispatched():
    """A target that does not answer is asked again with backoff; every failure is told (law 8)."""
    rig = House(table("a"))
    rig.warehouse.down = DatabaseUnavailable("down")
    rig.start()
    await elapsed(100)
    assert rig.warehouse.polls == [0, 1, 3, 7, 15, 31, 61, 91]
    assert rig.seen.failed == [rig.warehouse.down] * 8
    assert (rig.seen.answered, rig.work.started) == (0, [])
    rig.warehouse.down = None
    await until(lambda: rig.work.finished)
    assert rig.seen.answered
    assert rig.work.began["a"] == [121]
    await rig.stop()


async def test_an_answer_forgets_the_failures_before_it():
    """The second outage begins with the shortest wait."""
    rig = House(table("a"))
    rig.start()
    for polls in ([0, 1, 3], [0, 1, 3]):
        rig.warehouse.down = DatabaseUnavailable("down")
        await until(lambda: rig.seen.failed)
        first = rig.warehouse.polls[-1]
        await until(lambda: len(rig.seen.failed) == 3)
        assert [at - first for at in rig.warehouse.polls[-3:]] == pytest.approx(polls)
        rig.warehouse.down = None
        rig.seen.failed.clear()
        answered = rig.seen.answered
        await until(lambda seen=answered: rig.seen.answered > seen)
    await rig.stop()


async def test_a_reload_during_an_outage_is_not_lost():
    """A table that was added while the target was down runs as soon as it answers (law 8)."""
    rig = house(table("a"))
    await until(lambda: rig.work.finished)
    rig.warehouse.down = DatabaseUnavailable("down")
    await until(lambda: rig.seen.failed)
    await rig.reload(table("a"), table("b"))
    rig.warehouse.down = None
    await elapsed(60)
    assert rig.work.finished == ["a", "b"]
    await rig.stop()


async def test_a_run_that_failed_in_an_outage_is_run_again():
    """A failure nobody could put on record is retried once the target answers (law 8)."""
    rig = House(table("a"))
    rig.work.endings["a"] = [BACKOFF]
    rig.work.recorded = False
    gate = rig.work.hold("a")
    rig.start()
    await until(lambda: rig.work.started)
    rig.warehouse.down = DatabaseUnavailable("down")
    gate.set()
    await until(lambda: rig.seen.failed)
    rig.warehouse.down = None
    await elapsed(60)
    assert rig.work.started[:2] == ["a", "a"]
    await rig.stop()


async def test_a_newer_control_schema_ends_it():
    """Nothing here may write to a schema of a later version: the loop ends, and says why."""
    rig = House(table("a"))
    rig.warehouse.down = ControlSchemaError("newer than this daemon")
    with pytest.raises(ControlSchemaError):
        await rig.scheduler.run(asyncio.Event())
    assert (rig.warehouse.polls, rig.seen.failed) == ([0], [])


@pytest.mark.parametrize("early", [True, False])
async def test_a_wish_to_stop_ends_it(early):
    """Asked before its start it does nothing; later it ends at once, though it would wait."""
    rig, stop = House(table("a")), asyncio.Event()
    if early:
        stop.set()
    running = asyncio.create_task(rig.scheduler.run(stop))
    await settled()
    stop.set()
    rig.scheduler.wake()
    await running
    assert rig.warehouse.polls == ([] if early else [0])
    assert asyncio.get_running_loop().time() == 0


async def test_a_skipped_table_cools_down():
    """A table another process works on is left alone for ten seconds, not asked for in a loop."""
    rig = House(table("a"))
    rig.work.endings["a"] = [SKIP, SKIP]
    rig.start()
    await until(lambda: len(rig.work.finished) == 3)
    assert rig.work.began["a"] == pytest.approx([0, 10, 20], abs=0.01)
    await rig.stop()


async def test_a_batch_that_is_on_record_delays_the_next_no_longer():
    """A table whose batch took most of its interval is run again when it is due."""
    rig = House(table("a", every=1))
    gate = rig.work.hold("a")
    rig.start()
    await elapsed(0.8)
    gate.set()
    await until(lambda: len(rig.work.began["a"]) == 2)
    assert rig.work.began["a"] == pytest.approx([0, 1], abs=0.01)
    await rig.stop()


@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("ending", [BACKOFF, (Status.CANCELLED, Retry.BACKOFF)])
async def test_failures_back_off(ending, recorded):
    """Waits double from one failure to the next, on record or not."""
    rig = House(table("a"))
    rig.work.recorded = recorded and ending is BACKOFF
    rig.work.endings["a"] = [ending] * 5
    rig.start()
    await until(lambda: len(rig.work.began["a"]) == 5)
    assert rig.work.began["a"] == pytest.approx([0, 5, 15, 35, 75], abs=0.01)
    await rig.stop()


async def test_a_success_forgets_the_failures():
    """After a success the next failure waits as the first one did."""
    rig = House(table("a", every=1))
    rig.work.recorded = False
    rig.work.endings["a"] = [BACKOFF, BACKOFF, DONE, BACKOFF]
    rig.start()
    await until(lambda: len(rig.work.began["a"]) == 5)
    *_, failed, again = rig.work.began["a"]
    assert again - failed == pytest.approx(5, abs=0.01)
    await rig.stop()


async def test_a_table_only_a_person_can_mend_waits_for_its_interval():
    """It is not retried by itself before that."""
    rig = House(table("a"))
    rig.work.endings["a"] = [MANUAL]
    rig.start()
    await until(lambda: len(rig.work.began["a"]) == 2)
    assert rig.work.began["a"] == pytest.approx([0, HOUR], abs=0.01)
    await rig.stop()


async def test_a_table_is_not_run_twice_before_its_state_is_seen():
    """An answer that was on its way when a batch ended knows nothing of it: no batch is repeated."""
    rig = House(table("a"), table("b"))
    rig.warehouse.latency = 0.1
    gates = rig.work.hold("a"), rig.work.hold("b")
    rig.start()
    await until(lambda: len(rig.work.started) == 2)
    gates[1].set()  # the scheduler asks what came of it, and decides anew
    await elapsed(0.05)
    gates[0].set()
    await elapsed(60)
    assert sorted(rig.work.started) == ["a", "b"]
    await rig.stop()


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("ending", [SKIP, BACKOFF])
async def test_a_triggered_table_runs_at_once(ending, known):
    """An operator's wish is not delayed by a wait, be it the first thing ever seen of a table."""
    spec = table("a")
    rig = House(spec)
    rig.work.recorded = False
    rig.work.endings["a"] = [ending]
    if known:
        rig.warehouse.control.states[spec.id] = TableState(table=spec.id)
    rig.start()
    await elapsed(2.5)
    rig.warehouse.seconds()
    await rig.warehouse.control.trigger(spec.id)
    await until(lambda: len(rig.work.began["a"]) > 1)
    assert rig.work.began["a"][1] == pytest.approx(2.5, abs=POLL)
    await rig.stop()


async def test_a_trigger_during_a_run_is_one_more_run():
    """What was asked for while a batch read is not satisfied by that batch; and asked for once."""
    spec = table("a")
    rig = House(spec)
    gate = rig.work.hold("a")
    rig.start()
    await elapsed(2.5)
    rig.warehouse.seconds()
    await rig.warehouse.control.trigger(spec.id)
    await elapsed(2)
    assert rig.work.started == ["a"]
    gate.set()
    await elapsed(60)
    assert rig.work.finished == ["a", "a"]
    await rig.stop()


async def test_what_an_operator_asked_for_before_the_start_runs_once():
    """A wish on record from before is granted, and not again."""
    spec = table("a")
    rig = house(spec, states=[ran(spec, 60, triggered=NOW)])
    await elapsed(60)
    assert rig.work.finished == ["a"]
    await rig.stop()


async def test_a_full_lane_takes_the_job_when_it_has_room():
    """Nobody waits beside an idle worker: what a full lane refused is offered again."""
    rig = House(
        table("a"), table("b"), lanes={"small": LaneSpec(workers=2, queue_size=1)}, grace=0.0
    )
    rig.work.hold("a")
    rig.work.hold("b")
    rig.start()
    await elapsed(10)
    assert rig.work.started == ["a", "b"]
    await rig.stop()


async def test_more_tables_than_a_lane_holds_all_run():
    """Twenty due tables pass through a queue of two; each runs once."""
    tables = [table(str(n)) for n in range(20)]
    rig = house(*tables, lanes={"small": LaneSpec(workers=1, queue_size=2)})
    await until(lambda: len(rig.work.finished) == 20)
    await elapsed(60)
    assert sorted(rig.work.started) == sorted(spec.id.name for spec in tables)
    await rig.stop()


async def test_a_limited_source_does_not_starve_the_others():
    """Hundreds of due tables of a source that allows one read keep no other source's waiting."""
    crowd = [table(f"t{n}") for n in range(300)]
    other = table("other", source="crm")
    late = Timing(schedule=other.timing.schedule, priority=1)
    rig = House(*crowd, replace(other, timing=late), reads={"core": 1}, grace=0.0)
    for spec in crowd:
        rig.work.hold(spec.id.name)
    rig.start()
    await settled()
    assert (rig.work.began["other"], len(rig.work.started)) == ([0], 2)
    await rig.stop()


async def test_tables_of_a_limited_source_go_in_order_of_urgency():
    """One after the other, at once, and what is most urgent by then next, not what came first."""
    crowd = [table(f"t{n:02}", timing=Timing(priority=1)) for n in range(20)]
    urgent = table("urgent")
    rig = House(*crowd, urgent, reads={"core": 1})
    await rig.warehouse.control.pause(urgent.id)
    gate = rig.work.hold("t00")
    rig.start()
    await elapsed(5)
    assert rig.work.started == ["t00"]
    await rig.warehouse.control.resume(urgent.id)
    await elapsed(5)
    gate.set()
    await until(lambda: len(rig.work.finished) == 21)
    names = [spec.id.name for spec in crowd]
    assert rig.work.started == [*names[:2], "urgent", *names[2:]]
    assert max(max(times) for times in rig.work.began.values()) == pytest.approx(10, abs=0.01)
    await rig.stop()


async def test_a_job_carries_its_sources_limit_and_its_configuration():
    """What a worker needs comes with the job, as it was when the job was made (law 8)."""
    rig = house(table("a"))
    await until(lambda: rig.work.finished)
    (job,) = rig.work.jobs
    limit = rig.reloader.current.connections["core"].max_concurrent_reads
    assert (job.table, job.config_version, job.max_reads) == (table("a"), 1, limit)
    assert not job.force
    await rig.stop()
