"""Clients of the TDS test server: Microsoft's ODBC driver from its wheel, and mssql-python."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mssql_python
import mssql_python_odbc
import pyodbc

from cdc_daemon.databases.postgresql.embedded import EmbeddedPostgres
from tests.support.databases import Database, Databases
from tests.support.tds.server import TdsServer

USER, PASSWORD = "sa", "Passw0rd!"


def odbc_driver() -> Path:
    """Microsoft's driver for this system, out of the wheel ``mssql-python-odbc``."""
    folder = Path(mssql_python_odbc.__file__).parent
    found = sorted(folder.rglob("debian_ubuntu/**/libmsodbcsql*.so*"))
    return found[0]


@contextmanager
def served(database: Database, **options: bool) -> Iterator[TdsServer]:
    """A TDS server over a database."""
    with TdsServer(database.dsn, user=USER, password=PASSWORD, **options) as server:
        yield server


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
        f"DRIVER={odbc_driver()};SERVER=tcp:127.0.0.1,{server.port};DATABASE={database.name};"
        f"UID={USER};PWD={PASSWORD};Encrypt={encrypt};TrustServerCertificate=yes",
        autocommit=autocommit,
    )


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
