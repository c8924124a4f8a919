"""What the daemon knows of itself: honest readiness, one line a change, tables from memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from cdc_daemon.daemon.shutdown import Shutdown
from cdc_daemon.daemon.watch import PATIENCE_SECONDS, Outlook, Watch
from cdc_daemon.errors import ConfigError, DatabaseUnavailable
from cdc_daemon.model.run import Job, Status
from cdc_daemon.orchestration.schedule import BEGINNING
from tests.support.house import HOUR, NOW, House, table
from tests.support.metrics import make_metrics, make_snapshot
from tests.support.virtual_time import elapsed, settled

DOWN = DatabaseUnavailable("connection refused")


class Site:
    """A watch with its metrics."""

    def __init__(self, *tables):
        self.metrics = make_metrics(tables)
        self.shutdown = Shutdown()
        self.watch = Watch(self.metrics, self.shutdown)

    def value(self, name, **labels):
        return self.metrics.registry.get_sample_value(name, labels)

    def silent(self, seconds):
        """The target's last answer was so long ago."""
        self.watch._answered -= seconds


class TestReadiness:
    """/readyz stays honest."""

    def test_not_before_the_target_answered(self):
        """A daemon that has not seen its control schema is not ready, and says so."""
        site = Site()
        assert site.watch.reasons() == ("the control schema has not been reached yet",)
        site.watch.target_failed(DOWN)
        assert site.watch.reasons() == ("the control schema has not been reached yet",)
        site.watch.target_answered()
        assert site.watch.reasons() == ()

    @pytest.mark.parametrize(("seconds", "ready"), [(-1, True), (1, False)])
    def test_a_short_outage_is_none(self, seconds, ready):
        """A restart of the target takes nobody out of service; a long silence does."""
        site = Site()
        site.watch.target_answered()
        site.watch.target_failed(DOWN)
        site.silent(PATIENCE_SECONDS + seconds)
        assert site.watch.reasons() == (() if ready else ("the target does not answer",))
        site.watch.target_answered()
        assert site.watch.reasons() == ()

    def test_a_loop_that_waits_long_is_no_outage(self):
        """Only a failure makes silence count."""
        site = Site()
        site.watch.target_answered()
        site.silent(PATIENCE_SECONDS * 10)
        assert site.watch.reasons() == ()

    def test_not_while_draining(self):
        """From the first signal on nobody is sent here any more."""
        site = Site()
        site.watch.target_answered()
        site.shutdown.request("SIGTERM")
        assert site.watch.reasons() == ("draining",)


class TestLog:
    """One line when something begins, and one when it ends."""

    def test_an_outage_is_two_lines(self):
        """However often the target is asked meanwhile."""
        site = Site()
        with capture_logs() as lines:
            for _ in range(3):
                site.watch.target_failed(DOWN)
            for _ in range(3):
                site.watch.target_answered()
        assert [(line["event"], line["log_level"]) for line in lines] == [
            ("target does not answer", "warning"),
            ("target answers again", "info"),
        ]

    def test_a_first_answer_is_no_news(self):
        """A target that was never down does not come back."""
        with capture_logs() as lines:
            Site().watch.target_answered()
        assert lines == []

    def test_every_issue_of_a_refused_file_is_told(self):
        """Not the first one only."""
        with capture_logs() as lines:
            Site().watch.refused(ConfigError(["one", "two"]))
        assert [line["message"].text for line in lines] == ["one", "two"]
        assert {line["log_level"] for line in lines} == {"error"}

    def test_housekeeping_that_failed_is_a_line(self):
        """Each time, with what it failed of: an hour's silence would hide it."""
        site = Site()
        with capture_logs() as lines:
            site.watch.not_swept(DOWN)
            site.watch.not_swept(DOWN)
        assert [(line["log_level"], line["error"]) for line in lines] == [("warning", DOWN)] * 2


class TestMetrics:
    """``cdc_config_*``: the last reload and what is in force."""

    def test_a_refused_reload_shows_until_a_good_one(self):
        """A bad file changes nothing, and shows."""
        site = Site()
        shown = []
        for reload in (
            lambda: site.watch.started(make_snapshot(())),
            lambda: site.watch.refused(ConfigError(["one"])),
            lambda: site.watch.reloaded(make_snapshot((), 2)),
        ):
            reload()
            shown.append(site.value("cdc_config_last_reload_successful"))
        assert shown == [1, 0, 1]

    def test_what_housekeeping_deleted_is_counted(self):
        """By kind; a sweep that found nothing shows that it ran."""
        site = Site()
        name = "cdc_housekeeping_deleted_rows_total"
        for kind, rows in (("event", 10), ("event", 5), ("batch", 0)):
            site.watch.swept(kind, rows)
        assert [site.value(name, kind=kind) for kind in ("event", "batch")] == [15, 0]

    def test_uptime_goes_on(self):
        """Seconds since the process began; never negative."""
        watch = Site().watch
        assert 0 <= watch.uptime_seconds <= watch.uptime_seconds


def outlook(house, site):
    """The tables of ``house``, which tells ``site``."""
    return Outlook(house.reloader, house.scheduler, house.lanes, site.watch, site.metrics, {}.get)


@pytest.mark.asyncio
class TestOutlook:
    """Tables as this process sees them, without asking a database."""

    async def test_before_anything_is_known(self):
        """Before the first answer every table is there; a scrape does not work out when it is due."""
        house = House(table("a"))
        (shown,) = outlook(house, Site()).status().tables
        assert (shown.spec, shown.due_at, shown.word) == (table("a"), None, "active")
        assert house.warehouse.polls == []

    async def test_a_table_that_never_ran_is_due_since_ever(self):
        """What waits for a worker is overdue, and shown so."""
        house = House(table("a"))
        house.work.hold("a")
        house.start()
        await settled()
        (shown,) = outlook(house, Site()).status().tables
        assert shown.due_at == BEGINNING
        house.shutdown.request("one")
        await house.stop()

    async def test_running_and_queued_tables(self):
        """What a worker has is running; what waits for one is queued."""
        tables = [table(name) for name in "abc"]
        house = House(*tables)
        for name in "abc":
            house.work.hold(name)
        house.start()
        await settled()
        shown = outlook(house, Site()).status().tables
        assert [(one.running, one.queued) for one in shown] == [
            (True, False),
            (True, False),
            (False, True),
        ]
        assert [one.word for one in shown] == ["running", "running", "queued"]
        house.shutdown.request("one")
        await house.stop()

    async def test_a_table_that_ran_is_due_an_interval_later(self):
        """By the target's clock; and the state is the one on record."""
        house = House(table("a"))
        house.start()
        await elapsed(5)
        status = outlook(house, Site()).status()
        (shown,) = status.tables
        assert shown.due_at - NOW == pytest.approx(
            timedelta(seconds=HOUR), abs=timedelta(seconds=1)
        )
        assert status.now - NOW == pytest.approx(timedelta(seconds=5), abs=timedelta(seconds=0.1))
        assert shown.state == house.warehouse.control.states[table("a").id]
        await house.stop()

    @pytest.mark.parametrize("word", ["paused", "held"])
    async def test_a_table_that_would_not_run_is_never_due(self, word):
        """Paused or held: an operator sees the word, and no time that will not come."""
        house = House(table("a"))
        house.start()
        await elapsed(2)
        control = house.warehouse.control
        held = word == "held"
        id_ = table("a").id
        await (control.hold(id_, "it", frozenset()) if held else control.pause(id_))
        await elapsed(2)
        (shown,) = outlook(house, Site()).status().tables
        assert (shown.word, shown.due_at) == (word, None)
        await house.stop()

    async def test_the_configuration_shown_is_the_one_in_force(self):
        """After a reload: its tables, its generation, and none that it removed."""
        house = House(table("a"))
        house.start()
        await settled()
        await house.reload(table("b"))
        status = outlook(house, Site()).status()
        assert (status.config_generation, [t.spec.id.name for t in status.tables]) == (2, ["b"])
        assert status.config_digest == house.reloader.current.digest
        await house.stop()

    async def test_the_last_run_of_this_process_is_shown(self):
        """What the runner kept of a table, and nothing where it did not run."""
        house, site = House(table("a"), table("b")), Site()
        outcome = await house.work.run(Job(table=table("a")))
        shown = Outlook(
            house.reloader,
            house.scheduler,
            house.lanes,
            site.watch,
            site.metrics,
            {outcome.table: replace(outcome, status=Status.FAILED)}.get,
        ).status()
        assert [one.last and one.last.status for one in shown.tables] == [Status.FAILED, None]

    async def test_a_scrape_is_told_of_every_table(self):
        """``publish`` gives the metrics what the scheduler knows, paused tables included."""
        spec = table("a")
        house, site = House(spec), Site(spec)
        house.start()
        await elapsed(2)
        await house.warehouse.control.pause(spec.id)
        await elapsed(2)
        outlook(house, site).publish()
        assert site.value("cdc_table_paused", table=str(spec.id)) == 1
        await house.stop()
