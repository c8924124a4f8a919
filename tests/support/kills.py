"""Kills a process between any two statements, many of them at a time.

One child runs a configuration in each of several lanes: a proxy and a target database of its
own. Each lane is held at a statement of its own; when all are, the child is killed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from cdc_daemon.databases.postgresql.lock import lock_number
from cdc_daemon.model.run import RunOutcome
from cdc_daemon.model.table import TableId
from tests.support import configs
from tests.support.child import once
from tests.support.databases import Database
from tests.support.failpoints import Verdict, nth
from tests.support.process import Completed, environment
from tests.support.proxy import Proxy
from tests.support.session import Statement


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """Before a statement is forwarded, or after it is done and the client does not know."""

    number: int
    after: bool


class Child:
    """``tests.support.child`` as a process; ``with`` kills what is left."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.child"],
            env=environment(None, None),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.end()

    def go(self, config_paths: Iterable[Path], *, file_bytes: int | None = None) -> None:
        """Runs the configurations; no file may grow beyond ``file_bytes``."""
        work = {"configs": [str(path) for path in config_paths], "file_bytes": file_bytes}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(work) + "\n")
        self._process.stdin.flush()

    def is_ready(self) -> None:
        """Waits until it has done its imports."""
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL, and the process is gone."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def ends_within(self, seconds: float) -> bool:
        """Waits for its end, no longer than that."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)
        return self._process.poll() is not None

    def end(self, timeout: float = 120.0) -> Completed:
        """How it ended."""
        if self._process.stdout and self._process.stdout.closed:
            return Completed(self._process.returncode, "", "")
        stdout, stderr = self._process.communicate(timeout=timeout)
        return Completed(self._process.returncode, stdout, stderr)


class Lane:
    """Where one run at a time is stopped at a statement of its own."""

    def __init__(self, source: Database, proxy: Proxy, folder: Path, tables: Sequence[str]) -> None:
        self.source = source
        self.proxy = proxy
        self.target = Database(
            host=source.host,
            port=source.port,
            user=source.user,
            password=source.password,
            name=f"lane_{uuid.uuid4().hex[:12]}",
        )
        self.tables = tuple(TableId(configs.SOURCE, "public", table) for table in tables)
        self.landing = folder / "landing"
        wanted: Any = {"tables": tables, "landing": self.landing, "workers": 1}
        folder.mkdir()
        self.direct = configs.write(
            folder / "direct.yaml", source=source, target=self.target, **wanted
        )
        port = proxy.port
        self.proxied = configs.write(
            folder / "proxied.yaml",
            source=source.through(port),
            target=self.target.through(port),
            **wanted,
        )

    def renew(self, template: Database) -> None:
        """A target like ``template``, and nothing seen."""
        self.quiet()
        self.drop()
        self.source.execute(f"CREATE DATABASE {self.target.name} TEMPLATE {template.name}")
        self.proxy.reset()

    def quiet(self) -> None:
        """Ends what is left of its connections; in good order, since their client is gone."""
        self.proxy.cut_all(reset=False)

    def drop(self) -> None:
        self.source.execute(f"DROP DATABASE IF EXISTS {self.target.name} WITH (FORCE)")

    def landed(self) -> list[Path]:
        """What lies in the landing folder."""
        return sorted(self.landing.iterdir())

    async def again(self) -> tuple[RunOutcome, ...]:
        """A run without proxy, when the server has noticed that the dead process is gone."""
        async with self.target.connect() as connection:
            for table in self.tables:
                number = lock_number("cdc", table)
                await connection.execute(f"SELECT pg_advisory_lock({number})")
        return await once(self.direct)


@contextmanager
def lanes(
    source: Database, folder: Path, tables: Sequence[str], count: int
) -> Iterator[list[Lane]]:
    """So many lanes that read ``source``; their databases are dropped at the end."""
    made: list[Lane] = []
    proxies: list[Proxy] = []
    try:
        for n in range(count):
            proxies.append(Proxy(source.host, source.port).__enter__())
            made.append(Lane(source, proxies[-1], folder / f"lane-{n}", tables))
        yield made
    finally:
        for lane in made:
            lane.quiet()
        for proxy in proxies:
            proxy.__exit__(None, None, None)
        for lane in made:
            lane.drop()


Chosen = Callable[[Statement, Point], bool]
"""Whether to stop at a statement, at one of its two points."""

WRITES = {"BEGIN", "CREATE", "COPY", "INSERT", "UPDATE", "DELETE", "COMMIT", "ROLLBACK"}


def promotes(statement: Statement, _: Point) -> bool:
    """Only statements that begin, end or change something."""
    return statement.sql.split()[0].rstrip(";") in WRITES


def all_points(statement: Statement, _: Point) -> bool:
    """All but those at the reset of a pooled session, which are as those beside it."""
    return not statement.sql.startswith("SELECT pg_advisory_unlock_all()")


def all_states(statement: Statement, point: Point) -> bool:
    """One point for each state of the databases: after a read they are as before the next."""
    return promotes(statement, point) or (all_points(statement, point) and not point.after)


def points(lane: Lane, template: Database, chosen: Chosen) -> list[Point]:
    """The chosen points of a run that nobody stops."""
    lane.renew(template)
    with Child() as child:
        child.go([lane.proxied])
        ended = child.end()
    assert ended.returncode == 0, ended
    assert [event["status"] for event in ended.events()] == ["succeeded"] * len(lane.tables)
    before = [(s, Point(s.number, after=False)) for s in lane.proxy.statements]
    after = [(s, Point(s.number, after=True)) for s in lane.proxy.done]
    return sorted(point for statement, point in before + after if chosen(statement, point))


def spread(some: Sequence[Point], width: int) -> list[Sequence[Point]]:
    """The points in rounds of ``width`` or less, each with points from all over a run."""
    rounds = -(-len(some) // width)
    return [some[n::rounds] for n in range(rounds)]


def kill_at(stops: Sequence[tuple[Lane, Point]], template: Database, child: Child) -> None:
    """Runs every lane until its point is reached, then kills the process that runs them."""
    for lane, _ in stops:
        lane.renew(template)
    holds = [lane.proxy.hold(nth(point.number), after=point.after) for lane, point in stops]
    child.go(lane.proxied for lane, _ in stops)
    try:
        for hold in holds:
            hold.wait()
    finally:
        child.kill()
        for hold in holds:
            hold.release(Verdict.CUT)
        for lane, _ in stops:
            lane.quiet()
