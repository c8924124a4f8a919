"""``python -m tests.benchmarks.sqlserver``: a table out of SQL Server, into either engine.

It measures whole processes on the server that ``CDC_TEST_SQLSERVER_URL`` names, or on the TDS test
server, whose figures say nothing of a SQL Server; and bulk copy against ``fast_executemany`` there.
"""

from __future__ import annotations

import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table

from cdc_daemon.databases.sqlserver.address import native
from cdc_daemon.model.config import TlsSpec
from tests.benchmarks import server
from tests.benchmarks.measure import measured
from tests.support.databases import Database
from tests.support.pairs import SCHEMA, TABLE, Pair
from tests.support.process import environment
from tests.support.sqlserver import SqlServer, a_sqlserver, connection

STEPS = ("first", "1 % changed", "unchanged")
_NOT_FAST = ("code", "body")
"""``fast_executemany`` has limits with char and (max) columns."""
ONE_BY_ONE = 20_000
"""Rows that are inserted in two ways: one of them takes its time."""
_COLUMNS = """id bigint NOT NULL PRIMARY KEY, n int NOT NULL, ratio float NULL,
    amount decimal(18,4) NULL, name nvarchar(50) NULL, note nvarchar(200) NULL, flag bit NULL,
    made_at datetime2(6) NULL, day date NULL, price decimal(10,2) NULL, code char(8) NULL,
    body nvarchar(max) NULL"""


def rows_of(count: int) -> pl.DataFrame:
    """Twelve columns of as many types, always the same."""
    n = pl.int_range(count, dtype=pl.Int64)
    return pl.select(
        id=n * 7,
        n=n.cast(pl.Int32),
        ratio=n.cast(pl.Float64).sqrt(),
        amount=(n * 10_007).cast(pl.Decimal(18, 0)).cast(pl.Decimal(18, 4)),
        name=pl.format("name {}", n),
        note=pl.when(n % 2 == 0).then(pl.format("note {} é", n)),
        flag=n % 3 == 0,
        made_at=pl.datetime(2020, 1, 1) + pl.duration(microseconds=n * 1_000_123),
        day=pl.date(2000, 1, 1) + pl.duration(days=n % 9_000),
        price=(n % 100_000).cast(pl.Decimal(10, 2)),
        code=n.cast(pl.String).str.zfill(8),
        body=pl.format("body {}", n),
    )


def fill(end: SqlServer, rows: pl.DataFrame) -> None:
    """The source's table, bulk-copied."""
    end.execute(f"CREATE SCHEMA {SCHEMA}", f"CREATE TABLE {SCHEMA}.{TABLE} ({_COLUMNS})")
    _copied(end, f"{SCHEMA}.{TABLE}", rows)


def _copied(end: SqlServer, table: str, rows: pl.DataFrame) -> float:
    """Bulk copy; the seconds."""
    import mssql_python  # noqa: PLC0415 - where it is missing, nothing of this is asked for

    (reached,) = native(connection("own", end, tls=TlsSpec(mode="require")), end.password)
    session = mssql_python.connect(reached, autocommit=True)
    began = time.monotonic()
    session.cursor().bulkcopy_arrow(table, rows, column_mappings=rows.columns, table_lock=True)
    seconds = time.monotonic() - began
    session.close()
    return seconds


def _inserted(end: SqlServer, table: str, rows: pl.DataFrame) -> float:
    """``fast_executemany``; the seconds."""
    names, marks = ", ".join(rows.columns), ", ".join("?" * rows.width)
    values = rows.rows()
    session = end.connect()
    session.autocommit = False
    cursor = session.cursor()
    cursor.fast_executemany = True
    began = time.monotonic()
    cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", values)
    session.commit()
    seconds = time.monotonic() - began
    session.close()
    return seconds


def compared(end: SqlServer, rows: pl.DataFrame) -> Iterator[tuple[str, float]]:
    """The same rows loaded in both ways."""
    for name, load in (("bulk copy", _copied), ("fast_executemany", _inserted)):
        table = f"dbo.{name.replace(' ', '_')}"
        end.execute(f"CREATE TABLE {table} ({_COLUMNS})")
        yield name, load(end, table, rows.drop(_NOT_FAST))


def batches(pair: Pair, target: str) -> Iterator[tuple[str, str, float, float]]:
    """Target, step, seconds, and MB of the largest resident memory."""
    command = (sys.executable, "-m", "cdc_daemon", "once")
    for step in STEPS:
        if step == STEPS[1]:
            pair.source.execute(f"UPDATE {SCHEMA}.{TABLE} SET name = 'changed' WHERE n % 100 = 7")
        cost = measured(command, environment(pair.path, pair.env), pair.folder)
        yield target, step, cost.wall_seconds, cost.peak_bytes / 1e6


def measured_on(postgres: server.Server, source: SqlServer, shown: Table, rows: int) -> None:
    """Both directions, each into an empty target."""
    for engine in ("postgresql", "sqlserver"):
        with (
            postgres.database() as other,
            tempfile.TemporaryDirectory() as folder,
            a_sqlserver(partial(_itself, other)) as theirs,
        ):
            target = other if engine == "postgresql" else theirs
            pair = Pair(source, target, Path(folder))
            pair.configure()
            for name, step, seconds, peak in batches(pair, engine):
                shown.add_row(name, step, f"{seconds:.1f}", f"{rows / seconds:,.0f}", f"{peak:.0f}")


def _itself(database: Database) -> Database:
    return database


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when all was measured."""
    parser = ArgumentParser(prog="python -m tests.benchmarks.sqlserver", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    rows = rows_of(parser.parse_args(arguments).rows)
    console, shown = Console(), Table("target", "step", "seconds", "rows/s", "VmHWM MB")
    with (
        server.running() as postgres,
        postgres.database() as backend,
        a_sqlserver(partial(_itself, backend)) as source,
    ):
        fill(source, rows)
        console.print("a server of your own" if source.is_real else "the TDS test server")
        loads = dict(compared(source, rows.head(ONE_BY_ONE)))
        measured_on(postgres, source, shown, rows.height)
    console.print(shown)
    ratio = loads["fast_executemany"] / loads["bulk copy"]
    console.print(f"bulk copy is {ratio:.1f} x as fast as fast_executemany")
    return 0


if __name__ == "__main__":
    sys.exit(main())
