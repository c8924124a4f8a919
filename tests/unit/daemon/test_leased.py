"""Jobs and states under the configuration they belong to, leased as long as they last (law 8)."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from cdc_daemon.daemon.generations import Generations
from cdc_daemon.daemon.leased import LeasedFeed, LeasedHousekeeping, LeasedRunner
from cdc_daemon.daemon.reload import Reloader
from cdc_daemon.errors import ControlSchemaError, DatabaseUnavailable
from cdc_daemon.model.run import Job
from cdc_daemon.orchestration.schedule import BEGINNING
from cdc_daemon.ports.control import Piece
from tests.support.house import Seen, Warehouse, Work, table
from tests.support.metrics import make_snapshot
from tests.support.virtual_time import settled

pytestmark = pytest.mark.asyncio


class Wiring:
    """Implements ``Wired``, its ``Control`` and its ``Housekeeping``."""

    def __init__(self, site, version):
        self.site, self.version = site, version
        self.runner, self.states, self.control = site.work, site.warehouse, self
        self.housekeeping = self

    async def apply(self):
        self.site.applied.append((self.version, len(self.site.warehouse.polls)))
        if self.site.broken is not None:
            raise self.site.broken

    async def events(self, after):
        return self._kept("event", after)

    async def batches(self, after):
        return self._kept("batch", after)

    async def quarantine(self, after):
        return self._kept("quarantine", after)

    def _kept(self, kind, after):
        assert self.site.open == [self.version]
        self.site.kept.append((kind, after, self.version))
        return Piece(deleted=after, go_on=None)


class Site:
    """Wires versions as the daemon's process does; notes what is open."""

    def __init__(self):
        self.warehouse = Warehouse()
        self.work = Work(self.warehouse)
        self.open, self.applied, self.broken, self.kept = [], [], None, []
        self.reloader = Reloader(
            make_snapshot(()),
            lambda version: make_snapshot((), version),
            lambda _old, _new: (),
            Seen(),
            lambda: None,
        )
        self.generations = Generations(
            lambda version: self._opened(self.reloader.snapshot(version))
        )
        self.feed = LeasedFeed(self.generations, self.reloader)
        self.runner = LeasedRunner(self.generations, self.reloader)
        self.keeping = LeasedHousekeeping(self.generations, self.reloader)

    @asynccontextmanager
    async def _opened(self, snapshot):
        self.open.append(snapshot.version)
        try:
            yield Wiring(self, snapshot.version)
        finally:
            self.open.remove(snapshot.version)

    async def reload(self):
        """The next version comes into force, and the scheduler looks."""
        reloading = asyncio.create_task(self.reloader.run())
        self.reloader.ask()
        await settled()
        reloading.cancel()
        await self.feed.changed(BEGINNING)


def job(name="a", version=1):
    return Job(table=table(name), config_version=version)


async def test_states_are_read_under_the_configuration_in_force():
    """After a reload the feed goes on by the new one, and the old one is closed."""
    site = Site()
    feed = await site.feed.changed(BEGINNING)
    assert feed.now == site.warehouse.control.clock
    assert site.open == [1]
    await site.reload()
    assert site.open == [2]


async def test_the_control_schema_is_migrated_once_and_before_anything_is_read():
    """The first answer of the target brings its schema up to date; a reload does not."""
    site = Site()
    await site.feed.changed(BEGINNING)
    await site.feed.changed(BEGINNING)
    await site.reload()
    assert site.applied == [(1, 0)]


async def test_a_migration_that_failed_is_tried_again():
    """A target that is down at the start holds nothing up but itself (law 8)."""
    site = Site()
    site.broken = DatabaseUnavailable("down")
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable):
            await site.feed.changed(BEGINNING)
    site.broken = None
    await site.feed.changed(BEGINNING)
    assert site.applied == [(1, 0)] * 3


async def test_the_control_schema_is_reached_once_it_is_this_versions():
    """Who waits for it, as housekeeping does, begins neither before nor without its migrations."""
    site = Site()
    site.broken = DatabaseUnavailable("down")
    with pytest.raises(DatabaseUnavailable):
        await site.feed.changed(BEGINNING)
    assert not site.feed.reached.is_set()
    site.broken = None
    await site.feed.changed(BEGINNING)
    assert site.feed.reached.is_set()


async def test_house_is_kept_under_the_configuration_in_force():
    """Each piece takes the retention that holds when it begins, and keeps no old pool open."""
    site = Site()
    assert await site.keeping.events(0) == Piece(deleted=0, go_on=None)
    await site.reload()
    assert await site.keeping.batches(7) == Piece(deleted=7, go_on=None)
    assert await site.keeping.quarantine(8) == Piece(deleted=8, go_on=None)
    assert site.kept == [("event", 0, 1), ("batch", 7, 2), ("quarantine", 8, 2)]
    assert site.open == [2]


async def test_a_newer_control_schema_is_refused():
    """Nothing is read from a schema that a later version made."""
    site = Site()
    site.broken = ControlSchemaError("newer")
    with pytest.raises(ControlSchemaError):
        await site.feed.changed(BEGINNING)
    assert site.warehouse.polls == []


async def test_the_last_outcome_of_each_table_is_kept():
    """For the status page; the newest replaces the one before."""
    site = Site()
    for name in ("a", "b", "a"):
        outcome = await site.runner.run(job(name))
        assert site.runner.last[job(name).table.id] is outcome
    assert len(site.runner.last) == 2


async def test_a_job_runs_on_what_it_was_made_under_until_it_ends():
    """A reload closes the pools of the old configuration when the last job of it has ended."""
    site = Site()
    gates = site.work.hold("a"), site.work.hold("b")
    runs = [asyncio.create_task(site.runner.run(job(name))) for name in "ab"]
    await settled()
    await site.reload()
    assert site.open == [1, 2]
    gates[0].set()
    await runs[0]
    assert site.open == [1, 2]
    gates[1].set()
    await runs[1]
    assert site.open == [2]


async def test_snapshots_nobody_uses_are_forgotten():
    """A daemon that is reloaded for years does not grow by it."""
    site = Site()
    await site.runner.run(job())
    await site.reload()
    await site.runner.run(job(version=2))
    with pytest.raises(KeyError):
        site.reloader.snapshot(1)
    assert site.reloader.snapshot(2) is site.reloader.current


async def test_a_job_that_waited_through_a_reload_still_runs():
    """Queued before a reload and taken after the last job of its version: it ends as any other."""
    site = Site()
    gate = site.work.hold("a")
    first = asyncio.create_task(site.runner.run(job("a")))
    await settled()
    await site.reload()
    gate.set()
    await first
    outcome = await site.runner.run(job("b"))  # raises nothing but cancellation
    assert outcome.table == job("b").table.id
    assert site.open == [2]


async def test_a_cancelled_job_lets_its_configuration_go():
    """A forced stop leaves no pool of an old configuration open."""
    site = Site()
    site.work.hold("a")
    run = asyncio.create_task(site.runner.run(job()))
    await settled()
    await site.reload()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert site.open == [2]
