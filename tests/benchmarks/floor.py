"""The floor: bare COPY of a table, out to nowhere and in from a file.

No copier can be faster than "out" in one session, and none that loads faster than "in": the
table that is loaded has no index.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from tests.benchmarks.results import Floor
from tests.benchmarks.server import settle
from tests.benchmarks.tables import Shape
from tests.support.databases import Database

REPEATS = 3


def measure_floor(source: Database, target: Database, shape: Shape, folder: Path) -> Floor:
    """Three times each; ``target`` is left as it was."""
    file = folder / f"{shape.name}.copy"
    asyncio.run(dump(source, shape.name, file))
    try:
        out = tuple(asyncio.run(_out(source, shape.name)) for _ in range(REPEATS))
        into = tuple(_into(target, shape, file) for _ in range(REPEATS))
        copy_bytes = file.stat().st_size
    finally:
        file.unlink()
    size = source.fetch(f"SELECT pg_table_size('{shape.name}')")
    return Floor(
        case=shape.name,
        rows=shape.rows,
        table_bytes=size[0][0],
        copy_bytes=copy_bytes,
        out=out,
        into=into,
    )


async def dump(database: Database, table: str, file: Path) -> None:
    """A table's rows as a file of the binary COPY format."""
    async with database.connect() as connection:
        await connection.copy_from_table(table, output=file, format="binary")


async def restore(database: Database, table: str, file: Path, schema: str) -> None:
    """The rows of such a file into a table."""
    async with database.connect() as connection:
        await connection.copy_to_table(table, schema_name=schema, source=file, format="binary")


async def _out(database: Database, table: str) -> float:
    async def discard(_: bytes) -> None:
        """To nowhere."""

    async with database.connect() as connection:
        began = time.monotonic()
        await connection.copy_from_table(table, output=discard, format="binary")
        return time.monotonic() - began


def _into(database: Database, shape: Shape, file: Path) -> float:
    database.execute(f"CREATE TABLE floor_in ({shape.definition()})")
    try:
        settle(database)
        return asyncio.run(_timed_restore(database, file))
    finally:
        database.execute("DROP TABLE floor_in")


async def _timed_restore(database: Database, file: Path) -> float:
    async with database.connect() as connection:
        began = time.monotonic()
        await connection.copy_to_table("floor_in", source=file, format="binary")
        return time.monotonic() - began
