"""Application locks of the TDS test server: sp_getapplock and sp_releaseapplock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyodbc
import pytest

from cdc_daemon.databases.postgresql.embedded import EmbeddedPostgres
from tests.support.databases import Database
from tests.support.tds.server import TdsServer
from tests.support.tds_clients import odbc, served_database

GET = (
    "DECLARE @r int; EXEC @r = sp_getapplock @Resource = ?, @LockMode = 'Exclusive', "
    "@LockOwner = '{owner}', @LockTimeout = {timeout}; SELECT @r"
)


@dataclass(frozen=True)
class Site:
    """A server, its database, and connections that are closed at the end."""

    server: TdsServer
    database: Database
    connect: Callable[..., pyodbc.Connection]


@pytest.fixture(scope="module")
def place(postgres: EmbeddedPostgres) -> Iterator[tuple[TdsServer, Database]]:
    """The server of this module."""
    with served_database(postgres) as place:
        yield place


@pytest.fixture
def site(place: tuple[TdsServer, Database]) -> Iterator[Site]:
    """The server with one empty table; connections are closed at the end."""
    server, database = place
    made: list[pyodbc.Connection] = []

    def connect(**options: bool | str) -> pyodbc.Connection:
        made.append(odbc(server, database, **options))
        return made[-1]

    first = connect()
    first.execute("DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, v nvarchar(10))")
    yield Site(server, database, connect)
    for connection in made:
        connection.close()


def get_lock(connection: pyodbc.Connection, owner: str = "Session", timeout: int = 0) -> int:
    return connection.execute(GET.format(owner=owner, timeout=timeout), "r").fetchval()


def test_a_session_lock_is_held_until_its_connection_ends(site: Site) -> None:
    """A second session is told -1, and gets the lock as soon as the first is gone."""
    first, second = site.connect(), site.connect()
    assert get_lock(first) == 0
    assert get_lock(second) == -1
    first.execute("BEGIN TRAN; ROLLBACK")
    assert get_lock(second) == -1
    site.server.cut_connection(first.execute("SELECT @@SPID").fetchval())
    assert get_lock(second, timeout=10_000) in {0, 1}


def test_a_lock_is_released_by_name(site: Site) -> None:
    """sp_releaseapplock frees the lock; releasing it twice is error 1223."""
    first, second = site.connect(), site.connect()
    get_lock(first)
    assert first.execute("SELECT APPLOCK_MODE('public', 'r', 'Session')").fetchval() == "Exclusive"
    release = "EXEC sp_releaseapplock @Resource = N'r', @LockOwner = 'Session'"
    first.execute(release)
    assert get_lock(second) == 0
    with pytest.raises(pyodbc.Error, match="1223"):
        first.execute(release)


def test_a_transaction_lock_goes_with_the_transaction(site: Site) -> None:
    """Owner Transaction: refused without one, freed at its end."""
    first, second = site.connect(), site.connect()
    assert get_lock(first, "Transaction") == -999
    first.execute("BEGIN TRAN")
    assert get_lock(first, "Transaction") == 0
    assert get_lock(second) == -1
    first.execute("COMMIT")
    assert get_lock(second) == 0
