"""DDL, DML and the catalog of the TDS test server through Microsoft's driver."""

from __future__ import annotations

from collections.abc import Iterator

import pyodbc
import pytest

from tests.support.databases import Database
from tests.support.tds.server import TdsServer
from tests.support.tds_clients import number, odbc


@pytest.fixture
def cursor(place: tuple[TdsServer, Database]) -> Iterator[pyodbc.Cursor]:
    """A cursor; bronze.t has two open versions and a closed one, stage.l three changes."""
    connection = odbc(*place)
    cursor = connection.cursor()
    for schema in ("bronze", "stage"):
        cursor.execute(f"IF SCHEMA_ID(N'{schema}') IS NULL EXEC(N'CREATE SCHEMA [{schema}]')")
    cursor.execute("DROP TABLE IF EXISTS bronze.t, stage.l")
    cursor.execute(
        "CREATE TABLE [bronze].[t] ([id] int NOT NULL, [v] nvarchar(20) NULL, [_valid_from] "
        "datetime2(6) NOT NULL DEFAULT SYSUTCDATETIME(), [_valid_to] datetime2(6) NULL, "
        "[_is_current] bit NOT NULL, CONSTRAINT [ck] CHECK ([_valid_to] > [_valid_from]), "
        "CHECK (([_is_current] = 1 AND [_valid_to] IS NULL) OR ([_is_current] = 0 AND [_valid_to] IS NOT NULL)))"
    )
    cursor.execute(
        "CREATE TABLE stage.l (_n bigint IDENTITY(1,1) PRIMARY KEY CLUSTERED, id int, v nvarchar(20))"
    )
    cursor.execute(
        "INSERT INTO bronze.t (id, v, _valid_to, _is_current) VALUES (1, N'a', NULL, 1), "
        "(2, N'b', NULL, 1), (1, N'old', '9999-12-31', 0)"
    )
    cursor.execute("INSERT INTO stage.l (id, v) VALUES (1, N'x'), (2, N'y'), (3, N'z')")
    yield cursor
    connection.close()


def rows(cursor: pyodbc.Cursor, sql: str, *parameters: object) -> list[tuple[object, ...]]:
    return [tuple(row) for row in cursor.execute(sql, *parameters).fetchall()]


def test_a_filtered_unique_index_keeps_its_name_and_filter(cursor: pyodbc.Cursor) -> None:
    """One open version a key: a second raises 2601; sys.indexes tells the filter as SQL Server."""
    cursor.execute(
        "CREATE UNIQUE NONCLUSTERED INDEX [ux] ON [bronze].[t] ([id]) INCLUDE ([v]) WHERE [_valid_to] IS NULL"
    )
    with pytest.raises(pyodbc.Error) as caught:
        cursor.execute("INSERT INTO bronze.t (id, _is_current) VALUES (1, 1)")
    assert number(caught.value) == 2601
    found = rows(
        cursor,
        "SELECT i.name, i.is_unique, i.has_filter, i.filter_definition, i.is_disabled, i.type, "
        "c.name, k.key_ordinal, k.is_included_column FROM sys.indexes AS i JOIN sys.index_columns AS k "
        "ON k.object_id = i.object_id AND k.index_id = i.index_id JOIN sys.columns AS c ON "
        "c.object_id = k.object_id AND c.column_id = k.column_id WHERE i.object_id = OBJECT_ID(N'bronze.t') "
        "ORDER BY k.index_column_id",
    )
    assert found == [
        ("ux", True, True, "([_valid_to] IS NULL)", False, 2, "id", 1, False),
        ("ux", True, True, "([_valid_to] IS NULL)", False, 2, "v", 0, True),
    ]
    cursor.execute("ALTER INDEX [ux] ON [bronze].[t] DISABLE")
    assert rows(cursor, "SELECT is_disabled FROM sys.indexes WHERE name = N'ux'") == [(True,)]
    cursor.execute("DROP INDEX [ux] ON [bronze].[t]")
    assert rows(cursor, "SELECT name FROM sys.indexes WHERE name = N'ux'") == []


def test_two_tables_may_have_indexes_of_one_name(cursor: pyodbc.Cursor) -> None:
    """An index's name is its table's own, as in SQL Server."""
    cursor.execute("CREATE INDEX ix ON bronze.t (id); CREATE INDEX ix ON stage.l (id)")
    assert len(rows(cursor, "SELECT 1 FROM sys.indexes WHERE name = N'ix'")) == 2


def test_close_and_open(cursor: pyodbc.Cursor) -> None:
    """UPDATE ... FROM ... JOIN and INSERT ... SELECT ... NOT EXISTS tell the rows they wrote."""
    cursor.execute(
        "UPDATE t SET [_valid_to] = CAST(? AS datetime2(6)), [_is_current] = 0 FROM [bronze].[t] AS t "
        "JOIN [stage].[l] AS l ON l.[id] = t.[id] WHERE t.[_valid_to] IS NULL AND l.[_n] > ? AND l.[_n] <= ?",
        "9999-01-01",
        0,
        4000,
    )
    assert cursor.rowcount == 2
    cursor.execute(
        "INSERT INTO [bronze].[t] WITH (TABLOCK) ([id], [v], [_is_current]) SELECT l.[id], l.[v], 1 "
        "FROM [stage].[l] AS l WHERE NOT EXISTS (SELECT 1 FROM [bronze].[t] AS t WHERE t.[id] = l.[id] "
        "AND t.[_valid_to] IS NULL)"
    )
    assert cursor.rowcount == 3
    assert rows(cursor, "SELECT id, v FROM bronze.t WHERE _valid_to IS NULL ORDER BY id") == [
        (1, "x"),
        (2, "y"),
        (3, "z"),
    ]


def test_deletes(cursor: pyodbc.Cursor) -> None:
    """DELETE with a join, with an outer join, with TOP and with OUTPUT."""
    cursor.execute("DELETE l FROM stage.l AS l JOIN bronze.t AS t ON t.id = l.id WHERE t.v = N'a'")
    assert cursor.rowcount == 1
    cursor.execute(
        "DELETE l FROM stage.l AS l LEFT JOIN bronze.t AS t ON t.id = l.id WHERE t.id IS NULL"
    )
    assert cursor.rowcount == 1
    assert rows(cursor, "DELETE FROM stage.l OUTPUT DELETED.id, DELETED.v WHERE id = ?", 2) == [
        (2, "y")
    ]
    cursor.execute("DELETE TOP (2) FROM bronze.t")
    assert cursor.rowcount == 2


def test_output_of_what_was_written(cursor: pyodbc.Cursor) -> None:
    """OUTPUT gives the new and the old values, and identities."""
    assert rows(
        cursor, "INSERT INTO stage.l (id) OUTPUT INSERTED._n, INSERTED.id VALUES (?)", 9
    ) == [(4, 9)]
    updated = rows(
        cursor, "UPDATE stage.l SET v = N'q' OUTPUT DELETED.v, INSERTED.v WHERE id = ?", 1
    )
    assert updated == [("x", "q")]


def test_queries(cursor: pyodbc.Cursor) -> None:
    """CTE, windows, TOP, OFFSET, aggregates, CASE and functions."""
    assert rows(
        cursor,
        "WITH c AS (SELECT id, ROW_NUMBER() OVER (PARTITION BY id ORDER BY v DESC) AS r FROM bronze.t) "
        "SELECT TOP (1) id, COUNT_BIG(*), MAX(r) FROM c GROUP BY id ORDER BY id",
    ) == [(1, 2, 2)]
    assert rows(
        cursor, "SELECT id FROM stage.l ORDER BY id OFFSET ? ROWS FETCH NEXT ? ROWS ONLY", 1, 1
    ) == [(2,)]
    assert rows(
        cursor,
        "SELECT STRING_AGG(v, N',') WITHIN GROUP (ORDER BY v DESC), SUM(id), AVG(id), COUNT(DISTINCT v), "
        "ISNULL(MAX(CASE WHEN id > 5 THEN v END), N'none'), LEN(N'ab  '), DATALENGTH(N'ab') FROM stage.l",
    ) == [("z,y,x", 6, 2, 3, "none", 2, 4)]
    assert rows(
        cursor, "SELECT DATEDIFF(day, '2024-01-01', CAST('2024-03-01' AS date)), 7 / 2, N'a' + N'b'"
    ) == [(60, 3, "ab")]


def test_key_bytes(cursor: pyodbc.Cursor) -> None:
    """Text as varbinary is UTF-16LE, and + joins bytes."""
    assert rows(cursor, "SELECT CAST(? AS varbinary(20)) + 0x01", "é😀") == [
        ("é😀".encode("utf-16-le") + b"\x01",)
    ]


def test_tables_change_and_go(cursor: pyodbc.Cursor) -> None:
    """ALTER TABLE ADD, views, TRUNCATE (identity starts again) and DROP."""
    cursor.execute("ALTER TABLE stage.l ADD extra decimal(10,2) NULL, more nvarchar(max) NULL")
    cursor.execute("CREATE OR ALTER VIEW stage.v AS SELECT id, extra FROM stage.l WHERE id > 1")
    cursor.execute("CREATE OR ALTER VIEW stage.v AS SELECT id FROM stage.l")
    assert rows(cursor, "SELECT COUNT(*) FROM stage.v") == [(3,)]
    assert rows(
        cursor, "SELECT name FROM sys.views WHERE object_id = OBJECT_ID(N'stage.v', N'V')"
    ) == [("v",)]
    cursor.execute("TRUNCATE TABLE stage.l")
    assert rows(cursor, "INSERT INTO stage.l (id) OUTPUT INSERTED._n VALUES (1)") == [(1,)]
    cursor.execute("DROP VIEW stage.v; DROP TABLE stage.l")
    assert rows(cursor, "SELECT OBJECT_ID(N'[stage].[l]')") == [(None,)]


def test_keys_identities_and_odd_columns_are_in_the_catalog(cursor: pyodbc.Cursor) -> None:
    """Primary keys, identity, computed, masked and period columns, alias types."""
    cursor.execute("DROP TABLE IF EXISTS odd")
    cursor.execute("IF TYPE_ID(N'dbo.code') IS NULL CREATE TYPE dbo.code FROM nvarchar(5) NOT NULL")
    cursor.execute(
        "CREATE TABLE odd (a int NOT NULL, b int NOT NULL, m nvarchar(9) MASKED WITH (FUNCTION = 'default()'), "
        "k dbo.code, f datetime2(7) GENERATED ALWAYS AS ROW START HIDDEN NOT NULL, c AS (a + b) PERSISTED, "
        "n AS (SYSUTCDATETIME()), CONSTRAINT pk_odd PRIMARY KEY NONCLUSTERED (b, a))"
    )
    assert rows(
        cursor,
        "SELECT name, is_computed, is_masked, generated_always_type, is_hidden, system_type_id, max_length, "
        "COLUMNPROPERTY(object_id, name, 'IsDeterministic') FROM sys.columns "
        "WHERE object_id = OBJECT_ID(N'odd') ORDER BY column_id",
    ) == [
        ("a", False, False, 0, False, 56, 4, None),
        ("b", False, False, 0, False, 56, 4, None),
        ("m", False, True, 0, False, 231, 18, None),
        ("k", False, False, 0, False, 231, 10, None),
        ("f", False, False, 1, True, 42, 8, None),
        ("c", True, False, 0, False, 56, 4, 1),
        ("n", True, False, 0, False, 42, 8, 0),
    ]
    assert rows(
        cursor,
        "SELECT k.COLUMN_NAME FROM INFORMATION_SCHEMA.KEY_COLUMN_USAGE AS k WHERE k.CONSTRAINT_NAME = N'pk_odd' "
        "ORDER BY k.ORDINAL_POSITION",
    ) == [("b",), ("a",)]
    cursor.execute("INSERT INTO odd (a, b) VALUES (1, 2)")
    assert rows(cursor, "SELECT c FROM odd") == [(3,)]
    assert rows(cursor, "SELECT is_identity FROM sys.columns WHERE name = N'_n'") == [(True,)]


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("SELECT * FROM dbo.nothing", 208),
        ("SELECT nothing FROM stage.l", 207),
        ("INSERT INTO stage.l (_n) VALUES (1)", 544),
        ("INSERT INTO bronze.t (id, _is_current) VALUES (NULL, 1)", 515),
        ("INSERT INTO bronze.t (id, _is_current) VALUES (1, 0)", 547),
        ("SELECT 1 / 0", 8134),
        ("SELEC 1", 2812),
        ("SELECT @missing", 137),
        ("EXEC sp_who", 2812),
        ("CREATE TABLE stage.l (a int)", 2714),
        ("MERGE stage.l AS l USING bronze.t AS t ON 1 = 0 WHEN NOT MATCHED THEN DELETE", 50000),
        ("EXEC sp_rename 'stage.l', 'm'", 2812),
    ],
)
def test_errors_have_their_numbers(cursor: pyodbc.Cursor, sql: str, code: int) -> None:
    """What fails, and what is not served, is an error with a number; the session goes on."""
    with pytest.raises(pyodbc.Error) as caught:
        cursor.execute(sql)
    assert number(caught.value) == code
    assert rows(cursor, "SELECT 1") == [(1,)]


def test_temporary_tables(cursor: pyodbc.Cursor) -> None:
    """A #table belongs to its connection."""
    cursor.execute("CREATE TABLE #x (a int); INSERT INTO #x VALUES (1)")
    assert rows(cursor, "SELECT a FROM #x") == [(1,)]
    cursor.execute("DROP TABLE #x")
