"""``cdc-daemon run`` as a process of a site, asked over HTTP as a probe or a scrape would."""

from __future__ import annotations

import http.client
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from prometheus_client.parser import text_string_to_metric_families

from tests.support.process import Daemon
from tests.support.site import Site

T = TypeVar("T")

HOST = "127.0.0.1"
WAIT_SECONDS = 30.0
LOOK_AGAIN_SECONDS = 0.05
TABLES = """
CREATE TABLE account (id int PRIMARY KEY, name text);
INSERT INTO account SELECT n, 'name ' || n FROM generate_series(1, 10) AS n;
CREATE TABLE beta AS TABLE account;
ALTER TABLE beta ADD PRIMARY KEY (id);
CREATE TABLE gamma AS TABLE account;
ALTER TABLE gamma ADD PRIMARY KEY (id);
"""
"""Three small tables, for the source."""


class RunningDaemon(Daemon):
    """A daemon that listens on a port of its own choice."""

    def __init__(self, site: Site) -> None:
        super().__init__(("run",), site.path, site.env)
        self.port = 0

    def listen(self) -> None:
        """Waits until its HTTP server answers."""
        self.port = self.wait_event(event="listening")["port"]

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of an answer."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def status(self) -> dict[str, Any]:
        """``/status``."""
        return json.loads(self.get("/status")[1])

    def table(self, name: str) -> dict[str, Any]:
        """What ``/status`` says of a table of schema ``public``; empty where it is not there."""
        tables = {table["name"]: table for table in self.status()["tables"]}
        return tables.get(name, {})

    def reasons(self) -> list[str]:
        """Why it is not ready."""
        code, text = self.get("/readyz")
        told = json.loads(text)
        assert (code == 200) is told["ready"] is not bool(told["reasons"])
        return told["reasons"]

    def samples(self) -> list[tuple[str, dict[str, str], float]]:
        """Every sample of ``/metrics``: name, labels, value."""
        families = text_string_to_metric_families(self.get("/metrics")[1])
        return [(s.name, s.labels, s.value) for family in families for s in family.samples]

    def metric(self, name: str, **labels: str) -> float | None:
        """The first sample of a name that has these labels."""
        fits = (v for n, has, v in self.samples() if n == name and labels.items() <= has.items())
        return next(fits, None)

    def until(self, check: Callable[[], T], timeout: float = WAIT_SECONDS) -> T:
        """What ``check`` finds; it looks again at each log line, and every now and then.

        Raises:
            TimeoutError: it found nothing true in time.
            EOFError: the process ended meanwhile.
        """
        deadline = time.monotonic() + timeout
        while not (found := check()):
            if self.returncode is not None:
                raise EOFError(f"ended with {self.returncode}; said: {self.lines[-20:]}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"found {found!r}; said: {self.lines[-20:]}")
            with self._news:
                self._news.wait(LOOK_AGAIN_SECONDS)
        return found


@contextmanager
def serving(site: Site) -> Iterator[RunningDaemon]:
    """A daemon that answers; killed in the end if it still runs."""
    with RunningDaemon(site) as daemon:
        daemon.listen()
        yield daemon


def configure(
    site: Site,
    *tables: str | Mapping[str, Any],
    every: str = "1h",
    runtime: Mapping[str, Any] | None = None,
    **others: Any,
) -> None:
    """The site's file for a daemon: a free port, and a landing folder of the site's own."""
    landing = landing_folder(site)
    if runtime is None or "landing_dir" not in runtime:
        landing.mkdir(exist_ok=True)
    site.configure(
        *tables,
        runtime={"landing_dir": str(landing), **(runtime or {})},
        defaults={"schedule": {"every": every}},
        **{"http": {"host": HOST, "port": 0}, **others},
    )


def landing_folder(site: Site) -> Path:
    return site.folder / "landing"


def promoted(site: Site, table: str) -> int:
    """How many batches of a table are history."""
    return batches(site).count((table, "promoted"))


def batches(site: Site) -> list[tuple[Any, ...]]:
    """``Site.batches``, also where there is no control schema yet."""
    if site.target.fetch("SELECT to_regclass('cdc.batch')") == [(None,)]:
        return []
    return site.batches()


def sessions(site: Site) -> set[int]:
    """Server processes that serve a daemon of this site."""
    names = f"('{site.source.name}', '{site.target.name}')"
    rows = site.target.fetch(
        "SELECT pid FROM pg_stat_activity "
        f"WHERE application_name = 'cdc-daemon' AND datname IN {names}"
    )
    return {pid for (pid,) in rows}


def leftovers(site: Site, daemon: Daemon, *, files: bool = True) -> list[str]:
    """What a daemon that ended left behind; its server processes get a moment to notice."""
    deadline = time.monotonic() + 10
    while (found := _held(site)) and time.monotonic() < deadline:
        os.sched_yield()
    with suppress(ProcessLookupError):
        os.killpg(daemon.pid, 0)
        found.append("a child process")
    if files:
        found += [str(path) for path in landing_folder(site).iterdir()]
    return found


def _held(site: Site) -> list[str]:
    locks = site.target.fetch(
        "SELECT pid FROM pg_locks JOIN pg_database d ON d.oid = database "
        "WHERE locktype = 'advisory' AND datname = current_database()"
    )
    return [f"session {pid}" for pid in sessions(site)] + [f"lock of {pid}" for (pid,) in locks]
