"""Rows in bulk, both ways: INSERT BULK and Arrow of mssql-python, executemany of pyodbc."""

# ruff: noqa: DTZ001 - SQL Server's datetimes have no zone
from __future__ import annotations

import datetime as dt
import time
import uuid
from collections.abc import Iterator
from decimal import Decimal

import polars as pl
import pyarrow as pa
import pytest

from cdc_daemon.databases.postgresql.embedded import EmbeddedPostgres
from tests.support.databases import Database
from tests.support.tds.server import TdsServer
from tests.support.tds_clients import native, odbc, served_database

ROWS = 30_000
SECONDS = 10
"""Three thousand rows a second on the slowest machine; it does ten times that alone."""


@pytest.fixture(scope="module")
def place(postgres: EmbeddedPostgres) -> Iterator[tuple[TdsServer, Database]]:
    """The server of this module."""
    with served_database(postgres) as place:
        connection = odbc(*place)
        connection.execute("CREATE SCHEMA stage")
        connection.close()
        yield place


COLUMNS = {
    "a": ("bit", [True, False, None]),
    "b": ("smallint", [1, -32768, None]),
    "c": ("int", [1, -(2**31), None]),
    "d": ("bigint", [1, -(2**63), None]),
    "e": (
        "decimal(38,10)",
        [Decimal("1.5"), Decimal("-1234567890123456789012345678.0123456789"), None],
    ),
    "f": ("float", [0.1, -1e300, None]),
    "g": ("nvarchar(20)", ["é😀", "", None]),
    "h": ("nvarchar(max)", ["x" * 9000, "", None]),
    "i": ("varbinary(16)", [b"\x00\xff", b"", None]),
    "j": ("varbinary(max)", [b"\x01" * 9000, b"", None]),
    "k": ("date", [dt.date(1, 1, 1), dt.date(9999, 12, 31), None]),
    "l": ("datetime2(6)", [dt.datetime(2024, 2, 29, 1, 2, 3, 4), dt.datetime(1, 1, 1), None]),
    "m": ("time(6)", [dt.time(23, 59, 59, 999999), dt.time(0), None]),
    "n": ("uniqueidentifier", ["6F9619FF-8B86-D011-B42D-00C04FC964FF", None, None]),
    "o": ("char(1)", ["I", "U", None]),
    "p": ("real", [0.5, -2.0, None]),
}


def arrow() -> pa.Table:
    """Three rows of all types."""
    frame = pl.DataFrame({name: values for name, (_, values) in COLUMNS.items()}, strict=False)
    frame = frame.with_columns(
        pl.col("b").cast(pl.Int16),
        pl.col("c").cast(pl.Int32),
        pl.col("e").cast(pl.Decimal(38, 10)),
        pl.col("p").cast(pl.Float32),
    )
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest())


def test_every_type_is_loaded_and_read_back(place: tuple[TdsServer, Database]) -> None:
    """bulkcopy_arrow stores what arrow_reader then reads: all types, NULLs, an identity before them."""
    connection = native(*place)
    cursor = connection.cursor()
    columns = ", ".join(f"{name} {kind} NULL" for name, (kind, _) in COLUMNS.items())
    cursor.execute(f"CREATE TABLE stage.every (_n bigint IDENTITY(1,1) PRIMARY KEY, {columns})")
    loaded = cursor.bulkcopy_arrow("stage.every", arrow(), column_mappings=list(COLUMNS))
    assert loaded["rows_copied"] == 3
    cursor.execute(f"SELECT {', '.join(COLUMNS)} FROM stage.every ORDER BY _n")
    reader = cursor.arrow_reader(10)  # kept: one that is not ends its result, which is then empty
    found = reader.read_all()
    for name, (_, values) in COLUMNS.items():
        read = [
            str(value).upper() if isinstance(value, uuid.UUID) or (name == "n" and value) else value
            for value in found.column(name).to_pylist()
        ]
        assert read == values, name
    connection.close()


@pytest.mark.parametrize(
    ("column", "value"),
    [("o", "TOO LONG"), ("must", None)],
)
def test_wrong_data_stores_nothing(
    place: tuple[TdsServer, Database], column: str, value: str | None
) -> None:
    """A row that does not fit fails the load, and none of its rows is stored."""
    connection = native(*place)
    cursor = connection.cursor()
    cursor.execute(
        "DROP TABLE IF EXISTS stage.w; CREATE TABLE stage.w (o char(1), must int NOT NULL)"
    )
    table = pa.table({"o": ["I", "U"], "must": pa.array([1, 2], pa.int32())})
    wrong = table.to_pydict()
    wrong[column][1] = value
    load = pa.table({"o": wrong["o"], "must": pa.array(wrong["must"], pa.int32())})
    with pytest.raises(Exception, match=r"String length|NULL|null"):
        cursor.bulkcopy_arrow("stage.w", load, column_mappings=["o", "must"])
    assert cursor.execute("SELECT COUNT(*) FROM stage.w").fetchone()[0] == 0
    connection.close()


def test_a_failing_constraint_stores_nothing(place: tuple[TdsServer, Database]) -> None:
    """A duplicate key fails a load in the server, with its number; nothing half stored."""
    connection = native(*place)
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE stage.k (id int PRIMARY KEY)")
    table = pa.table({"id": pa.array([*range(5000), 0], pa.int32())})
    with pytest.raises(Exception, match="2627"):
        cursor.bulkcopy_arrow("stage.k", table, column_mappings=["id"])
    assert cursor.execute("SELECT COUNT(*) FROM stage.k").fetchone()[0] == 0
    connection.close()


def test_bulk_is_fast_enough(place: tuple[TdsServer, Database]) -> None:
    """Ten columns go in and come out without the server being what a test waits for."""
    connection = native(*place)
    cursor = connection.cursor()
    kinds = "int, bigint, nvarchar(50), decimal(18,4), datetime2(6), date, bit, float, nvarchar(max), varbinary(8)"
    columns = [f"{name} {kind}" for name, kind in zip("abcdefghij", kinds.split(", "), strict=True)]
    cursor.execute(f"CREATE TABLE stage.big ({', '.join(columns)})")
    frame = pl.select(a=pl.int_range(ROWS, dtype=pl.Int32)).with_columns(
        b=pl.col("a").cast(pl.Int64) * 10**9,
        c=pl.format("näme {}", "a"),
        d=pl.col("a").cast(pl.Decimal(18, 4)),
        e=pl.lit(dt.datetime(2024, 1, 1)) + pl.duration(microseconds="a"),
        f=pl.lit(dt.date(2024, 1, 1)),
        g=pl.col("a") % 2 == 0,
        h=pl.col("a") / 3,
        i=pl.when(pl.col("a") % 3 == 0).then(pl.lit("x" * 20)),
        j=pl.lit(b"12345678"),
    )
    began = time.monotonic()
    table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
    cursor.bulkcopy_arrow("stage.big", table, column_mappings=frame.columns)
    cursor.execute("SELECT * FROM stage.big")
    reader = cursor.arrow_reader(10_000)
    found = pl.from_arrow(reader.read_all())
    assert time.monotonic() - began < SECONDS
    assert isinstance(found, pl.DataFrame)
    assert found.sort("a").equals(frame)
    connection.close()


@pytest.mark.parametrize("fast", [True, False])
def test_executemany(place: tuple[TdsServer, Database], *, fast: bool) -> None:
    """Many rows by parameters, several calls in one message, with NULLs."""
    connection = odbc(*place)
    cursor = connection.cursor()
    cursor.execute(
        "DROP TABLE IF EXISTS stage.m; CREATE TABLE stage.m (id int, v nvarchar(50), d decimal(18,4), t datetime2(6))"
    )
    moment = dt.datetime(2024, 1, 1, 0, 0, 0, 1)
    rows = [
        (i, None if i % 7 == 0 else f"é{i}", Decimal(i).scaleb(-2), moment) for i in range(1, 501)
    ]
    cursor.fast_executemany = fast
    cursor.executemany("INSERT INTO stage.m (id, v, d, t) VALUES (?, ?, ?, ?)", rows)
    found = cursor.execute("SELECT id, v, d, t FROM stage.m ORDER BY id").fetchall()
    assert [tuple(row) for row in found] == rows
    connection.close()
