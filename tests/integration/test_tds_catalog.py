"""sys.columns and sys.types of the TDS test server."""

from __future__ import annotations

from collections.abc import Iterator

import pyodbc
import pytest

from tests.support.databases import Database
from tests.support.tds.server import TdsServer
from tests.support.tds_clients import odbc, served


@pytest.fixture
def connection(place: tuple[TdsServer, Database]) -> Iterator[pyodbc.Connection]:
    """A connection, and no table t."""
    connection = odbc(*place)
    connection.execute("DROP TABLE IF EXISTS t")
    yield connection
    connection.close()


def test_the_catalog_tells_types_exactly(connection: pyodbc.Connection) -> None:
    """sys.columns gives each column's type, length, precision and scale as SQL Server does."""
    cursor = connection.cursor()
    cursor.execute(
        "CREATE TABLE t (a nvarchar(10) COLLATE Latin1_General_BIN2 NOT NULL, b nvarchar(max), "
        "c decimal(19,4), d datetime2(7), e datetime2(3), f varbinary(16), g tinyint, h char(2), "
        "i datetimeoffset(0), j time(7), k rowversion, l xml, m float, n real, o money, p sysname)"
    )
    rows = cursor.execute(
        "SELECT t.name, c.system_type_id, c.max_length, c.precision, c.scale, c.collation_name, "
        "c.is_nullable FROM sys.columns AS c JOIN sys.types AS t ON t.user_type_id = c.user_type_id "
        "WHERE c.object_id = OBJECT_ID(N'[dbo].[t]') ORDER BY c.column_id"
    ).fetchall()
    default = "SQL_Latin1_General_CP1_CI_AS"
    assert [tuple(row) for row in rows] == [
        ("nvarchar", 231, 20, 0, 0, "Latin1_General_BIN2", False),
        ("nvarchar", 231, -1, 0, 0, default, True),
        ("decimal", 106, 9, 19, 4, None, True),
        ("datetime2", 42, 8, 27, 7, None, True),
        ("datetime2", 42, 7, 23, 3, None, True),
        ("varbinary", 165, 16, 0, 0, None, True),
        ("tinyint", 48, 1, 3, 0, None, True),
        ("char", 175, 2, 0, 0, default, True),
        ("datetimeoffset", 43, 8, 26, 0, None, True),
        ("time", 41, 5, 16, 7, None, True),
        ("timestamp", 189, 8, 0, 0, None, True),
        ("xml", 241, -1, 0, 0, None, True),
        ("float", 62, 8, 53, 0, None, True),
        ("real", 59, 4, 24, 0, None, True),
        ("money", 60, 8, 19, 4, None, True),
        ("nvarchar", 231, 256, 0, 0, default, True),
    ]


def test_tables_made_without_tsql_appear(source_db: Database) -> None:
    """PostgreSQL's own types are shown as the SQL Server types that hold their values."""
    source_db.execute(
        "CREATE TABLE public.p (a text, b varchar(5), c timestamp, d timestamptz, e numeric(10,2), "
        "f bytea, g boolean, h uuid, i bigint)"
    )
    with served(source_db) as server:
        connection = odbc(server, source_db)
        rows = connection.execute(
            "SELECT t.name, c.max_length, c.scale FROM sys.columns AS c JOIN sys.types AS t "
            "ON t.user_type_id = c.user_type_id WHERE c.object_id = OBJECT_ID(N'public.p') "
            "ORDER BY c.column_id"
        ).fetchall()
        connection.close()
    assert [tuple(row) for row in rows] == [
        ("nvarchar", -1, 0),
        ("nvarchar", 10, 0),
        ("datetime2", 8, 6),
        ("datetimeoffset", 10, 6),
        ("decimal", 9, 2),
        ("varbinary", -1, 0),
        ("bit", 1, 0),
        ("uniqueidentifier", 16, 0),
        ("bigint", 8, 0),
    ]
