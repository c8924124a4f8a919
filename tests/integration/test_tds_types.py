"""Every type of SQL Server through Microsoft's driver: stored, read, described in the catalog."""

# ruff: noqa: DTZ001 - SQL Server's datetimes have no zone
from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from decimal import Decimal

import pyodbc
import pytest

from tests.support.databases import Database
from tests.support.tds.server import TdsServer
from tests.support.tds_clients import number, odbc

BIG = Decimal(12345678901234567890123456789012345678)
CASES = [
    ("bit", "CAST(1 AS bit)", True),
    ("tinyint", "255", 255),
    ("smallint", "-32768", -32768),
    ("int", "2147483647", 2147483647),
    ("bigint", "-9223372036854775808", -(2**63)),
    ("decimal(38,0)", str(BIG), BIG),
    (
        "decimal(38,38)",
        "-0.12345678901234567890123456789012345678",
        Decimal("-0.12345678901234567890123456789012345678"),
    ),
    ("decimal(18,4)", "-0.0001", Decimal("-0.0001")),
    ("decimal(9,2)", "0", Decimal("0.00")),
    ("money", "-922337203685477.5808", Decimal("-922337203685477.5808")),
    ("smallmoney", "214748.3647", Decimal("214748.3647")),
    ("real", "CAST(1.5 AS real)", 1.5),
    ("float", "1e300", 1e300),
    ("float(24)", "CAST(0.25 AS real)", 0.25),
    ("date", "'0001-01-01'", dt.date(1, 1, 1)),
    ("date", "'9999-12-31'", dt.date(9999, 12, 31)),
    ("time(0)", "'23:59:59'", dt.time(23, 59, 59)),
    ("time(7)", "'23:59:59.1234567'", dt.time(23, 59, 59, 123456)),
    (
        "datetime",
        "CAST('2024-02-29 12:00:00.123' AS datetime)",
        dt.datetime(2024, 2, 29, 12, 0, 0, 123000),
    ),
    ("smalldatetime", "CAST('2024-02-29 12:00' AS smalldatetime)", dt.datetime(2024, 2, 29, 12)),
    ("datetime2(0)", "'9999-12-31 23:59:59'", dt.datetime(9999, 12, 31, 23, 59, 59)),
    ("datetime2(6)", "'0001-01-01 00:00:00.000001'", dt.datetime(1, 1, 1, 0, 0, 0, 1)),
    ("datetime2(7)", "'2024-01-01T00:00:00.1234567'", dt.datetime(2024, 1, 1, 0, 0, 0, 123456)),
    ("char(3)", "'a'", "a  "),
    ("nchar(3)", "N'é'", "é  "),
    ("varchar(10)", "'€uro'", "€uro"),
    ("varchar(max)", "'x'", "x"),
    ("nvarchar(10)", "N'a😀'", "a😀"),
    ("nvarchar(max)", "N'  '", "  "),
    ("text", "'t'", "t"),
    ("ntext", "N'ń'", "ń"),
    ("xml", "N'<a/>'", "<a/>"),
    ("hierarchyid", "N'/1/'", "/1/"),
    ("binary(4)", "0x0102", b"\x01\x02\x00\x00"),
    ("varbinary(10)", "0x", b""),
    ("varbinary(max)", "0x00FF", b"\x00\xff"),
    ("image", "0x01", b"\x01"),
    (
        "uniqueidentifier",
        "'6F9619FF-8B86-D011-B42D-00C04FC964FF'",
        uuid.UUID("6f9619ff-8b86-d011-b42d-00c04fc964ff"),
    ),
]


@pytest.fixture
def connection(place: tuple[TdsServer, Database]) -> Iterator[pyodbc.Connection]:
    """A connection, and no table t."""
    pyodbc.native_uuid = True  # as the daemon has it, in the same process
    connection = odbc(*place)
    connection.execute("DROP TABLE IF EXISTS t")
    yield connection
    connection.close()


@pytest.mark.parametrize(("kind", "literal", "expected"), CASES, ids=[case[0] for case in CASES])
def test_a_value_is_read_as_it_was_stored(
    connection: pyodbc.Connection, kind: str, literal: str, expected: object
) -> None:
    """A literal of each type comes back exactly, and NULL as None."""
    cursor = connection.cursor()
    cursor.execute(f"CREATE TABLE t (v {kind} NULL)")
    cursor.execute(f"INSERT INTO t (v) VALUES ({literal}), (NULL)")
    assert [row[0] for row in cursor.execute("SELECT v FROM t")] == [expected, None]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int", 5),
        ("bigint", -(2**63)),
        ("bit", False),
        ("float", 0.1),
        ("decimal(38,10)", Decimal("1234567890.0123456789")),
        ("nvarchar(20)", "o'neil é😀"),
        ("nvarchar(max)", "x" * 9000),
        ("varbinary(20)", b"\x00\x01\xff"),
        ("varbinary(max)", b"\x01" * 9000),
        ("date", dt.date(2024, 2, 29)),
        ("datetime2(6)", dt.datetime(2024, 2, 29, 23, 59, 59, 999999)),
        ("time(6)", dt.time(1, 2, 3)),
        ("uniqueidentifier", uuid.UUID("6f9619ff-8b86-d011-b42d-00c04fc964ff")),
    ],
)
def test_a_parameter_arrives_exactly(
    connection: pyodbc.Connection, kind: str, value: object
) -> None:
    """A parameter of each type is stored, found again by itself, and given back."""
    cursor = connection.cursor()
    cursor.execute(f"CREATE TABLE t (v {kind} NULL)")
    cursor.execute("INSERT INTO t (v) VALUES (?)", value)
    cursor.execute("INSERT INTO t (v) VALUES (?)", None)
    found = cursor.execute("SELECT v FROM t WHERE v = ?", value).fetchall()
    assert [row[0] for row in found] == [value]
    assert cursor.execute("SELECT COUNT(*) FROM t WHERE v IS NULL").fetchval() == 1


def test_datetimeoffset_keeps_its_offset_and_orders_by_the_instant(
    connection: pyodbc.Connection,
) -> None:
    """The offset comes back, and an earlier local time may be the later instant."""
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE t (v datetimeoffset(3) NULL)")
    cursor.execute(
        "INSERT INTO t VALUES ('2024-01-01 01:00:00.123 -10:00'), (CAST('2024-01-01 05:00 +05:30' "
        "AS datetimeoffset(3)))"
    )
    rows = cursor.execute("SELECT CONVERT(varchar(34), v, 121) FROM t ORDER BY v").fetchall()
    assert [row[0] for row in rows] == [
        "2024-01-01 05:00:00.000 +05:30",
        "2024-01-01 01:00:00.123 -10:00",
    ]


def test_seven_digits_are_kept(connection: pyodbc.Connection) -> None:
    """datetime2(7) and time(7) give seven digits as text, and compare by them."""
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE t (d datetime2(7), t time(7))")
    cursor.execute("INSERT INTO t VALUES (?, ?)", "2024-01-01 00:00:00.1234567", "01:02:03.0000001")
    row = cursor.execute(
        "SELECT CONVERT(varchar(27), d, 121), CONVERT(varchar(16), t, 121) FROM t "
        "WHERE d > CAST('2024-01-01 00:00:00.1234566' AS datetime2(7))"
    ).fetchone()
    assert tuple(row) == ("2024-01-01 00:00:00.1234567", "01:02:03.0000001")


@pytest.mark.parametrize(
    ("kind", "literal", "code"),
    [
        ("tinyint", "256", 8115),
        ("int", "99999999999", 8115),
        ("nvarchar(2)", "N'abc'", 2628),
        ("decimal(4,2)", "100", 8115),
        ("sql_variant", "N'x'", 50000),
        ("datetime2(7)", "N'yesterday'", 241),
    ],
)
def test_what_does_not_fit_is_an_error(
    connection: pyodbc.Connection, kind: str, literal: str, code: int
) -> None:
    """A value that a column cannot hold is refused with SQL Server's number."""
    cursor = connection.cursor()
    cursor.execute(f"CREATE TABLE t (v {kind} NULL)")
    with pytest.raises(pyodbc.Error) as caught:
        cursor.execute(f"INSERT INTO t (v) VALUES ({literal})")
    assert number(caught.value) == code
    assert cursor.execute("SELECT COUNT(*) FROM t").fetchval() == 0


def test_rowversion_moves_with_every_write(connection: pyodbc.Connection) -> None:
    """Each insert and update gives a greater rowversion."""
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE t (id int, v rowversion)")
    cursor.execute("INSERT INTO t (id) VALUES (1)")
    first = cursor.execute("SELECT v FROM t").fetchval()
    cursor.execute("UPDATE t SET id = 2")
    assert cursor.execute("SELECT v FROM t").fetchval() > first
