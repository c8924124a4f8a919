"""Bounded lanes of jobs: a table is in the house once, a full lane never delays another.

Nor does a source: one whose reads are limited never fills a lane that others share. No locks:
everything happens on the event loop between two awaits.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

from cdc_daemon.model.config import LaneSpec
from cdc_daemon.model.run import Job
from cdc_daemon.model.table import TableId
from cdc_daemon.ports.statistics import LaneStats

PLACES_A_READ = 2
"""Places in a lane for each read a limited source allows: one that runs, one that is next."""


class LanesClosed(Exception):
    """No more jobs will come."""


@dataclass(slots=True)
class _Lane:
    spec: LaneSpec
    heap: list[tuple[int, int, Job]] = field(default_factory=list)
    running: dict[TableId, Job] = field(default_factory=dict)
    of_source: Counter[str] = field(default_factory=Counter)
    """Queued or running."""

    def is_full(self, job: Job) -> bool:
        """Whether it has no place, or its source has as many as it can make use of."""
        if len(self.heap) >= self.spec.queue_size:
            return True
        places = None if job.max_reads is None else PLACES_A_READ * job.max_reads
        return places is not None and self.of_source[job.table.id.source] >= places


class Lanes:
    """The queues of all lanes, and what their workers hold."""

    def __init__(self, specs: Mapping[str, LaneSpec]) -> None:
        self._lanes = {name: _Lane(spec) for name, spec in specs.items()}
        self._sequence = count()
        self._waiting: list[asyncio.Future[None]] = []
        self._closed = False

    @property
    def tables(self) -> frozenset[TableId]:
        """Tables in the house, queued or running."""
        queued = (job.table.id for lane in self._lanes.values() for *_, job in lane.heap)
        return frozenset(queued) | frozenset(self.running)

    @property
    def running(self) -> dict[TableId, Job]:
        """What the workers hold."""
        return {t: job for lane in self._lanes.values() for t, job in lane.running.items()}

    def stats(self) -> tuple[LaneStats, ...]:
        """Every lane as it is now."""
        return tuple(
            LaneStats(
                name=name,
                depth=len(lane.heap),
                size=lane.spec.queue_size,
                workers=lane.spec.workers,
                busy=len(lane.running),
            )
            for name, lane in self._lanes.items()
        )

    def offer(self, job: Job) -> bool:
        """Queue the job; False where its lane is full, closed, or the table is in the house.

        Full is a lane, too, for a source with twice as many jobs in it as may be read at once:
        the rest of them wait outside, in order of urgency, and leave room for other sources. It
        counts lane by lane, so that jobs of a source that wait for long ones keep out no others.
        """
        lane = self._lanes[job.table.lane]
        if self._closed or lane.is_full(job) or job.table.id in self.tables:  # law 2
            return False
        lane.of_source[job.table.id.source] += 1
        heapq.heappush(lane.heap, (job.table.timing.priority, next(self._sequence), job))
        self._wake()
        return True

    @asynccontextmanager
    async def take(self, name: str) -> AsyncIterator[Job]:
        """Hold the lane's most urgent job whose source may be read from once more.

        Raises:
            LanesClosed: none is left, and none will come.
        """
        lane = self._lanes[name]
        while (job := self._next(lane)) is None:
            if self._closed:
                raise LanesClosed
            await self._changed()
        lane.running[job.table.id] = job
        try:
            yield job
        finally:
            del lane.running[job.table.id]
            lane.of_source[job.table.id.source] -= 1
            self._wake()

    def close(self) -> tuple[Job, ...]:
        """Refuse new jobs and hand back those nobody has taken."""
        self._closed = True
        return self.hand_back()

    def hand_back(self) -> tuple[Job, ...]:
        """Give back those nobody has taken: they are decided on anew."""
        left = tuple(job for lane in self._lanes.values() for *_, job in sorted(lane.heap))
        for lane in self._lanes.values():
            lane.heap.clear()
            lane.of_source = Counter(table.source for table in lane.running)
        self._wake()
        return left

    def _next(self, lane: _Lane) -> Job | None:
        reading = Counter(table.source for table in self.running)
        for entry in sorted(lane.heap)[: lane.spec.queue_size]:
            job = entry[-1]
            if job.max_reads is None or reading[job.table.id.source] < job.max_reads:
                lane.heap.remove(entry)
                heapq.heapify(lane.heap)
                return job
        return None

    async def _changed(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        await waiter

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)
