"""Many tables: their due times are remembered, at what cost, and spread by jitter."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import time, timedelta
from pathlib import Path
from time import process_time

import pytest

from cdc_daemon.errors import Retry
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.config import BackoffSpec
from cdc_daemon.model.schedule import Blackout, Cron, Interval
from cdc_daemon.orchestration.due_times import DueTimes
from cdc_daemon.orchestration.schedule import (
    BEGINNING,
    decide,
    due_at,
    next_time,
    share,
)
from tests.support.schedules import BACKOFF, MINUTE, NOW, ran, spec


class TestCost:
    """2,000 tables cost under 1 % of a core while idle."""

    @pytest.mark.parametrize("begin", [11, 22])
    def test_two_thousand_tables(self, begin):
        """Decided within 50 ms of CPU once due times are known, blacked out or not (DESIGN 4)."""
        black = (Blackout(begin=time(begin), end=time(13), timezone="Europe/Berlin"),)
        schedules = (Interval(15 * MINUTE), Cron("30 2 * * *", "Europe/Berlin"))
        tables = [
            spec(str(n), schedule=schedules[n % 2], jitter=MINUTE, blackouts=black)
            for n in range(2_000)
        ]
        states = {table.id: ran(table, 12 + n % 60) for n, table in enumerate(tables)}
        known, spent = DueTimes().learned(tables, states, BACKOFF), []
        plain = decide(tables, states, NOW, backoff=BACKOFF)
        for _ in range(5):
            before = process_time()
            for _ in range(5):
                known = known.learned(tables, states, BACKOFF)
                assert decide(tables, states, NOW, backoff=BACKOFF, due_of=known) == plain
            spent.append((process_time() - before) / 5)
        assert min(spent) < 0.05

    def test_due_times_are_asked_again_when_something_changed(self):
        """Remembering changes nothing: another state, spec or backoff is another due time."""
        known, table = DueTimes().learned((spec(),), {}, BACKOFF), spec()
        failed = ran(table, 3, failures=1, retry=Retry.BACKOFF)
        for asked in (
            (table, ran(table, 3), BACKOFF),
            (table, ran(table, 4), BACKOFF),
            (spec(schedule=Interval(MINUTE)), ran(table, 4), BACKOFF),
            (table, failed, BACKOFF),
            (table, failed, BackoffSpec()),
            (table, failed, BACKOFF),
        ):
            assert known(*asked) == due_at(*asked)
            known = known.learned(asked[:1], {table.id: asked[1]}, asked[2])
            assert known(*asked) == known.last(table.id) == due_at(*asked)

    def test_what_is_remembered_is_of_the_configured_tables(self):
        """A table that is gone is forgotten; of one that is new nothing is said before it is learned."""
        known = DueTimes().learned((spec("a"), spec("b")), {}, BACKOFF)
        again = known.learned((spec("b"), spec("c")), {}, BACKOFF)
        names = [spec(name).id for name in "abc"]
        assert [known.last(name) for name in names] == [BEGINNING, BEGINNING, None]
        assert [again.last(name) for name in names] == [None, BEGINNING, BEGINNING]


class TestJitter:
    """Each table waits its own share, always the same."""

    def test_it_is_bounded_and_differs(self):
        """A thousand tables lie between nothing and all of it, spread."""
        shares = [share(spec(str(n)).id, 2 * MINUTE) for n in range(1_000)]
        assert all(timedelta(0) <= each <= 2 * MINUTE for each in shares)
        assert len(set(shares)) == 1_000
        assert all(
            75 < sum(n * 12 <= each.total_seconds() < n * 12 + 12 for each in shares) < 130
            for n in range(10)
        )

    def test_every_process_agrees(self):
        """Hash seeds differ between processes; shares do not."""
        code = (
            "from datetime import timedelta as t; from cdc_daemon.model.table import TableId;"
            "from cdc_daemon.orchestration.schedule import share;"
            "print(share(TableId('core', 'public', 'a'), t(hours=1)) / t(microseconds=1))"
        )
        root = Path(__file__).resolve().parents[3]
        said = {
            subprocess.run(
                [sys.executable, "-c", code],
                cwd=root,
                env={**os.environ, "PYTHONHASHSEED": seed},
                capture_output=True,
                check=True,
                text=True,
            ).stdout.strip()
            for seed in ("1", "2")
        }
        here = share(spec().id, timedelta(hours=1)) / timedelta(microseconds=1)
        assert said == {str(here)}

    def test_it_comes_on_top_of_the_schedule(self):
        """Intervals and cron times come later by the share; a first run does not."""
        for schedule in (Interval(15 * MINUTE), Cron("0 2 * * *")):
            table = spec(schedule=schedule, jitter=2 * MINUTE)
            wait = share(table.id, 2 * MINUTE)
            state = ran(table, 1)
            assert due_at(table, state, BACKOFF) == next_time(schedule, state.last_started) + wait
            assert due_at(table, TableState(table=table.id), BACKOFF) == BEGINNING

    def test_no_cron_time_is_passed_over(self):
        """Also where a table's share is longer than the time from one run to the next."""
        table = spec(schedule=Cron("* * * * *"), jitter=10 * MINUTE)
        began = due_at(table, ran(table, 0), BACKOFF)
        for _ in range(5):
            state = TableState(table=table.id, last_started=began, last_ended=began)
            assert due_at(table, state, BACKOFF) == began + MINUTE
            began += MINUTE
