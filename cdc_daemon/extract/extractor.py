"""Reads a table's window: every key checked, every row hashed, the columns the same at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

import polars as pl

from cdc_daemon.cdc.canonical import canonical
from cdc_daemon.cdc.compare import duplicates
from cdc_daemon.cdc.row_hash import CURRENT, HASH, KEY, RECIPES, key_digest
from cdc_daemon.errors import DuplicateKey, KeyTooLong, NullKey, SchemaMoved, Unrepresentable
from cdc_daemon.extract.digests import Digests
from cdc_daemon.extract.landing import Landing
from cdc_daemon.model.table import TableId
from cdc_daemon.ports.ahead import ahead
from cdc_daemon.ports.source import DoesNotFit, Reading
from cdc_daemon.ports.work import spent
from cdc_daemon.schema.table import SourceTable

SHOWN_KEYS = 5
PART_BYTES = 8
"""What a part of a key may take in an index besides its value."""


@dataclass(frozen=True, slots=True)
class Extractor:
    """Reads one table from one snapshot: ``land_unique`` or ``rows``, and last ``unmoved``."""

    table: TableId
    reading: Reading
    max_key_bytes: int
    progress: Callable[[int], None] = lambda _: None
    """Told the rows so far."""

    async def land(self, landing: Landing, digests: Digests) -> SourceTable:
        """Read all rows into ``landing``, and a digest of each into ``digests``.

        Returns:
            The table, as its columns were carried.

        Raises:
            NullKey, KeyTooLong: naming columns and key digests (law 9).
        """
        shape = self.reading.table
        while True:
            try:
                await self._land(shape, landing, digests)
            except DoesNotFit as unfit:
                await asyncio.to_thread(landing.clear)
                await asyncio.to_thread(digests.clear)
                shape = with_text(self.table, shape, unfit.column)
            else:
                return shape

    async def _land(self, shape: SourceTable, landing: Landing, digests: Digests) -> None:
        async with aclosing(self.rows(shape)) as frames:
            async for frame in frames:
                with spent("land"):
                    await landing.add(frame.drop(KEY))
                    await digests.add(frame.select(KEY, HASH))

    async def rows(self, shape: SourceTable) -> AsyncGenerator[pl.DataFrame, None]:
        """All rows in carriers, with ``KEY`` and ``HASH``.

        Raises:
            NullKey, KeyTooLong: as the rows come.
            DoesNotFit: a column must be carried as text; begin again.
        """
        hashing = _Hashing(self.table, shape, self.max_key_bytes)
        async with aclosing(ahead(hashing.each(self.reading.batches(shape.columns)))) as frames:
            done = 0
            async for frame in frames:
                yield frame
                done += frame.height
                self.progress(done)

    async def land_unique(self, landing: Landing, digests: Digests) -> SourceTable:
        """The same, and no key came twice.

        Without a snapshot, a row that moved meanwhile is seen twice: it is read once more (DESIGN
        4) before that counts.

        Raises:
            DuplicateKey: one did; and as ``land``.
        """
        shape = await self.land(landing, digests)
        try:
            await self.unique(shape, digests)
        except DuplicateKey:
            if shape.snapshot:
                raise
            await asyncio.to_thread(landing.clear)
            await asyncio.to_thread(digests.clear)
            shape = await self.land(landing, digests)
            await self.unique(shape, digests)
        return shape

    async def unique(self, shape: SourceTable, digests: Digests) -> None:
        """No key came twice.

        Raises:
            DuplicateKey: one did.
        """
        twice = await asyncio.to_thread(_duplicates, digests)
        if twice.len():
            raise DuplicateKey(
                f"{self.table}: {twice.len()} key(s) ({', '.join(shape.key)}) occur more than "
                f"once; key digests {_shown(twice)}"
            )

    async def unmoved(self) -> None:
        """The columns are still the same; ends the snapshot.

        Raises:
            SchemaMoved: they are not.
        """
        if await self.reading.table_now() != self.reading.table:
            raise SchemaMoved(f"{self.table}: its columns changed while it was read")


def with_text(table: TableId, shape: SourceTable, field: str) -> SourceTable:
    """The table with one more column carried as text.

    Raises:
        Unrepresentable: it was text already.
    """
    columns = tuple(replace(c, as_text=True) if c.field == field else c for c in shape.columns)
    if columns == shape.columns:
        raise Unrepresentable(f"{table}: a value does not even fit as text, in field {field}")
    return replace(shape, columns=columns)


def _duplicates(digests: Digests) -> pl.Series:
    parts = digests.parts
    return pl.concat([duplicates(digests.part(n, parts)) for n in range(parts)])


class _Hashing:
    """Checks keys and hashes rows: none is NULL, and no key is longer than an index takes."""

    def __init__(self, table: TableId, shape: SourceTable, max_bytes: int) -> None:
        self._table = table
        self._shape = shape
        self._max_bytes = max_bytes - PART_BYTES * len(shape.key)
        forms = [canonical(c, key=True).str.len_bytes() for c in shape.key_columns]
        self._length = pl.sum_horizontal(*forms)

    async def each(
        self, batches: AsyncGenerator[pl.DataFrame, None]
    ) -> AsyncGenerator[pl.DataFrame, None]:
        async with aclosing(batches):
            async for frame in batches:
                with spent("hash"):
                    hashed = await asyncio.to_thread(self._hashed, frame)
                yield hashed

    def _hashed(self, rows: pl.DataFrame) -> pl.DataFrame:
        for column in self._shape.key_columns:
            if nulls := rows[column.field].null_count():
                raise NullKey(
                    f"{self._table}: {nulls} row(s) have no value in key column {column.name}"
                )
        digests = key_digest(rows, self._shape.key_columns)
        long = digests.filter(rows.select(self._length > self._max_bytes).to_series())
        if long.len():
            raise KeyTooLong(
                f"{self._table}: the key ({', '.join(self._shape.key)}) of {long.len()} "
                f"row(s) is over {self._max_bytes} bytes; key digests {_shown(long)}"
            )
        hashes = RECIPES[CURRENT](rows, self._shape.columns)
        return rows.with_columns(digests.alias(KEY), hashes.alias(HASH))


def _shown(digests: pl.Series) -> str:
    shown = ", ".join(f"{digest:032x}" for digest in digests.head(SHOWN_KEYS))
    return shown + (", …" if digests.len() > SHOWN_KEYS else "")
