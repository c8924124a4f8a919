"""Due times of many tables, worked out while the event loop goes on (DESIGN 4), in real time."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from time import thread_time

from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.config import BackoffSpec
from cdc_daemon.model.schedule import Cron, Timing
from cdc_daemon.observability.metrics.loop_gap import LoopGap
from cdc_daemon.orchestration.schedule import due_at
from tests.support.house import NOW, House, table

BACKOFF = BackoffSpec()
TABLES = 2_000
ATTEMPTS = 5
"""A garbage collection may fall into one; no attempt is quicker than the work is."""
LAW_SECONDS = 0.05
TICK_SECONDS = 0.005
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")


def tables(shift=0):
    """Each with another expression or time zone; none is due today or tomorrow."""
    return [
        table(f"t{n}", timing=Timing(schedule=Cron(_expression(n + shift), ZONES[n % len(ZONES)])))
        for n in range(TABLES)
    ]


def _expression(n):
    day = now() + timedelta(days=3 + n % 20)
    return f"{n % 60} {n // 60 % 24} {day.day} * *"


def now():
    """By the target's clock, which is the loop's."""
    return NOW + timedelta(seconds=asyncio.get_running_loop().time())


def states(specs):
    """All ran just now."""
    at = now()
    return {spec.id: TableState(table=spec.id, last_started=at, last_ended=at) for spec in specs}


class Loop:
    """A probe: its largest gap, and a tick that those who wait for a state look at.

    The gap is what the loop's own thread computed from one tick to the next: what others take of
    the processors is not its fault.
    """

    def __init__(self):
        self.gap, self._spent = 0.0, thread_time()
        self.ticked = asyncio.Event()
        self.probe = LoopGap(self.saw, TICK_SECONDS)

    def saw(self, _):
        spent = thread_time()
        self.gap, self._spent = max(self.gap, spent - self._spent), spent
        self.ticked.set()

    async def until(self, state):
        async with asyncio.timeout(30):
            while not state():
                self.ticked.clear()
                await self.ticked.wait()


@asynccontextmanager
async def started():
    """A house of tables that all ran lately, under a probe."""
    house, other = House(*tables()), tables(shift=30)
    house.warehouse.control.states.update(states(house.files))
    loop = Loop()

    async def reload():
        """A new default schedule: every table has another one."""
        house.files = other
        house.reloader.ask()
        await loop.until(lambda: house.reloader.current.version == 2 and remembered(house))

    probing, running = asyncio.create_task(loop.probe.run()), house.start()
    await loop.until(lambda: remembered(house))
    yield house, loop, reload
    house.shutdown.request("the end")
    await running
    probing.cancel()
    with suppress(asyncio.CancelledError):
        await probing


async def attempt():
    """The largest gap of a start and a reload."""
    async with started() as (_, loop, reload):
        await reload()
        return loop.gap


def remembered(house):
    """Whether the scheduler has decided on the tables in force."""
    spec, known = house.reloader.current.tables[0], house.warehouse.control.states
    return house.scheduler.due_times.last(spec.id) == due_at(spec, known[spec.id], BACKOFF)


def test_the_loop_goes_on_while_two_thousand_tables_are_decided():
    """Neither a start nor a reload that changes all schedules stops it for 50 ms."""
    gaps = []
    while len(gaps) < ATTEMPTS and not any(gap < LAW_SECONDS for gap in gaps):
        gaps.append(asyncio.run(attempt()))
    assert min(gaps) < LAW_SECONDS, gaps


def test_what_the_scheduler_remembers_is_what_is_due():
    """After a start and after a reload every due time is that of ``due_at``."""

    async def told():
        async with started() as (house, _, reload):
            _is_right(house)
            await reload()
            _is_right(house)

    asyncio.run(told())


def _is_right(house):
    last, known, backoff = house.scheduler.due_times.last, house.warehouse.control.states, BACKOFF
    specs = house.reloader.current.tables
    expected = [due_at(spec, known[spec.id], backoff) for spec in specs]
    assert [last(spec.id) for spec in specs] == expected
    assert len(set(expected)) > TABLES / 10
