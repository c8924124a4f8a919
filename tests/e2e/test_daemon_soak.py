"""What the daemon costs while it runs: answers to scrapes, memory, threads, files, idle CPU."""

from __future__ import annotations

import asyncio
import os
import re
import statistics
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.support.replicas import (
    HOST,
    Replica,
    changing,
    configure,
    make_tables,
    more,
    promoted,
    sessions,
    until,
)
from tests.support.site import Site

SCRAPE_SECONDS = 0.1
GAP_SECONDS = 0.05
MEGABYTE = 1024
"""As /proc counts: in kB."""
IDLE_TABLES = 2_000
IDLE_SECONDS = 6.0
IDLE_SHARE = 0.01
SAMPLES = 3
SMALL = tuple(f"t{n:02}" for n in range(12))


@dataclass(frozen=True, slots=True)
class Use:
    """What a process holds."""

    resident: int
    """kB."""
    threads: int
    files: int
    sessions: int

    def within(self, most: Use) -> bool:
        """Whether it holds no more of anything."""
        mine, bounds = astuple(self), astuple(most)
        return all(one <= bound for one, bound in zip(mine, bounds, strict=True))


def use(site: Site, daemon: Replica) -> Use:
    """As it is now."""
    process = Path("/proc", str(daemon.pid))
    told = dict(re.findall(r"(?m)^(\w+):\s+(\d+)", (process / "status").read_text()))
    return Use(
        resident=int(told["VmRSS"]),
        threads=int(told["Threads"]),
        files=len(tuple((process / "fd").iterdir())),
        sessions=sessions(site.source) + sessions(site.target),
    )


def cpu_seconds(pid: int) -> float:
    """User and system time so far."""
    fields = Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def batches(site: Site, wanted: int) -> Callable[[], bool]:
    """Whether so many more batches are history."""
    before = sum(promoted(site).values())
    return lambda: sum(promoted(site).values()) >= before + wanted


@pytest.mark.parametrize(
    ("seconds", "rows", "answer_seconds", "share"),
    [
        (6, 2_000, 1.0, 0.9),  # beside other tests
        pytest.param(120, 200_000, 0.25, 0.99, marks=pytest.mark.long),
    ],
)
@pytest.mark.asyncio
async def test_scrape_under_load(
    seconds: int, rows: int, answer_seconds: float, share: float, site: Site
) -> None:
    """Scraped every 100 ms while it works, it answers at once, and its loop turns meanwhile."""
    make_tables(site.source, SMALL[:10], rows)
    configure(site, *SMALL[:10])
    with Replica(site) as daemon, changing(site.source, SMALL[:10]):
        await asyncio.to_thread(until, more(site, SMALL[:10], 1), 60)
        before = sum(promoted(site).values())
        answers = await _scrapes(daemon.port or daemon.listens().port, seconds)
        assert sum(promoted(site).values()) > before
        assert {status for status, _ in answers} == {200}
        spent = sorted(duration for _, duration in answers)
        assert statistics.quantiles(spent, n=20)[-1] < answer_seconds, spent[-10:]
        gaps = 'cdc_event_loop_gap_seconds_bucket{le="0.05"}'
        within = daemon.metric(gaps) / daemon.metric("cdc_event_loop_gap_seconds_count")
        assert within > share, daemon.metric("cdc_event_loop_gap_max_seconds")
        assert daemon.stop().returncode == 0


async def _scrapes(port: int, seconds: float) -> list[tuple[int, float]]:
    """Status and duration of scrapes that begin a tenth of a second apart, answered or not."""
    loop = asyncio.get_running_loop()
    scrapes: list[asyncio.Task[tuple[int, float]]] = []
    async with aiohttp.ClientSession(f"http://{HOST}:{port}") as client:

        async def scrape() -> tuple[int, float]:
            began = time.monotonic()
            async with client.get("/metrics") as answer:
                await answer.read()
                return answer.status, time.monotonic() - began

        begin = loop.time()
        for n in range(int(seconds / SCRAPE_SECONDS)):
            due = asyncio.Event()
            loop.call_at(begin + n * SCRAPE_SECONDS, due.set)
            await due.wait()
            scrapes.append(asyncio.create_task(scrape()))
        return list(await asyncio.gather(*scrapes))


@pytest.mark.parametrize(
    ("warm", "measured", "growth", "late_threads"),
    [
        # pools of threads fill late; a thread lost now and then would be dozens
        (30, 120, 24 * MEGABYTE, 8),
        pytest.param(500, 1_000, 8 * MEGABYTE, 8, marks=pytest.mark.long),
    ],
)
def test_nothing_grows(
    warm: int, measured: int, growth: int, late_threads: int, site: Site
) -> None:
    """Over many batches, failures among them, memory, threads, files and sessions stay as few."""
    make_tables(site.source, SMALL, rows=100)
    configure(site, *SMALL, "missing")
    with Replica(site) as daemon, changing(site.source, SMALL):
        until(more(site, SMALL, 1), 60)
        until(batches(site, warm), 600)
        before = [_quiet(site, daemon) for _ in range(SAMPLES)]
        until(batches(site, measured), 900)
        most = Use(
            resident=max(one.resident for one in before) + growth,
            threads=max(one.threads for one in before) + late_threads,
            files=max(one.files for one in before),
            sessions=max(one.sessions for one in before),
        )
        # a batch at work holds more, and gives it back: what is lost never comes back
        until(lambda: use(site, daemon).within(most), 60, f"within {most}")
        assert daemon.stop().returncode == 0


def _quiet(site: Site, daemon: Replica) -> Use:
    """What it holds while few tables run; a batch or more after it was last asked."""
    until(batches(site, 1))
    return use(site, daemon)


@pytest.mark.parametrize("minutes", [1, pytest.param(60, marks=pytest.mark.long)])
def test_idle_costs_next_to_nothing(minutes: int, site: Site) -> None:
    """Two thousand tables that are not due cost less than a hundredth of a core.

    However they came to their last batches: spread over an hour, or all within a minute.
    """
    names = [f"t{n}" for n in range(IDLE_TABLES)]
    configure(site, *names, every="6h")
    site.run("control", "apply")
    _just_ran(site, minutes)
    with Replica(site) as daemon:
        until(lambda: daemon.reasons() == ())
        until(lambda: not any(one["due"] for one in daemon.tables().values()))
        until(lambda: _cpu_over(daemon, 1.0) < 0.1, 60, "start is over")
        # what a busy machine adds is not the daemon's: the least of a few tells
        share = min(_cpu_over(daemon, IDLE_SECONDS) for _ in range(SAMPLES)) / IDLE_SECONDS
        assert daemon.stop().returncode == 0
    assert promoted(site) == {}
    assert share < IDLE_SHARE


def _just_ran(site: Site, minutes: int) -> None:
    site.target.execute(
        f"""INSERT INTO cdc.table_state (source, schema_name, table_name, epoch, last_instant,
            last_success_at, last_started_at, last_ended_at, changed_at)
        SELECT 'src', 'public', 't' || n, 1, t, t, t, t, t
        FROM generate_series(0, {IDLE_TABLES - 1}) AS n,
            LATERAL (SELECT now() - interval '2 min' - n * interval '{minutes} min' / {IDLE_TABLES} AS t) AS ran"""
    )


def _cpu_over(daemon: Replica, seconds: float) -> float:
    """CPU seconds that it uses in so many seconds."""
    before, end = cpu_seconds(daemon.pid), time.monotonic() + seconds
    until(lambda: time.monotonic() >= end, seconds + 1)
    return cpu_seconds(daemon.pid) - before
