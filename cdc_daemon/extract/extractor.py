"""Reads a table's window into a landing: every key checked, every row hashed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

import polars as pl

from cdc_daemon.cdc.canonical import canonical
from cdc_daemon.cdc.compare import duplicates
from cdc_daemon.cdc.row_hash import CURRENT, HASH, KEY, RECIPES, key_digest
from cdc_daemon.errors import DuplicateKey, KeyTooLong, NullKey, SchemaMoved, Unrepresentable
from cdc_daemon.extract.landing import Landing
from cdc_daemon.model.table import TableId
from cdc_daemon.ports.source import DoesNotFit, Reading
from cdc_daemon.schema.table import SourceTable

SHOWN_KEYS = 5
PART_BYTES = 8
"""What a part of a key may take in an index besides its value."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """What was read: the table as it was carried, and a digest of every row."""

    table: SourceTable
    digests: pl.DataFrame


async def extract(
    table: TableId,
    reading: Reading,
    landing: Landing,
    *,
    max_key_bytes: int,
    progress: Callable[[int], None] = lambda _: None,
) -> Extracted:
    """Read all rows into ``landing``; ``progress`` is told the rows so far.

    Raises:
        NullKey, DuplicateKey, KeyTooLong: naming columns and key digests (law 9).
        SchemaMoved: the columns are not those the reading began with.
    """
    shape, digests = reading.table, None
    while digests is None:
        try:
            digests = await _land(table, shape, reading, landing, max_key_bytes, progress)
        except DoesNotFit as unfit:
            landing.clear()
            shape = _with_text(table, shape, unfit.column)
    twice = await asyncio.to_thread(duplicates, digests)
    if twice.len():
        raise DuplicateKey(
            f"{table}: {twice.len()} key(s) ({', '.join(shape.key)}) occur more than once; "
            f"key digests {_shown(twice)}"
        )
    now = await reading.table_now()
    if now != reading.table:
        raise SchemaMoved(f"{table}: its columns changed while it was read")
    return Extracted(shape, digests)


async def _land(
    table: TableId,
    shape: SourceTable,
    reading: Reading,
    landing: Landing,
    max_key_bytes: int,
    progress: Callable[[int], None],
) -> pl.DataFrame:
    digests = [_NOTHING]
    check = _KeyCheck(table, shape, max_key_bytes)
    recipe = RECIPES[CURRENT](shape.columns)
    hashes = (key_digest(shape.key_columns).alias(KEY), recipe.alias(HASH))
    async with aclosing(reading.batches(shape.columns)) as frames:
        async for frame in frames:
            await asyncio.to_thread(check, frame)
            digests.append(await asyncio.to_thread(frame.select, *hashes))
            await landing.add(frame)
            progress(landing.rows)
    return pl.concat(digests)


_NOTHING = pl.DataFrame(schema={KEY: pl.UInt128, HASH: pl.UInt128})


def _with_text(table: TableId, shape: SourceTable, field: str) -> SourceTable:
    columns = tuple(replace(c, as_text=True) if c.field == field else c for c in shape.columns)
    if columns == shape.columns:
        raise Unrepresentable(f"{table}: a value does not even fit as text, in field {field}")
    return replace(shape, columns=columns)


class _KeyCheck:
    """No part of a key is NULL, and no key is longer than an index takes."""

    def __init__(self, table: TableId, shape: SourceTable, max_bytes: int) -> None:
        self._table = table
        self._max_bytes = max_bytes - PART_BYTES * len(shape.key)
        self._names = {c.field: c.name for c in shape.key_columns}
        forms = [canonical(c, key=True).str.len_bytes() for c in shape.key_columns]
        self._length = pl.sum_horizontal(*forms)
        self._digest = key_digest(shape.key_columns)

    def __call__(self, frame: pl.DataFrame) -> None:
        for name, column in self._names.items():
            if nulls := frame[name].null_count():
                raise NullKey(f"{self._table}: {nulls} row(s) have no value in key column {column}")
        long = frame.select(digest=self._digest, length=self._length).filter(
            pl.col("length") > self._max_bytes
        )
        if long.height:
            raise KeyTooLong(
                f"{self._table}: the key ({', '.join(self._names.values())}) of {long.height} "
                f"row(s) is over {self._max_bytes} bytes; key digests {_shown(long['digest'])}"
            )


def _shown(digests: pl.Series) -> str:
    shown = ", ".join(f"{digest:032x}" for digest in digests.head(SHOWN_KEYS))
    return shown + (", …" if digests.len() > SHOWN_KEYS else "")
