"""The daemon's runtime over a target in memory, with batches that a test holds and lets go."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from cdc_daemon.daemon.reload import Reloader
from cdc_daemon.daemon.shutdown import Shutdown
from cdc_daemon.daemon.supervisor import Drain, Supervisor
from cdc_daemon.errors import CdcError, ConfigError, Retry
from cdc_daemon.memory.control import MemoryControl
from cdc_daemon.model.config import ConfigSnapshot, LaneSpec
from cdc_daemon.model.run import Job, RunOutcome, Status
from cdc_daemon.model.schedule import Interval, Timing
from cdc_daemon.model.table import TableId, TableSpec
from cdc_daemon.orchestration.lanes import Lanes
from cdc_daemon.orchestration.scheduler import Scheduler
from cdc_daemon.ports.control import Feed
from tests.factories import make_spec
from tests.support.metrics import make_snapshot
from tests.support.virtual_time import settled

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
HOUR = 3600.0
LANES: Mapping[str, LaneSpec] = {
    "small": LaneSpec(workers=2, queue_size=8),
    "large": LaneSpec(workers=1, queue_size=8),
}


def table(name: str = "a", every: float = HOUR, *, source: str = "core", **other) -> TableSpec:
    """Due every hour, unless told otherwise."""
    timing = Timing(schedule=Interval(timedelta(seconds=every)))
    return make_spec(id=TableId(source, "public", name), **{"timing": timing} | other)


@dataclass(slots=True)
class Warehouse:
    """Implements ``StateFeed``: control tables whose clock is the loop's."""

    control: MemoryControl = field(default_factory=lambda: MemoryControl(clock=NOW))
    down: CdcError | None = None
    polls: list[float] = field(default_factory=list)
    latency: float = 0.0
    """Between what an answer says and its arrival."""

    def seconds(self) -> float:
        """Since the loop began; sets the clock, too."""
        now = asyncio.get_running_loop().time()
        self.control.clock = NOW + timedelta(seconds=now)
        return now

    async def changed(self, after: datetime) -> Feed:
        self.polls.append(self.seconds())
        if self.down is not None:
            raise self.down
        feed = await self.control.changed(after)
        if self.latency:
            arrived = asyncio.Event()
            asyncio.get_running_loop().call_later(self.latency, arrived.set)
            await arrived.wait()
        return feed


@dataclass(slots=True)
class Work:
    """Implements ``Runner``: notes what ran when, waits where told, ends as told."""

    warehouse: Warehouse
    jobs: list[Job] = field(default_factory=list)
    began: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    finished: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    gates: dict[str, asyncio.Event] = field(default_factory=dict)
    endings: dict[str, list[tuple[Status, Retry | None]]] = field(default_factory=dict)
    """How the next runs of a table end; then they succeed."""
    recorded: bool = True
    """Whether an end reaches the control tables."""

    @property
    def started(self) -> list[str]:
        """Names, in order."""
        return [job.table.id.name for job in self.jobs]

    def hold(self, name: str) -> asyncio.Event:
        """Runs of the table wait for the event."""
        self.gates[name] = asyncio.Event()
        return self.gates[name]

    async def run(self, job: Job) -> RunOutcome:
        name = job.table.id.name
        self.jobs.append(job)
        self.began[name].append(self.warehouse.seconds())
        read_at = self.warehouse.control.clock
        try:
            await (self.gates[name].wait() if name in self.gates else asyncio.sleep(0))
        except asyncio.CancelledError:
            self.cancelled.append(name)
            raise
        status, retry = (self.endings.get(name) or [(Status.SUCCEEDED, None)]).pop(0)
        if self.recorded and status is not Status.SKIPPED:
            self.warehouse.seconds()
            if status is Status.FAILED:
                await self.warehouse.control.failed(job.table.id)
            await self.warehouse.control.ended(job.table.id, read_at, retry)
        self.finished.append(name)
        kind = "TableLocked" if status is Status.SKIPPED else None
        return RunOutcome(table=job.table.id, status=status, retry=retry, error_kind=kind)


@dataclass(slots=True)
class Seen:
    """Implements ``SchedulerWatch`` and ``ReloadWatch``."""

    failed: list[CdcError] = field(default_factory=list)
    answered: int = 0
    reloads: list[ConfigSnapshot] = field(default_factory=list)
    refusals: list[ConfigError] = field(default_factory=list)

    def target_failed(self, error: CdcError) -> None:
        self.failed.append(error)

    def target_answered(self) -> None:
        self.answered += 1

    def reloaded(self, snapshot: ConfigSnapshot) -> None:
        self.reloads.append(snapshot)

    def refused(self, error: ConfigError) -> None:
        self.refusals.append(error)


class House:
    """All parts, wired as the daemon wires them; ``files`` is what a reload reads."""

    def __init__(
        self, *tables: TableSpec, lanes=None, services=(), grace=30.0, runner=None, reads=None
    ):
        """``reads``: tables read at once, of sources that limit it."""
        self.files = list(tables)
        self.reads = reads or {}
        self.bad: ConfigError | None = None
        self.warehouse = Warehouse()
        self.work = Work(self.warehouse)
        self.seen = Seen()
        self.shutdown = Shutdown()
        self.lanes = Lanes(lanes or LANES)
        self.reloader = Reloader(
            self._load(1), self._load, lambda _old, _new: (), self.seen, self._reloaded
        )
        self.scheduler = Scheduler(self.reloader, self.lanes, self.warehouse, self.seen)
        self.supervisor = Supervisor(
            scheduler=self.scheduler,
            lanes=self.lanes,
            workers=lanes or LANES,
            runner=runner or self.work,
            shutdown=self.shutdown,
            services=(self.reloader, *services),
            grace_seconds=lambda: grace,
        )
        self.running: asyncio.Task[Drain] | None = None

    def start(self) -> asyncio.Task[Drain]:
        """The supervisor, as a task."""
        self.running = asyncio.create_task(self.supervisor.run())
        return self.running

    async def stop(self) -> Drain:
        """What a first SIGTERM does; how the work ended."""
        self.shutdown.request("test")
        return await self.running

    async def reload(self, *tables: TableSpec) -> None:
        """What SIGHUP does; ``tables`` are configured from now on."""
        self.files = list(tables)
        self.reloader.ask()
        await settled()

    def _load(self, version: int) -> ConfigSnapshot:
        if self.bad is not None:
            raise self.bad
        snapshot = make_snapshot(tuple(self.files), version, lanes=LANES)
        limited = {
            name: replace(spec, max_concurrent_reads=self.reads.get(name))
            for name, spec in snapshot.connections.items()
        }
        return replace(snapshot, connections=limited)

    def _reloaded(self) -> None:
        self.scheduler.wake()
