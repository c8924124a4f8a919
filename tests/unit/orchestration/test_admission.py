"""Admission: the memory budget is kept by waiting (law 11)."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.orchestration.admission import LEAST, MB, MOST, PROCESS, Admission, need
from tests.factories import TABLE

ROOM = 100 * MB


def admission() -> Admission:
    return Admission(PROCESS + ROOM)


async def turned() -> None:
    """Everything that can go on has gone on."""
    for _ in range(5):
        await asyncio.sleep(0)


class Batch:
    """One that holds memory until it is told to end."""

    def __init__(self, memory: Admission, size: int) -> None:
        self.running = False
        self._end = asyncio.Event()
        self.task = asyncio.ensure_future(self._run(memory, size))

    async def _run(self, memory: Admission, size: int) -> None:
        async with memory.reserve(size):
            self.running = True
            await self._end.wait()
        self.running = False

    async def end(self) -> None:
        self._end.set()
        await self.task


@pytest.mark.asyncio
async def test_batches_wait_until_there_is_room():
    """What does not fit beside the others waits, and is counted as waiting."""
    memory = admission()
    first, second = Batch(memory, 60 * MB), Batch(memory, 60 * MB)
    await turned()
    assert (first.running, second.running) == (True, False)
    assert (memory.reserved, memory.waiting) == (60 * MB, 1)
    await first.end()
    await turned()
    assert second.running
    assert (memory.reserved, memory.waiting) == (60 * MB, 0)
    await second.end()
    assert memory.reserved == 0


@pytest.mark.asyncio
async def test_a_large_batch_is_not_starved_by_small_ones():
    """First come, first served: what came later does not overtake, though it would fit."""
    memory = admission()
    first, large, small = (Batch(memory, size * MB) for size in (60, 90, 10))
    await turned()
    assert (first.running, large.running, small.running) == (True, False, False)
    await first.end()
    await turned()
    assert (large.running, small.running) == (True, True)
    await large.end()
    await small.end()


@pytest.mark.asyncio
@pytest.mark.parametrize("budget", [PROCESS + ROOM, PROCESS, 0])
async def test_a_batch_larger_than_the_budget_runs_alone(budget):
    """The budget delays a batch; it never stops one for good."""
    memory = Admission(budget)
    async with asyncio.timeout(5):
        for _ in range(2):
            async with memory.reserve(10 * ROOM):
                assert memory.reserved <= ROOM
    assert memory.reserved == 0


@pytest.mark.asyncio
async def test_a_batch_that_is_cancelled_while_it_waits_leaves_nothing():
    """Its place in the queue is gone, and those behind it come in."""
    memory = admission()
    first, second, third = (Batch(memory, size * MB) for size in (60, 90, 10))
    await turned()
    second.task.cancel()
    await turned()
    assert third.running
    await first.end()
    await third.end()
    assert (memory.reserved, memory.waiting) == (0, 0)


@pytest.mark.asyncio
async def test_a_batch_that_is_let_in_and_cancelled_at_once_gives_its_memory_back():
    """Nothing is lost between the turn and the cancellation."""
    memory = admission()
    first, second = Batch(memory, 60 * MB), Batch(memory, 60 * MB)
    await turned()
    first._end.set()
    await first.task  # the second is let in, and has not run yet
    second.task.cancel()
    await asyncio.wait({second.task})
    assert (memory.reserved, memory.waiting) == (0, 0)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 150), min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_the_budget_is_never_exceeded(sizes, random):
    """Whatever comes and goes: the sum of those within stays in the budget, and all come in."""

    async def check() -> None:
        memory = admission()
        left = [Batch(memory, size * MB) for size in sizes]
        while left:
            await turned()
            assert memory.reserved <= ROOM
            running = [batch for batch in left if batch.running]
            assert running
            ending = random.choice(running)
            left.remove(ending)
            await ending.end()
        assert (memory.reserved, memory.waiting) == (0, 0)

    asyncio.run(check())


async def _failing(memory: Admission) -> None:
    async with memory.reserve(ROOM):
        raise ZeroDivisionError


@pytest.mark.asyncio
async def test_a_failing_batch_gives_its_memory_back():
    """However the block ends."""
    memory = admission()
    failing = asyncio.ensure_future(_failing(memory))
    with pytest.raises(ZeroDivisionError):
        await failing
    assert memory.reserved == 0


def test_a_table_that_nobody_knows_needs_the_most():
    """Small tables take little, large ones never more than a batch of any size."""
    new = TableState(table=TABLE)
    assert need(new) == MOST
    known = replace(new, last_batch=1)
    assert need(known) == LEAST
    assert LEAST < need(replace(known, open_versions=10_000)) < MOST
    assert need(replace(known, open_versions=10**9)) == MOST
