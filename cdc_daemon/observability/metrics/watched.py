"""What is read anew for each scrape: lanes, pools, locks, landing.

It is read on the event loop, where it lives, and turned into samples in a thread.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from prometheus_client.core import Metric

from cdc_daemon.observability.metrics import declared
from cdc_daemon.observability.metrics.declaration import Declaration
from cdc_daemon.observability.metrics.instruments import family, single
from cdc_daemon.ports.statistics import LaneStats, MemoryUse, PoolStats

_LANES: tuple[tuple[Declaration, Callable[[LaneStats], int]], ...] = (
    (declared.LANE_QUEUED, lambda lane: lane.depth),
    (declared.LANE_LIMIT, lambda lane: lane.size),
    (declared.LANE_WORKERS, lambda lane: lane.workers),
    (declared.LANE_BUSY, lambda lane: lane.busy),
)
_POOLS: tuple[tuple[Declaration, Callable[[PoolStats], int]], ...] = (
    (declared.POOL_LIMIT, lambda pool: pool.limit),
    (declared.POOL_OPEN, lambda pool: pool.open),
    (declared.POOL_IDLE, lambda pool: pool.idle),
    (declared.POOL_IN_USE, lambda pool: pool.in_use),
    (declared.POOL_WAITING, lambda pool: pool.waiting),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """Where to read; each returns at once, from memory, and asks no database."""

    lanes: Callable[[], Iterable[LaneStats]] = tuple
    pools: Callable[[], Iterable[PoolStats]] = tuple
    """Pools of an older generation may be among them: equal names are added up."""
    locks_held: Callable[[], int] = int
    landing_bytes: Callable[[], int] = int
    memory: Callable[[], MemoryUse] = MemoryUse

    def read(self) -> Reading:
        """Everything, as it is now."""
        return Reading(
            lanes=tuple(self.lanes()),
            pools=tuple(self.pools()),
            locks_held=self.locks_held(),
            landing_bytes=self.landing_bytes(),
            memory=self.memory(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read."""

    lanes: tuple[LaneStats, ...] = ()
    pools: tuple[PoolStats, ...] = ()
    locks_held: int = 0
    landing_bytes: int = 0
    memory: MemoryUse = field(default_factory=MemoryUse)

    def families(self) -> Iterator[Metric]:
        """All gauges."""
        for gauge, of_lane in _LANES:
            yield family(gauge, [((lane.name,), of_lane(lane)) for lane in self.lanes])
        for gauge, of_pool in _POOLS:
            sums = defaultdict[tuple[str, ...], int](int)
            for pool in self.pools:
                sums[pool.connection, pool.role, pool.kind] += of_pool(pool)
            yield family(gauge, sums.items())
        yield single(declared.LOCKS, self.locks_held)
        yield single(declared.LANDING, self.landing_bytes)
        yield single(declared.MEMORY_RESERVED, self.memory.reserved)
        yield single(declared.MEMORY_WAITING, self.memory.waiting)
