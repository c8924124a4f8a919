"""The command line between SQL Server and PostgreSQL, in every direction that has SQL Server."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import CreateDatabase
from tests.support.pairs import PAIRS, Pair, a_pair
from tests.support.replicas import until

pytestmark = pytest.mark.sqlserver


@pytest.fixture(params=PAIRS, ids=" to ".join)
def pair(
    request: pytest.FixtureRequest, create_database: CreateDatabase, tmp_path: Path
) -> Iterator[Pair]:
    """Two empty databases."""
    with a_pair(request.param, create_database, tmp_path) as made:
        yield made


def test_a_table_lives_through_its_batches(pair: Pair) -> None:
    """Laws 3 to 5: a first load, nothing new, changes; each batch leaves what the source holds."""
    pair.begin()
    planned = pair.run("plan")
    assert (planned.returncode, "first load" in planned.stdout) == (0, True), planned
    for _ in range(2):
        done = pair.run("once")
        assert done.returncode == 0, done
        pair.lawful()
    assert [operation for _, operation, _ in pair.operations()] == ["I"] * 5
    pair.change()
    done = pair.run("once")
    assert done.returncode == 0, done
    pair.lawful()
    assert pair.operations() == [
        *[(0, "I", "D"), (1, "I", "U"), (1, "U", None), (2, "I", None), (3, "I", None)],
        *[(4, "I", None), (100, "I", None)],
    ]
    status = pair.run("status", "src.app.account")
    assert (status.returncode, "active" in status.stdout) == (0, True), status


def test_a_plan_says_what_would_happen_and_writes_nothing(pair: Pair) -> None:
    """``plan`` counts by operation; the target is as before."""
    pair.begin()
    assert pair.run("once").returncode == 0
    before = pair.operations()
    pair.change()
    planned = pair.run("plan")
    assert planned.returncode == 0, planned
    for word in ("insert, sample keys", "update, sample keys", "delete, sample keys"):
        assert word in planned.stdout
    assert pair.operations() == before


def test_a_daemon_follows_the_source_and_stops_when_told(pair: Pair) -> None:
    """DESIGN 6.5: changes become history on schedule; SIGTERM ends it in good order."""
    pair.configure(defaults={"schedule": {"every": "1s"}})
    pair.begin()
    with pair.watch("run") as daemon:
        until(lambda: _loaded(pair), 60, "first load")
        pair.change()
        until(pair.mirrored, 60, "changes")
        daemon.terminate()
        assert daemon.wait(60).returncode == 0
    pair.lawful()


def test_what_is_killed_at_any_instant_is_right_when_it_runs_again(pair: Pair) -> None:
    """Law 7: SIGKILL leaves nothing that has to be mended by hand."""
    pair.begin(60)
    assert pair.run("once").returncode == 0
    chance = random.Random(7)
    for turn in range(3):
        pair.change(2 * turn)
        with pair.watch("once") as child:
            end = time.monotonic() + chance.uniform(1.0, 3.5)
            until(lambda end=end: time.monotonic() >= end, 10)
            child.signal(signal.SIGKILL)
        done = pair.run("once")
        assert done.returncode == 0, done
        pair.lawful()


def _loaded(pair: Pair) -> bool:
    there = "SELECT 1 FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = 'bronze'"
    return bool(pair.target.fetch(there)) and pair.mirrored()
