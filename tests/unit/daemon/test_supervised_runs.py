"""The supervisor over the real runner: outcomes, locks and records of what it runs and stops."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from cdc_daemon.daemon.supervisor import Drain
from cdc_daemon.errors import DatabaseUnavailable
from cdc_daemon.memory.control import MemoryLocks
from cdc_daemon.model.change import Counts
from cdc_daemon.model.event import WHOLE_RUN
from cdc_daemon.model.run import Promoted
from cdc_daemon.model.window import WHOLE
from cdc_daemon.observability.progress import SilentProgress
from cdc_daemon.observability.telemetry import LogTelemetry
from cdc_daemon.orchestration.admission import MB, Admission
from cdc_daemon.orchestration.record import Recorder
from cdc_daemon.orchestration.runner import TableRunner
from tests.support.house import House, Warehouse, table
from tests.support.virtual_time import elapsed, settled, until

pytestmark = pytest.mark.asyncio


@pytest.fixture(autouse=True)
def log():
    """Lines are kept, not rendered."""
    with capture_logs() as lines:
        yield lines


@dataclass
class Pipelines:
    """Implements ``Pipeline``: a batch does what its table's script does, and is promoted."""

    warehouse: Warehouse
    scripts: dict = field(default_factory=dict)
    swept: list = field(default_factory=list)

    @property
    def control(self):
        return self.warehouse.control

    @property
    def target(self):
        return self

    async def sweep(self, spec):
        self.swept.append(spec.id.name)

    async def run(self, job, record):
        self.warehouse.seconds()
        now = self.control.clock
        batch = await self.control.begin(job.table, WHOLE.name, now, "run")
        record.numbered(batch)
        await self.scripts.get(job.table.id.name, settled)()
        return Promoted(batch=batch, instant=now, counts=Counts(), epoch=1)


class Site:
    """A house whose runner is the product's, with locks and control tables in memory."""

    def __init__(self, *tables, **other):
        self.house = House(*tables, **other)
        self.control = self.house.warehouse.control
        self.locks = MemoryLocks()
        self.pipelines = Pipelines(self.house.warehouse)
        self.house.supervisor._runner = TableRunner(
            pipelines={"core": self.pipelines},
            locks=self.locks,
            states=self.control,
            recorder=Recorder(
                events=self.control, states=self.control, telemetry=LogTelemetry(), run_id="run"
            ),
            progress=SilentProgress(),
            telemetry=LogTelemetry(),
            batches=asyncio.Semaphore(8),
            admission=Admission(1024 * MB),
        )

    def outcomes(self, name):
        """Statuses of the table's runs, as they are on record."""
        found = [event for event in self.control.events if event.table.name == name]
        return [event.status for event in found if event.kind == WHOLE_RUN]


async def test_the_deadline_releases_the_lock_and_records_the_end():
    """A forced stop leaves nothing half done: no lock, and a batch on record as stopped (law 7)."""
    site = Site(table("a"), grace=5)
    site.pipelines.scripts["a"] = asyncio.Event().wait
    running = site.house.start()
    await until(lambda: site.locks.held)
    site.house.shutdown.request("test")
    assert await running is Drain.FORCED
    assert site.locks.held == {}
    assert site.outcomes("a") == ["cancelled"]
    assert [status for _, status, _ in site.control.batches.values()] == ["cancelled"]


async def test_cancellation_from_outside_releases_the_lock():
    """The same holds for a supervisor that is cancelled."""
    site = Site(table("a"))
    site.pipelines.scripts["a"] = asyncio.Event().wait
    running = site.house.start()
    await until(lambda: site.locks.held)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (site.locks.held, site.outcomes("a")) == ({}, ["cancelled"])


async def test_draining_records_what_it_finished():
    """The last batch before the end is as much on record as any."""
    site, gate = Site(table("a")), asyncio.Event()
    site.pipelines.scripts["a"] = gate.wait
    running = site.house.start()
    await until(lambda: site.locks.held)
    site.house.shutdown.request("test")
    gate.set()
    assert await running is Drain.CLEAN
    assert (site.outcomes("a"), site.pipelines.swept) == (["succeeded"], ["a"])
    assert site.control.states[table("a").id].last_ended is not None


@pytest.mark.parametrize("error", [DatabaseUnavailable, RuntimeError])
async def test_a_failing_table_leaves_the_others_alone(error):
    """A deliberate error or a bug stops its own table, not its neighbour (law 8)."""

    async def fail():
        raise error("it")

    site = Site(table("a"), table("b", every=10))
    site.pipelines.scripts["a"] = fail
    site.house.start()
    await elapsed(35)
    assert set(site.outcomes("a")) == {"failed"}
    assert site.outcomes("b") == ["succeeded"] * 4
    assert await site.house.stop() is Drain.CLEAN


async def test_a_lock_held_elsewhere_is_a_skip_not_a_failure():
    """Another replica has the table: no failure is counted, and it is tried again later."""
    site = Site(table("a"))
    site.locks.held[table("a").id] = asyncio.Event()
    site.house.start()
    await elapsed(5)
    assert site.outcomes("a") == ["skipped"]
    assert (await site.control.state(table("a").id)).failures == 0
    del site.locks.held[table("a").id]
    await elapsed(10)
    assert site.outcomes("a") == ["skipped", "succeeded"]
    await site.house.stop()


async def test_a_lost_lock_stops_the_batch_alone():
    """Its loss cancels the batch, which is tried again; the worker lives (law 2)."""
    site = Site(table("a"))
    site.pipelines.scripts["a"] = asyncio.Event().wait
    site.house.start()
    await until(lambda: site.locks.held)
    site.locks.held[table("a").id].set()
    await until(lambda: site.outcomes("a"))
    assert site.outcomes("a") == ["failed"]
    del site.pipelines.scripts["a"]
    await until(lambda: len(site.outcomes("a")) == 2)
    assert site.outcomes("a") == ["failed", "succeeded"]
    await site.house.stop()
