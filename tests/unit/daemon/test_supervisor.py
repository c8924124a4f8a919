"""The daemon as two groups of tasks: how it stops, and that nothing is left when it has."""

from __future__ import annotations

import asyncio

import pytest

from cdc_daemon.daemon.supervisor import Drain
from cdc_daemon.errors import ControlSchemaError, ServiceStopped
from cdc_daemon.model.config import LaneSpec
from tests.support.house import House, table
from tests.support.virtual_time import elapsed, settled, until

pytestmark = pytest.mark.asyncio

ONE_WORKER = {"small": LaneSpec(workers=1, queue_size=8)}


class Service:
    """Runs until told how to end; notes that it was cancelled, and what had finished by then."""

    name = "made up"

    def __init__(self):
        self.end = asyncio.Event()
        self.error = None
        self.cancelled = False

    async def run(self):
        try:
            await self.end.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        if self.error is not None:
            raise self.error


def now():
    return asyncio.get_running_loop().time()


def tasks_left():
    return [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


async def test_an_idle_daemon_stops_at_once():
    """Without work there is nothing to wait for, and no task is left."""
    house = House()
    house.start()
    await settled()
    assert await house.stop() is Drain.CLEAN
    assert (now(), tasks_left(), house.supervisor.handed_back) == (0, [], ())


async def test_draining_finishes_the_running_table_and_hands_back_the_queued():
    """What runs comes to its end and on record; what waits is handed back, unrun."""
    house = House(table("a"), table("b"), lanes=ONE_WORKER)
    gate = house.work.hold("a")
    running = house.start()
    await settled()
    house.shutdown.request("test")
    await elapsed(5)
    assert not running.done()
    gate.set()
    assert await running is Drain.CLEAN
    assert house.work.finished == house.work.started == ["a"]
    assert [job.table.id.name for job in house.supervisor.handed_back] == ["b"]
    assert house.warehouse.control.states[table("a").id].last_ended is not None
    assert table("a").id in house.scheduler.not_before
    assert tasks_left() == []


async def test_draining_begins_nothing_new():
    """A table that becomes due while the last batch ends is not run."""
    house = House(table("a"), table("b", every=10))
    gate = house.work.hold("a")
    running = house.start()
    await until(lambda: "b" in house.work.finished)
    house.shutdown.request("test")
    await elapsed(25)
    gate.set()
    assert await running is Drain.CLEAN
    assert house.work.started == ["a", "b"]


async def test_the_deadline_cancels():
    """A batch that outlives the grace is cancelled, and the drain was a forced one."""
    house = House(table("a"), grace=5)
    house.work.hold("a")
    running = house.start()
    await elapsed(1)
    house.shutdown.request("test")
    assert await running is Drain.FORCED
    assert (now(), house.work.cancelled, house.work.finished) == (6, ["a"], [])
    assert (house.lanes.tables, tasks_left()) == (frozenset(), [])


async def test_the_grace_is_the_one_in_force_when_the_daemon_is_asked():
    """A reload may change it until then."""
    house = House(table("a"))
    grace = [60.0]
    house.supervisor._grace = lambda: grace[0]
    house.work.hold("a")
    running = house.start()
    await settled()
    grace[0] = 2.0
    house.shutdown.request("test")
    await running
    assert now() == 2


async def test_a_second_request_forces():
    """Who asks twice does not wait for the grace."""
    house = House(table("a"), grace=60)
    house.work.hold("a")
    running = house.start()
    await elapsed(1)
    house.shutdown.request("one")
    await settled()
    house.shutdown.request("two")
    assert await running is Drain.FORCED
    assert (now(), house.work.cancelled, tasks_left()) == (1, ["a"], [])


@pytest.mark.parametrize("requests", [1, 2])
async def test_a_request_before_the_start_is_not_lost(requests):
    """A signal that came while things were set up counts: nothing is begun."""
    house = House(table("a"))
    house.work.hold("a")
    for _ in range(requests):
        house.shutdown.request("early")
    drain = await house.start()
    assert drain is (Drain.CLEAN if requests == 1 else Drain.FORCED)
    assert (house.work.started, now(), tasks_left()) == ([], 0, [])


@pytest.mark.parametrize("cleanup", ["grace ran out", "second request"])
async def test_a_request_while_cancelled_work_ends_is_heard(cleanup):
    """A signal of an impatient operator raises nothing: what follows it must happen (law 7)."""
    release = asyncio.Event()

    class Slow:
        async def run(self, job):
            try:
                await asyncio.Event().wait()
            finally:
                await release.wait()

    house = House(table("a"), grace=5, runner=Slow())
    running = house.start()
    await settled()
    house.shutdown.request("one")
    if cleanup == "second request":
        house.shutdown.request("two")
    await elapsed(10)
    assert not running.done()
    house.shutdown.request("again")
    release.set()
    assert await running is Drain.FORCED


async def test_a_request_after_the_end_is_heard():
    """Pools are still being closed then; a second signal has to be able to end that (law 7)."""
    house = House()
    house.start()
    await settled()
    await house.stop()
    house.shutdown.request("again")
    assert house.shutdown.forced.is_set()


@pytest.mark.parametrize("error", [OSError("port taken"), None])
async def test_a_service_that_ends_drains_the_work_then_fails_the_daemon(error):
    """However it ends: running batches finish first, and its error is what the process tells."""
    service, neighbour = Service(), Service()
    house = House(table("a"), services=(service, neighbour))
    gate = house.work.hold("a")
    running = house.start()
    await settled()
    service.error = error
    service.end.set()
    await elapsed(5)
    assert not running.done()
    assert not neighbour.cancelled
    gate.set()
    with pytest.raises(ServiceStopped if error is None else OSError) as caught:
        await running
    assert error is None or caught.value is error
    assert (house.work.finished, house.work.cancelled) == (["a"], [])
    assert house.shutdown.reason == "service made up failed"
    assert (neighbour.cancelled, tasks_left()) == (True, [])


async def test_a_service_that_fails_at_once_fails_the_daemon():
    """A port in use: the daemon ends though nobody asked it to."""
    service = Service()
    service.error = OSError("port taken")
    service.end.set()
    house = House(services=(service,))
    with pytest.raises(OSError, match="port taken"):
        await house.start()
    assert tasks_left() == []


async def test_a_service_that_fails_while_draining_leaves_the_grace():
    """Only a person forces: running batches keep the grace they were given."""
    service = Service()
    house = House(table("a"), services=(service,), grace=60)
    gate = house.work.hold("a")
    running = house.start()
    await settled()
    house.shutdown.request("SIGTERM")
    await settled()
    service.end.set()
    await elapsed(5)
    gate.set()
    with pytest.raises(ServiceStopped):
        await running
    assert (house.work.finished, house.work.cancelled) == (["a"], [])


async def test_two_services_that_fail_drain_as_one():
    """The second failure does not cut the batches off; the first one is told."""
    services = first, second = Service(), Service()
    house = House(table("a"), services=services, grace=60)
    gate = house.work.hold("a")
    running = house.start()
    await settled()
    first.error, second.error = OSError("first"), OSError("second")
    first.end.set()
    await settled()
    second.end.set()
    await elapsed(5)
    gate.set()
    with pytest.raises(OSError, match="first"):
        await running
    assert (house.work.finished, house.work.cancelled) == (["a"], [])


async def test_services_outlive_the_work():
    """Probes and scrapes are answered until the last batch has ended; then services end too."""
    service = Service()
    house = House(table("a"), services=(service,))
    gate = house.work.hold("a")
    running = house.start()
    await settled()
    house.shutdown.request("test")
    await elapsed(5)
    assert not service.cancelled
    gate.set()
    await running
    assert service.cancelled


async def test_cancellation_from_outside_is_orderly():
    """Cancelled as a task it cancels what it runs, and leaves none of its tasks behind."""
    service = Service()
    house = House(table("a"), services=(service,))
    house.work.hold("a")
    running = house.start()
    await settled()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (house.work.cancelled, service.cancelled) == (["a"], True)
    assert (house.lanes.tables, tasks_left()) == (frozenset(), [])


async def test_a_newer_control_schema_ends_the_daemon():
    """The one error of the target that ends the process, and no task is left."""
    service = Service()
    house = House(table("a"), services=(service,))
    house.warehouse.down = ControlSchemaError("newer than this daemon")
    with pytest.raises(BaseException) as caught:  # noqa: PT011 - looked into below
        await house.start()
    error = caught.value
    while isinstance(error, BaseExceptionGroup):
        (error,) = error.exceptions
    assert error is house.warehouse.down
    assert (service.cancelled, tasks_left()) == (True, [])


async def test_a_table_is_never_run_twice_at_once():
    """Always due, four workers: one run at a time (law 2)."""
    at_once, worst = set(), []

    class Counting:
        runs = 0

        async def run(self, job):
            at_once.add(object())
            worst.append(len(at_once))
            self.runs += 1
            await settled()
            at_once.clear()
            return await house.work.run(job)

    counting = Counting()
    house = House(
        table("a", every=0.001),
        runner=counting,
        lanes={"small": LaneSpec(workers=4, queue_size=8)},
    )
    house.start()
    await until(lambda: counting.runs > 20)
    await house.stop()
    assert set(worst) == {1}


async def test_workers_of_a_lane_run_side_by_side_and_no_more_of_them():
    """A slow large table keeps no small one waiting (law 8)."""
    large = table("large", lane="large")
    house = House(large, *(table(name) for name in "abc"))
    gates = [house.work.hold(name) for name in ("large", "a", "b", "c")]
    house.start()
    await settled()
    assert sorted(house.work.started) == ["a", "b", "large"]
    gates[1].set()
    gates[2].set()
    await until(lambda: "c" in house.work.started)
    for gate in gates:
        gate.set()
    await house.stop()
    assert sorted(house.work.finished) == ["a", "b", "c", "large"]


async def test_tasks_have_names():
    """Who looks at a hanging daemon sees what hangs."""
    house = House(services=(Service(),))
    house.start()
    await settled()
    names = {task.get_name() for task in tasks_left()}
    assert {"scheduler", "close-lanes", "small-0", "small-1", "large-0", "reload"} <= names
    assert "made up" in names
    await house.stop()
