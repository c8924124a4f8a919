"""SIGKILL before statements of a batch from SQL Server to SQL Server (laws 1, 5 and 7)."""

from __future__ import annotations

import secrets
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import CreateDatabase
from tests.support.pairs import Pair
from tests.support.sqlserver import SqlServer
from tests.support.tds.server import TdsServer

pytestmark = pytest.mark.sqlserver

FEW = 8
"""Statements of a batch that are stopped at, spread over all of it."""
MOST_OF_A_LOAD = 60
"""Statements that a first load has at least."""


@dataclass
class Stop:
    """Counts the target's statements, and kills a process before one of them."""

    at: int = 0
    said: list[str] = field(default_factory=list)
    kill: Callable[[], None] = lambda: None
    """Whoever runs the batch is gone, in the midst of it."""
    reached: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, _: int, sql: str) -> None:
        with self._lock:
            self.said.append(sql)
            here = len(self.said) == self.at
        if here:
            self.kill()
            self.reached.set()

    def before(self, number: int) -> None:
        """Counts anew."""
        self.said.clear()
        self.at = number
        self.reached.clear()


@dataclass(frozen=True, slots=True)
class Place:
    """A pair of databases, and the server of the target."""

    pair: Pair
    target: TdsServer


@pytest.fixture
def place(create_database: CreateDatabase, tmp_path: Path) -> Iterator[Place]:
    """Both are SQL Server's."""
    with ExitStack() as stack:
        ends, servers = [], []
        for _ in range(2):
            backend, password = create_database(), secrets.token_urlsafe(12)
            server = TdsServer(backend.dsn, user="sa", password=password)
            servers.append(stack.enter_context(server))
            reached = {"host": "127.0.0.1", "port": server.port, "user": "sa"}
            ends.append(SqlServer(**reached, password=password, database=backend.name))
        pair = Pair(*ends, tmp_path)
        pair.configure()
        yield Place(pair, servers[1])


def _killed(place: Place, stop: Stop, number: int) -> bool:
    """Runs a batch that does not come beyond a statement, unless it had fewer; whether it had."""
    stop.before(number)
    with place.pair.watch("once") as child:
        stop.kill = lambda: child.signal(signal.SIGKILL)
        ended = child.wait(60).returncode
        assert ended == (-signal.SIGKILL if stop.reached.wait(1) else 0), child.lines
    stop.before(0)
    return ended != 0


def _again(place: Place) -> None:
    """Law 7: nothing has to be mended by hand; law 5: and then nothing is left to do."""
    done = place.pair.run("once")
    assert done.returncode == 0, done
    place.pair.lawful()
    assert _loads(place) == []


def _loads(place: Place) -> list[tuple[str, ...]]:
    return place.pair.target.fetch(
        "SELECT o.name FROM sys.objects o JOIN sys.schemas s ON s.schema_id = o.schema_id "
        "WHERE s.name = N'stage' AND o.name LIKE N'[_]load[_]%'"
    )


def _spread(statements: int, few: int) -> list[int]:
    """Numbers of statements from the first to the last one."""
    return sorted({1 + n * (statements - 1) // (few - 1) for n in range(few)})


@pytest.mark.parametrize("few", [FEW, pytest.param(1_000, marks=pytest.mark.long)])
def test_a_batch_of_changes_killed_before_any_statement(few: int, place: Place) -> None:
    """Law 7: all of it or nothing, whichever statement the process dies before."""
    place.pair.begin(2_000)
    _again(place)
    stop = Stop()
    place.target.on_statement = stop
    place.pair.change(0)
    assert place.pair.run("once").returncode == 0
    said = list(stop.said)
    assert any("_load_row" in sql for sql in said)
    killed = []
    for turn, number in enumerate(_spread(len(said), few), 1):
        place.pair.change(2 * turn)
        killed.append(_killed(place, stop, number))
        _again(place)
    assert sum(killed) > len(killed) // 2


@pytest.mark.parametrize("few", [FEW, pytest.param(1_000, marks=pytest.mark.long)])
def test_a_first_load_killed_before_any_statement(few: int, place: Place) -> None:
    """Law 7: a table that has no history yet has none after, or all of it."""
    place.pair.begin(200)
    assert place.pair.run("control", "apply").returncode == 0
    stop = Stop()
    place.target.on_statement = stop
    numbers = _spread(MOST_OF_A_LOAD, few)
    assert all(_killed(place, stop, number) for number in numbers)
    _again(place)
    assert {operation for _, operation, _ in place.pair.operations()} == {"I"}
