"""Reload: one immutable snapshot swapped whole, or nothing at all (law 8)."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest

from cdc_daemon.daemon.reload import Reloader
from cdc_daemon.errors import ConfigError
from cdc_daemon.model.config import LaneSpec
from tests.support.house import House, Seen, table
from tests.support.metrics import make_snapshot
from tests.support.virtual_time import elapsed, settled, until

pytestmark = pytest.mark.asyncio


def bad():
    """What loading a wrong file raises, with all its issues."""
    return ConfigError(["tables[0].name: missing", "http.port: not a number"])


class Files:
    """What there is to load, and how often it was; a held load waits in its thread."""

    def __init__(self):
        self.asked, self.bad, self.restart = [], None, ()
        self.notified, self.collecting = 0, []
        self.go_on, self.loading = threading.Event(), threading.Event()
        self.go_on.set()
        self.seen = Seen()
        self.reloader = Reloader(
            make_snapshot(()), self.load, lambda _old, _new: self.restart, self.seen, self.notify
        )

    def load(self, version):
        self.asked.append(version)
        self.collecting.append(gc.isenabled())
        self.loading.set()
        self.go_on.wait()
        if self.bad is not None:
            raise self.bad
        return make_snapshot((table(str(version)),), version)

    def notify(self):
        self.notified += 1
        assert self.reloader.current is self.seen.reloads[-1]


class Serving:
    """The reloader at work; cancelled at the end, still alive until then."""

    def __init__(self, files):
        self.files = files

    async def __aenter__(self):
        self.task = asyncio.create_task(self.files.reloader.run())
        await settled()
        return self.files

    async def __aexit__(self, *_):
        await settled()
        self.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self.task


async def test_a_good_file_is_in_force_as_a_whole():
    """The next version replaces the one before; whoever has to know is told after that."""
    async with Serving(Files()) as files:
        files.reloader.ask()
    assert files.reloader.current == make_snapshot((table("2"),), 2)
    assert files.seen.reloads == [files.reloader.current]
    assert (files.notified, files.reloader.last_error) == (1, None)


async def test_a_bad_file_changes_nothing_and_is_told_in_full():
    """The old snapshot stays the same object, every issue is told, and nobody is woken."""
    async with Serving(Files()) as files:
        before, files.bad = files.reloader.current, bad()
        files.reloader.ask()
    assert files.reloader.current is before
    assert files.reloader.last_error is files.bad
    assert len(files.bad.issues) == 2
    assert (files.seen.refusals, files.seen.reloads, files.notified) == ([files.bad], [], 0)


async def test_a_good_file_after_a_bad_one_clears_the_error():
    """Versions count what was in force: a refused one leaves no gap."""
    async with Serving(Files()) as files:
        files.bad = bad()
        files.reloader.ask()
        await settled()
        files.bad = None
        files.reloader.ask()
    assert files.asked == [2, 2]
    assert (files.reloader.current.version, files.reloader.last_error) == (2, None)


async def test_what_needs_a_restart_refuses_the_whole_reload():
    """Half of a configuration is one nobody wrote: nothing changes, and the list says why."""
    async with Serving(Files()) as files:
        before, files.restart = files.reloader.current, ("http.port moved", "lanes changed")
        files.reloader.ask()
    assert files.reloader.current is before
    (error,) = files.seen.refusals
    assert error.issues == (
        "http.port moved: needs a restart; nothing was reloaded",
        "lanes changed: needs a restart; nothing was reloaded",
    )
    assert files.reloader.last_error is error


async def test_a_storm_of_asks_is_one_reload():
    """Asks before the file is read are one; those while it is read are one more."""
    async with Serving(Files()) as files:
        files.go_on.clear()
        for _ in range(100):
            files.reloader.ask()
        await asyncio.to_thread(files.loading.wait)
        for _ in range(100):
            files.reloader.ask()
        files.go_on.set()
        await until(lambda: len(files.asked) == 2)
    assert files.asked == [2, 3]
    assert files.reloader.current.version == 3


async def test_a_file_is_read_aside():
    """The loop turns while a file is being read: probes are answered meanwhile."""
    async with Serving(Files()) as files:
        files.go_on.clear()
        files.reloader.ask()
        await asyncio.to_thread(files.loading.wait)
        assert files.reloader.current.version == 1
        files.go_on.set()


async def test_who_cannot_use_a_new_configuration_refuses_it_before_the_swap():
    """A log file that cannot be opened is a bad configuration: it stops nothing (law 8)."""
    files, prepared = Files(), []
    first = files.reloader.current

    def prepare(snapshot):
        prepared.append(snapshot.version)
        if len(prepared) == 1:
            raise bad()

    files.reloader = Reloader(
        first, files.load, lambda _old, _new: (), files.seen, files.notify, prepare=prepare
    )
    async with Serving(files):
        files.reloader.ask()
        await settled()
        assert files.reloader.current is first
        assert (len(files.seen.refusals), files.seen.reloads, files.notified) == (1, [], 0)
        files.reloader.ask()
    assert (prepared, files.reloader.current.version, files.notified) == ([2, 2], 2, 1)


async def test_snapshots_are_kept_while_something_uses_them():
    """An old one can be had until it is forgotten; the one in force is never forgotten."""
    async with Serving(Files()) as files:
        for _ in range(2):
            files.reloader.ask()
            await settled()
    assert [files.reloader.snapshot(version).version for version in (1, 2, 3)] == [1, 2, 3]
    files.reloader.forget((1,))
    assert files.reloader.snapshot(1).version == 1
    with pytest.raises(KeyError):
        files.reloader.snapshot(2)
    files.reloader.forget(())
    assert files.reloader.snapshot(3) is files.reloader.current


async def test_a_running_job_keeps_its_snapshot_and_a_new_table_runs_at_once():
    """A reload reaches new jobs only: those at work go on under the configuration they began."""
    house = House(table("a"))
    gate = house.work.hold("a")
    house.start()
    await settled()
    await house.reload(table("a", every=1), table("b"))
    await until(lambda: "b" in house.work.finished)
    assert [(job.table.id.name, job.config_version) for job in house.work.jobs] == [
        ("a", 1),
        ("b", 2),
    ]
    assert house.work.jobs[0].table == table("a")
    gate.set()
    await house.stop()


async def test_a_changed_table_uses_the_new_spec_next_time():
    """An interval that became shorter counts from the batch that ran under the longer one."""
    house = House(table("a"))
    house.start()
    await elapsed(20)
    await house.reload(table("a", every=30))
    await until(lambda: len(house.work.finished) == 2)
    assert house.work.began["a"] == pytest.approx([0, 30], abs=0.01)
    assert house.work.jobs[1].config_version == 2
    await house.stop()


async def test_a_removed_table_finishes_and_is_not_run_again():
    """The batch at work comes to its end, and it was the last."""
    house = House(table("a", every=10), table("b", every=10))
    gate = house.work.hold("b")
    house.start()
    await settled()
    await house.reload(table("a", every=10))
    assert house.work.cancelled == []
    gate.set()
    await elapsed(100)
    assert house.work.finished.count("b") == 1
    assert house.work.finished.count("a") >= 10
    await house.stop()


async def test_a_removed_table_that_only_waited_is_not_run():
    """A job nobody had taken yet is not run under a configuration that is gone."""
    house = House(table("a"), table("b"), lanes={"small": LaneSpec(workers=1, queue_size=8)})
    gate = house.work.hold("a")
    house.start()
    await settled()
    assert house.work.started == ["a"]
    await house.reload(table("a"))
    gate.set()
    await elapsed(10)
    assert house.work.started == ["a"]
    await house.stop()


async def test_a_table_that_moves_to_another_lane_while_it_runs_runs_once():
    """It is in the house once across lanes (law 2), and goes the new way the next time."""
    house = House(table("a", every=10))
    gate = house.work.hold("a")
    house.start()
    await settled()
    await house.reload(table("a", every=10, lane="large"))
    await elapsed(30)
    assert house.work.started == ["a"]
    gate.set()
    await until(lambda: len(house.work.finished) == 2)
    assert [job.table.lane for job in house.work.jobs] == ["small", "large"]
    await house.stop()


async def test_a_bad_reload_stops_nothing_that_runs():
    """Tables go on by the old configuration as if nobody had asked (law 8)."""
    house = House(table("a", every=10))
    house.start()
    await settled()
    house.bad = bad()
    await house.reload()
    await until(lambda: len(house.work.finished) == 3)
    assert house.seen.refusals == [house.bad]
    assert {job.config_version for job in house.work.jobs} == {1}
    await house.stop()


@pytest.mark.parametrize("wrong", [None, bad()], ids=["good", "bad"])
async def test_the_collector_waits_until_a_file_is_loaded(wrong):
    """A configuration of thousands of tables does not stop the event loop for its objects' sake."""
    async with Serving(Files()) as files:
        files.bad = wrong
        files.reloader.ask()
    assert files.collecting == [False]
    assert gc.isenabled()
