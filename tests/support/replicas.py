"""Daemons that run for a while: several on one site, over tables that go on changing.

What takes a test's time is waited for as a state, with a deadline (``until``).
"""

from __future__ import annotations

import asyncio
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Self

import asyncpg

from cdc_daemon.databases.postgresql.errors import ASYNCPG_ERRORS
from tests.support.databases import Database
from tests.support.histories import broken
from tests.support.process import Completed, Daemon
from tests.support.site import Site

HOST = "127.0.0.1"
NOT_YET = ASYNCPG_ERRORS
"""A database that is down, or has no such table, may answer later."""
_LOOKS_APART = 0.05
_CHANGES_APART = 0.1


class Replica(Daemon):
    """``cdc-daemon run`` on a site's configuration, which asks for a free port."""

    def __init__(self, site: Site) -> None:
        super().__init__(("run",), site.path, site.env)
        self.port = 0

    def start(self) -> Self:
        """Starts it; it may not listen yet."""
        self.port = 0
        return super().start()

    def listens(self) -> Self:
        """Waits until it can be asked."""
        self.port = int(self.wait_event(event="listening")["port"])
        return self

    def get(self, path: str) -> tuple[int, str]:
        """Status and body."""
        if not self.port:
            self.listens()
        with closing(HTTPConnection(HOST, self.port, timeout=10)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def reasons(self) -> tuple[str, ...]:
        """Why it says that it is not ready; its status code agrees."""
        status, body = self.get("/readyz")
        told = json.loads(body)
        assert (status == 200) is told["ready"] is (not told["reasons"])
        return tuple(told["reasons"])

    def tables(self) -> dict[str, dict[str, Any]]:
        """What ``/status`` says of each table, by its name."""
        return {one["name"]: one for one in json.loads(self.get("/status")[1])["tables"]}

    def metric(self, name: str) -> float:
        """The value of a metric without labels, or of a series as it is written."""
        lines = self.get("/metrics")[1].splitlines()
        (value,) = (line.rsplit(" ", 1)[1] for line in lines if line.startswith(f"{name} "))
        return float(value)

    def stop(self, timeout: float = 40.0) -> Completed:
        """SIGTERM, and how it ended."""
        self.terminate()
        return self.wait(timeout)

    def kill_now(self) -> None:
        """SIGKILL, and the process is gone."""
        self.kill()
        assert self.wait().returncode == -signal.SIGKILL


def until(condition: Callable[[], object], seconds: float = 30.0, what: str = "") -> None:
    """Waits until the condition holds.

    Raises:
        TimeoutError: it does not in time.
    """
    deadline, reason, pause = time.monotonic() + seconds, "", threading.Event()
    while True:
        try:
            if condition():
                return
            reason = ""
        except NOT_YET as error:
            reason = repr(error)
        if time.monotonic() > deadline:
            raise TimeoutError(f"not in {seconds} s: {what or condition} {reason}")
        pause.wait(_LOOKS_APART)


def configure(site: Site, *tables: Any, every: str = "1s", **sections: Any) -> None:
    """The site's file for daemons: a free port, a quick schedule, short waits, a landing folder."""
    landing_folder(site).mkdir(exist_ok=True)
    runtime = {
        "landing_dir": str(landing_folder(site)),
        "grace_seconds": 20,
        "backoff": {"first_seconds": 1, "limit_seconds": 4},
    }
    wanted = {
        "http": {"host": HOST, "port": 0},
        "runtime": runtime,
        "defaults": {"schedule": {"every": every}},
    }
    site.configure(*tables, **wanted | sections)


def landing_folder(site: Site) -> Path:
    """Where the site's daemons land rows."""
    return site.folder / "landing"


def make_tables(database: Database, names: Sequence[str], rows: int = 300) -> None:
    """Tables of a key, a number and a text."""
    database.execute(
        "".join(
            f"CREATE TABLE {name} (id int PRIMARY KEY, quantity int, note text);"
            f"INSERT INTO {name} SELECT g, g, 'note ' || g FROM generate_series(1, {rows}) AS g;"
            for name in names
        )
    )


_CHANGE = """
    UPDATE {0} SET quantity = quantity + 1 WHERE id % 7 = {1} % 7;
    DELETE FROM {0} WHERE id % 11 = {1} % 11;
    INSERT INTO {0} SELECT g, g, 'note ' || g FROM generate_series(1, 300) AS g
        WHERE g % 11 = ({1} - 2) % 11 ON CONFLICT DO NOTHING;
"""


@contextmanager
def changing(database: Database, names: Sequence[str]) -> Iterator[None]:
    """One table after the other changes in transactions, all the time, while the server is up."""
    stop = threading.Event()

    async def change() -> None:
        n = 0
        while not stop.is_set():
            try:
                async with database.connect() as connection:
                    while not stop.is_set():
                        n += 1
                        table, step = names[n % len(names)], n // len(names) + 5
                        await connection.execute(_CHANGE.format(table, step))
                        await asyncio.to_thread(stop.wait, _CHANGES_APART)
            except NOT_YET:
                await asyncio.to_thread(stop.wait, _CHANGES_APART)

    thread = threading.Thread(target=lambda: asyncio.run(change()), name="changing")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)


def promoted(site: Site) -> dict[str, int]:
    """Batches that became history, by table."""
    rows = site.target.fetch(
        "SELECT table_name, count(*) FROM cdc.batch WHERE status = 'promoted' GROUP BY 1"
    )
    return dict(rows)


def more(site: Site, names: Sequence[str], batches: int) -> Callable[[], bool]:
    """Whether every table was promoted so often since this was called."""
    before: dict[str, int] = {}
    with suppress(asyncpg.UndefinedTableError):
        before = promoted(site)
    return lambda: all(
        promoted(site).get(name, 0) >= before.get(name, 0) + batches for name in names
    )


def mirrored(site: Site, names: Sequence[str]) -> bool:
    """Whether open versions are what the source holds."""
    source = site.source.fetch(_contents([f"public.{name}" for name in names]))
    return source == site.target.fetch(_contents([f"bronze.src_{name}_current" for name in names]))


def _contents(relations: Sequence[str]) -> str:
    parts = (
        f"SELECT {n}, count(*), sum(hashtext(t::text)::bigint) FROM {relation} AS t"
        for n, relation in enumerate(relations)
    )
    return " UNION ALL ".join(parts) + " ORDER BY 1"


async def all_broken(database: Database, names: Sequence[str]) -> dict[str, list[str]]:
    """The promises that the target breaks, by table."""
    async with database.connect() as connection:
        found = {name: await broken(connection, name, ["id"]) for name in names}
    return {name: promises for name, promises in found.items() if promises}


def laws_hold(site: Site, names: Sequence[str]) -> None:
    """After a clean stop: laws 1, 3 and 7, and nothing is left on disk or at the servers."""
    assert asyncio.run(all_broken(site.target, names)) == {}
    assert list(landing_folder(site).iterdir()) == []
    until(lambda: not sessions(site.source) and not sessions(site.target), what="sessions end")


def sessions(database: Database) -> int:
    """Sessions that daemons have with a database."""
    ((found,),) = database.fetch(f"SELECT count(*) FROM pg_stat_activity WHERE {_OURS}")
    return int(found)


def terminate(database: Database) -> int:
    """The server ends all sessions of daemons with a database; how many there were."""
    rows = database.fetch(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {_OURS}")
    return len(rows)


_OURS = "application_name = 'cdc-daemon' AND datname = current_database()"
