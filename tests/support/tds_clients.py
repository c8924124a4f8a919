"""Clients of the TDS test server: Microsoft's ODBC driver from its wheel, and mssql-python."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import mssql_python
import pyodbc

from cdc_daemon.databases.postgresql.embedded import EmbeddedPostgres
from cdc_daemon.databases.sqlserver.drivers import microsoft_driver
from tests.support.databases import Database, Databases
from tests.support.tds.server import TdsServer

USER, PASSWORD = "sa", "Passw0rd!"


@contextmanager
def served(database: Database, **options: bool) -> Iterator[TdsServer]:
    """A TDS server over a database, which may be asked for what it does not serve."""
    server = TdsServer(database.dsn, user=USER, password=PASSWORD, **options)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def served_database(postgres: EmbeddedPostgres) -> Iterator[tuple[TdsServer, Database]]:
    """A server over an empty database of its own, for the tests of a module."""
    databases = Databases(postgres)
    database = databases.create()
    with served(database) as server:
        yield server, database
    databases.drop_all()


def odbc(
    server: TdsServer, database: Database, *, autocommit: bool = True, encrypt: str = "no"
) -> pyodbc.Connection:
    """A pyodbc connection through Microsoft's driver."""
    return pyodbc.connect(
        f"DRIVER={microsoft_driver()};SERVER=tcp:127.0.0.1,{server.port};DATABASE={database.name};"
        f"UID={USER};PWD={PASSWORD};Encrypt={encrypt};TrustServerCertificate=yes",
        autocommit=autocommit,
    )


@dataclass(frozen=True)
class Site:
    """A server, its database, and connections that are closed at the end."""

    server: TdsServer
    database: Database
    connect: Callable[..., pyodbc.Connection]


@contextmanager
def a_site(server: TdsServer, database: Database) -> Iterator[Site]:
    """The server with one empty table."""
    made: list[pyodbc.Connection] = []

    def connect(**options: bool | str) -> pyodbc.Connection:
        made.append(odbc(server, database, **options))
        return made[-1]

    first = connect()
    first.execute("DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, v nvarchar(10))")
    yield Site(server, database, connect)
    for connection in made:
        connection.close()


def native(server: TdsServer, database: Database) -> mssql_python.Connection:
    """A connection of mssql-python."""
    return mssql_python.connect(
        f"SERVER=127.0.0.1,{server.port};DATABASE={database.name};UID={USER};PWD={PASSWORD};"
        "Encrypt=no;TrustServerCertificate=yes",
        autocommit=True,
    )


def number(error: pyodbc.Error) -> int:
    """SQL Server's number in an ODBC error: the one in parentheses behind the text."""
    return int(str(error.args[1]).rpartition("(SQL")[0].rpartition("(")[2].rstrip(") "))
