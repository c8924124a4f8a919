"""The rows of a query, piece by piece, decoded in threads: whichever driver they come by."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import TypeVar

import polars as pl
import pyarrow as pa

from cdc_daemon.cdc.compare import LATER, VERSION
from cdc_daemon.cdc.row_hash import HASH
from cdc_daemon.databases.hashes import hash_numbers
from cdc_daemon.databases.sqlserver.decode import decode, from_rows
from cdc_daemon.databases.sqlserver.readers import Piece, Reader
from cdc_daemon.databases.versions import decoded_versions
from cdc_daemon.ports.ahead import ahead
from cdc_daemon.ports.work import spent
from cdc_daemon.schema.table import Column

T = TypeVar("T")


async def decoded(
    reader: Reader,
    select: str,
    decoding: Callable[[Piece, Sequence[Column]], pl.DataFrame],
    columns: Sequence[Column],
    *,
    work: str,
) -> AsyncGenerator[pl.DataFrame, None]:
    """The rows of ``select``, the next of which are read while the last ones are decoded.

    Waiting for the driver is accounted as ``work``.
    """
    async with aclosing(ahead(_pieces(reader, select, work))) as pieces:
        async for piece in pieces:
            with spent("decode"):
                frame = await asyncio.to_thread(decoding, piece, columns)
            yield frame


def rows_of(piece: Piece, columns: Sequence[Column]) -> pl.DataFrame:
    """Columns in their carriers, under their fields.

    Raises:
        DoesNotFit, Unrepresentable: as ``decode``.
    """
    if isinstance(piece, pa.RecordBatch):
        return decode(piece, columns)
    return from_rows(piece, columns)


def versions_of(piece: Piece, key: Sequence[Column]) -> pl.DataFrame:
    """Open versions: the key, then hash, recipe, and whether they began later."""
    if isinstance(piece, pa.RecordBatch):
        return decoded_versions(piece, key, decode)
    width = len(key)
    hashes, recipes, later = zip(*(row[width:] for row in piece), strict=True)
    return from_rows([row[:width] for row in piece], key).with_columns(
        hash_numbers(pl.Series(HASH, hashes, pl.Binary)),
        pl.Series(VERSION, recipes, pl.Int16),
        pl.Series(LATER, later, pl.Boolean),
    )


async def _pieces(reader: Reader, select: str, work: str) -> AsyncGenerator[Piece, None]:
    with spent(work):
        await reader.query(select)
    while True:
        with spent(work):
            piece = await reader.next_piece()
        if piece is None:
            return
        yield piece
