"""Lanes: a table in the house once (law 2), and no lane or source that delays another."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest

from cdc_daemon.model.config import LaneSpec
from cdc_daemon.model.run import Job
from cdc_daemon.model.schedule import Timing
from cdc_daemon.orchestration.lanes import Lanes, LanesClosed
from tests.support.house import table
from tests.support.virtual_time import settled

pytestmark = pytest.mark.asyncio


def lanes(queue_size=8):
    return Lanes(
        {
            "small": LaneSpec(workers=2, queue_size=queue_size),
            "large": LaneSpec(workers=1, queue_size=queue_size),
        }
    )


def job(name="a", *, max_reads=None, **spec):
    return Job(table=table(name, **spec), max_reads=max_reads)


def names(jobs):
    return [one.table.id.name for one in jobs]


class Worker:
    """Takes one job, and holds it until let go."""

    def __init__(self, house, lane):
        self.job = None
        self.let_go = asyncio.Event()
        self.task = asyncio.create_task(self._work(house, lane))

    async def _work(self, house, lane):
        async with house.take(lane) as self.job:
            await self.let_go.wait()

    async def end(self):
        self.let_go.set()
        await self.task


@pytest.mark.parametrize("taken", [False, True])
async def test_a_table_is_in_the_house_once_queued_or_running(taken):
    """Neither a queued nor a running table is queued again (law 2)."""
    house = lanes()
    async with AsyncExitStack() as worker:
        assert house.offer(job())
        if taken:
            await worker.enter_async_context(house.take("small"))
        assert not house.offer(job())
        assert house.tables == {job().table.id}


@pytest.mark.parametrize("taken", [False, True])
async def test_a_table_that_moved_to_another_lane_is_still_in_the_house(taken):
    """A reload that changes a table's lane does not let it in twice (law 2)."""
    house = lanes()
    async with AsyncExitStack() as worker:
        assert house.offer(job())
        if taken:
            await worker.enter_async_context(house.take("small"))
        assert not house.offer(job(lane="large"))
    assert [stats.depth for stats in house.stats()] == [0 if taken else 1, 0]


async def test_a_table_may_come_again_once_its_run_ended():
    """However a run ends, its table leaves the house, and its worker's place with it."""
    house = lanes()
    house.offer(job())
    with pytest.raises(RuntimeError):
        async with house.take("small"):
            raise RuntimeError
    assert (house.tables, house.running) == (frozenset(), {})
    assert house.offer(job())


async def test_a_full_lane_refuses_and_another_does_not():
    """A full lane never blocks another, and takes the job when it has room."""
    house = lanes(queue_size=1)
    assert house.offer(job("a"))
    assert not house.offer(job("b"))
    assert house.offer(job("c", lane="large"))
    async with house.take("small") as taken:
        assert taken.table.id.name == "a"
        assert house.offer(job("b"))


async def test_a_worker_of_one_lane_takes_nothing_of_another():
    """A worker of an idle lane waits, though another lane has jobs."""
    house = lanes()
    house.offer(job("a"))
    worker = Worker(house, "large")
    await settled()
    assert worker.job is None
    house.close()
    with pytest.raises(LanesClosed):
        await worker.end()


async def test_the_most_urgent_goes_first_then_the_first():
    """Lower priorities go first; equal ones in the order they came."""
    house = lanes()
    for name, priority in (("a", 1), ("b", 0), ("c", 0), ("d", -1)):
        house.offer(job(name, timing=Timing(priority=priority)))
    assert names(house.close()) == ["d", "b", "c", "a"]


async def test_a_source_at_its_limit_is_passed_over():
    """A job whose source may not be read from once more waits; the next source's does not."""
    house = lanes()
    house.offer(job("a", max_reads=1))
    house.offer(job("b", max_reads=1))
    house.offer(job("c", source="crm", max_reads=1))
    async with house.take("small") as first, house.take("small") as second:
        assert names((first, second)) == ["a", "c"]
    async with house.take("small") as third:
        assert names((third,)) == ["b"]


async def test_a_limited_source_leaves_room_in_its_lane():
    """It gets two places for each read it allows; the rest of the lane is for other sources."""
    house = lanes(queue_size=8)
    assert [house.offer(job(name, max_reads=2)) for name in "abcdef"] == [True] * 4 + [False] * 2
    assert house.offer(job("g", source="crm"))


async def test_what_runs_takes_a_place_of_its_source():
    """A limited source gets another place when a run ends, however it ends, and not before."""
    house = lanes()
    for name in "ab":
        house.offer(job(name, max_reads=1))
    worker = Worker(house, "small")
    await settled()
    assert not house.offer(job("c", max_reads=1))
    worker.task.cancel()
    await asyncio.wait([worker.task])
    assert house.offer(job("c", max_reads=1))
    assert not house.offer(job("d", max_reads=1))


async def test_a_source_without_a_limit_may_fill_its_lane():
    """Only the lane bounds it, and no more than before."""
    house = lanes(queue_size=8)
    assert all(house.offer(job(str(n))) for n in range(8))
    assert not house.offer(job("8"))


async def test_places_of_a_source_are_a_lanes_own():
    """Long reads of a source that wait for their one worker keep none of its short ones out."""
    house = lanes()
    for name in "abcd":
        assert house.offer(job(name, max_reads=2, lane="large"))
    async with house.take("large"):
        assert not house.offer(job("e", max_reads=2, lane="large"))
        assert house.offer(job("f", max_reads=2))
        async with house.take("small") as second:
            assert names((second,)) == ["f"]


async def test_what_is_handed_back_leaves_its_places():
    """After a reload a limited source has the places of those that run, and no others, taken."""
    house = lanes()
    for name in "ab":
        house.offer(job(name, max_reads=1))
    async with house.take("small"):
        assert names(house.hand_back()) == ["b"]
        assert house.offer(job("c", max_reads=1))
        assert not house.offer(job("d", max_reads=1))
    async with house.take("small"):
        pass
    assert house.offer(job("d", max_reads=1))


async def test_reads_of_a_source_count_across_lanes():
    """The limit is the source's, not the lane's; a lane hears when another one frees it."""
    house = lanes()
    house.offer(job("a", max_reads=1))
    house.offer(job("b", max_reads=1, lane="large"))
    async with house.take("small"):
        worker = Worker(house, "large")
        await settled()
        assert worker.job is None
    await worker.end()
    assert names((worker.job,)) == ["b"]


@pytest.mark.parametrize(("limit", "running"), [(2, 2), (None, 3)])
async def test_a_source_is_read_as_often_as_its_limit_says(limit, running):
    """A limit of two lets two tables run; no limit lets all."""
    house = lanes()
    for name in "abc":
        house.offer(job(name, max_reads=limit))
    workers = [Worker(house, "small") for _ in range(3)]
    await settled()
    assert len(house.running) == running
    for worker in workers:
        await worker.end()
    assert sorted(names(worker.job for worker in workers)) == ["a", "b", "c"]


async def test_a_job_that_is_offered_wakes_a_waiting_worker():
    """A worker that waits is given the job at once."""
    house = lanes()
    worker = Worker(house, "small")
    await settled()
    house.offer(job())
    await settled()
    assert worker.job == job()
    await worker.end()


async def test_a_worker_cancelled_while_it_waits_takes_no_job_with_it():
    """A job goes to the worker that is left."""
    house = lanes()
    gone, left = Worker(house, "small"), Worker(house, "small")
    await settled()
    gone.task.cancel()
    house.offer(job())
    await settled()
    assert (gone.job, left.job) == (None, job())
    assert gone.task.cancelled()
    await left.end()


async def test_close_hands_back_the_queued_and_leaves_the_running():
    """No new jobs, the queued of all lanes back, and the running ones end as they will."""
    house = lanes()
    for one in (job("a"), job("b"), job("c", lane="large")):
        house.offer(one)
    async with house.take("small") as running:
        assert names(house.close()) == ["b", "c"]
        assert house.running == {running.table.id: running}
        assert not house.offer(job("d"))
        with pytest.raises(LanesClosed):
            await Worker(house, "small").task
    assert house.tables == frozenset()
    assert house.close() == ()


async def test_stats_tell_depth_and_busy_workers():
    """What is told of a lane is how it is now."""
    house = lanes(queue_size=5)
    for name in "abc":
        house.offer(job(name))
    async with house.take("small"):
        small, large = house.stats()
    assert (small.name, small.depth, small.busy, small.size, small.workers) == ("small", 2, 1, 5, 2)
    assert replace(large, name="small", workers=2) == replace(small, depth=0, busy=0)
