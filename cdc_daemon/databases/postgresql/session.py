"""One asyncpg connection as a session of ours: statements, queries, binary COPY."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from typing import Any

import asyncpg
import polars as pl
from pgpq import ArrowToPostgresBinaryEncoder

from cdc_daemon.databases.postgresql.encode import encode
from cdc_daemon.databases.postgresql.errors import translated
from cdc_daemon.errors import Conflict, DatabaseUnavailable
from cdc_daemon.model.table import QualifiedName
from cdc_daemon.ports.ahead import ahead
from cdc_daemon.ports.work import spent
from cdc_daemon.schema.table import Column

ROLLBACK_SECONDS = 5.0
"""How long a server may take to roll back before its connection is dropped (DESIGN 6.5)."""

PIECE_ROWS = 50_000
"""Rows encoded at a time: about 10 MB of a usual table."""


class PostgresSession:
    """Implements ``ports.sql.SqlSession``."""

    def __init__(self, connection: asyncpg.Connection, name: str) -> None:
        self._connection = connection
        self._name = name

    async def execute(self, statement: str, *values: object) -> int:
        """Run one statement; the number of rows it touched."""
        with translated(f"connection {self._name}: {_verb(statement)}"):
            status: str = await self._connection.execute(statement, *values)
        last = status.rsplit(" ", 1)[-1]
        return int(last) if last.isdigit() else 0

    async def attempt(self, statement: str) -> bool:
        """Run one statement behind a savepoint; False where a lock or a limit refuses it."""
        try:
            with translated(f"connection {self._name}: {_verb(statement)}"):
                async with self._connection.transaction():
                    await self._connection.execute(statement)
        except Conflict:
            return False
        return True

    async def fetch(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one query; its rows."""
        with translated(f"connection {self._name}: {_verb(statement)}"):
            rows = await self._connection.fetch(statement, *values)
        return [tuple(row) for row in rows]

    async def rolled_back(self) -> None:
        """End whatever transaction is open; a connection that is gone has none."""
        try:
            gone = self._connection.is_closed()
        except asyncpg.InterfaceError:  # the pool has let go of it already
            return
        if gone:
            return
        try:
            async with asyncio.timeout(ROLLBACK_SECONDS):
                with suppress(DatabaseUnavailable):  # gone, though nobody had noticed
                    await self.execute("ROLLBACK")
        except TimeoutError:
            self._connection.terminate()

    async def bulk_load(
        self,
        table: QualifiedName,
        columns: Sequence[Column],
        extra: Sequence[str],
        frames: AsyncGenerator[pl.DataFrame, None],
        *,
        create: str | None = None,
    ) -> int:
        """COPY frames into ``table``, in binary, as fast as the server takes them."""
        if create is not None:
            await self.execute(create)
        with translated(f"connection {self._name}: bulk load"):
            async with aclosing(_sent(_binary(columns, extra, frames))) as chunks:
                status: str = await self._connection.copy_to_table(
                    table.name,
                    schema_name=table.schema or None,
                    columns=[*(column.target_name for column in columns), *extra],
                    source=chunks,
                    format="binary",
                )
        return int(status.rsplit(" ", 1)[-1])


async def _sent(chunks: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Chunks, the next of which is being encoded while the last one is sent."""
    async with aclosing(ahead(chunks)) as ready:
        async for chunk in ready:
            with spent("load"):
                yield chunk


async def _binary(
    columns: Sequence[Column], extra: Sequence[str], frames: AsyncGenerator[pl.DataFrame, None]
) -> AsyncGenerator[bytes, None]:
    encoder: ArrowToPostgresBinaryEncoder | None = None
    async with aclosing(frames):
        async for frame in frames:
            for piece in frame.iter_slices(PIECE_ROWS):
                with spent("encode"):
                    batch = await asyncio.to_thread(encode, piece, columns, extra)
                if encoder is None:
                    encoder = ArrowToPostgresBinaryEncoder(batch.schema)
                    yield encoder.write_header()
                with spent("encode"):
                    chunk = await asyncio.to_thread(encoder.write_batch, batch)
                yield chunk
    if encoder is None:
        yield b"PGCOPY\n\xff\r\n\0" + bytes(8) + b"\xff\xff"
    else:
        yield encoder.finish()


def _verb(statement: str) -> str:
    """The first words of a statement, for messages: never its names or values."""
    return " ".join(statement.split(None, 2)[:2])
