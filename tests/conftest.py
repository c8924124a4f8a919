"""Fixtures of all tests: servers and databases; see ``tests/support`` for what they are made of."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from cdc_daemon.databases.postgresql.embedded import EmbeddedPostgres
from tests.support.databases import Database, Databases
from tests.support.left_out import is_left_out, missing_for_sqlserver
from tests.support.proxy import Proxy

pytest_plugins = ("tests.support.sqlserver",)
CreateDatabase = Callable[[], Database]


def pytest_configure() -> None:
    """What all tests go by, on whatever machine."""
    # children that are sent it must not inherit that it is ignored, as under nohup
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    # how long an example takes is the machine's
    settings.register_profile(
        "patient", deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("patient")


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Without Microsoft's drivers the suites of SQL Server are left out, and the summary says so."""
    return True if is_left_out(collection_path) else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What is left out on this machine, and how to have it."""
    if missing := missing_for_sqlserver():
        terminalreporter.write_line(f"left out: the suites of SQL Server: {missing}")


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    """The server of this test process, started by the first test that asks. Never kill it."""
    with EmbeddedPostgres() as server:
        yield server


@pytest.fixture
def private_postgres() -> Iterator[EmbeddedPostgres]:
    """A server of the test's own, started; it may be killed, halted and started."""
    with EmbeddedPostgres() as server:
        yield server


@pytest.fixture
def create_database(postgres: EmbeddedPostgres) -> Iterator[CreateDatabase]:
    """Makes empty databases on ``postgres``; they are dropped when the test is over."""
    databases = Databases(postgres)
    yield databases.create
    databases.drop_all()


@pytest.fixture
def source_db(create_database: CreateDatabase) -> Database:
    """An empty database to read from."""
    return create_database()


@pytest.fixture
def target_db(create_database: CreateDatabase) -> Database:
    """An empty database to write to, on the same server as ``source_db``."""
    return create_database()


@pytest.fixture
def source_proxy(source_db: Database) -> Iterator[Proxy]:
    """A proxy before ``source_db``; ``source_db.through(source_proxy.port)`` is the way in."""
    with Proxy(source_db.host, source_db.port) as proxy:
        yield proxy


@pytest.fixture
def target_proxy(target_db: Database) -> Iterator[Proxy]:
    """A proxy before ``target_db``; ``target_db.through(target_proxy.port)`` is the way in."""
    with Proxy(target_db.host, target_db.port) as proxy:
        yield proxy
