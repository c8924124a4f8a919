"""Rows of every kind, and loads of them into a SQL Server, for the tests of bulk loads."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from decimal import Decimal

import polars as pl

from cdc_daemon.databases.sqlserver.database import SqlServerDatabase
from cdc_daemon.databases.sqlserver.ddl import create_load
from cdc_daemon.model.table import QualifiedName
from cdc_daemon.schema.table import Column
from cdc_daemon.schema.types import (
    Binary,
    Boolean,
    Date,
    Float,
    Integer,
    LogicalType,
    Text,
    Time,
    Timestamp,
    Uuid,
)
from cdc_daemon.schema.types import Decimal as Exact
from tests.support.sqlserver import SqlServer

LOAD = QualifiedName("dbo", "_load_7")
EXTRA = ("_operation", "_row_hash", "_closes")
TYPES: tuple[LogicalType, ...] = (
    *(Integer(32), Boolean(), Integer(16), Integer(64), Exact(38, 10), Float(64), Float(32)),
    *(Text(40, utf16=True), Text(), Binary(20), Binary(), Date(), Time(6), Timestamp(6)),
    *(Timestamp(3), Timestamp(7), Uuid()),
)
NAMES = ("id", "a b", "c]d", "e'f", "Ü")


@dataclass(frozen=True)
class Way:
    database: SqlServerDatabase
    server: SqlServer

    async def load(self, frames: AsyncGenerator[pl.DataFrame, None], columns=None) -> int:
        columns = columns if columns is not None else COLUMNS
        async with self.database.session() as session:
            return await session.bulk_load(
                LOAD, columns, EXTRA, frames, create=create_load(LOAD, columns)
            )

    def found(self) -> list[tuple[object, ...]]:
        return self.server.fetch("SELECT * FROM [dbo].[_load_7] ORDER BY _load_row")


def column(n: int, kind: LogicalType) -> Column:
    name = NAMES[n] if n < len(NAMES) else f"x{n}"
    return Column(name=name, field=f"c{n}", type=kind, target_name=name, native="")


COLUMNS = tuple(column(n, kind) for n, kind in enumerate(TYPES))
ROW = (
    *(7, True, -32768, 2**62, Decimal("1234567890123456789012345678.0123456789"), 0.1, 1.5),
    *("Ünï 😀 ' ", "long " * 2_000, b"\x00\xff", bytes(9_000), None, 86_399_999_999, None),
    *(None, "2024-02-29 01:02:03.1234567", bytes(range(16))),
)


def frame(*rows: tuple[object, ...], operation: str = "I") -> pl.DataFrame:
    values = [
        pl.Series(c.field, [row[n] for row in rows], dtype=c.carrier, strict=False)
        for n, c in enumerate(COLUMNS)
    ]
    count = len(rows)
    return pl.DataFrame(
        [
            *values,
            pl.Series("_operation", [operation] * count, dtype=pl.String),
            pl.Series("_row_hash", range(1, count + 1), dtype=pl.UInt128),
            pl.Series("_closes", [None] * count, dtype=pl.UInt128),
        ]
    )


def nulls(key: int) -> tuple[object, ...]:
    return (key, *[None] * (len(COLUMNS) - 1))


async def given(*frames: pl.DataFrame) -> AsyncGenerator[pl.DataFrame, None]:
    for one in frames:
        yield one
