"""Reads a table's window: rows transformed, keys checked, the columns the same at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

import polars as pl

from cdc_daemon.cdc.compare import duplicates
from cdc_daemon.cdc.row_hash import HASH, KEY
from cdc_daemon.errors import DuplicateKey, NullKey, SchemaMoved, Unrepresentable
from cdc_daemon.extract.apart import Apart
from cdc_daemon.extract.carrying import Carrying, shown
from cdc_daemon.extract.digests import Digests
from cdc_daemon.extract.landing import Landing
from cdc_daemon.model.table import TableId, TableSpec
from cdc_daemon.ports.ahead import ahead
from cdc_daemon.ports.source import DoesNotFit, Reading
from cdc_daemon.ports.work import spent
from cdc_daemon.schema.table import SourceTable
from cdc_daemon.transformation.configured import TableRules
from cdc_daemon.transformation.resolved import Resolved


@dataclass(frozen=True, slots=True, kw_only=True)
class Extractor:
    """Reads one table from one snapshot: ``land_unique`` or ``rows``, and last ``unmoved``."""

    spec: TableSpec
    reading: Reading
    rules: TableRules
    resolved: Resolved
    """``rules``, bound to the table as ``reading`` has it."""
    apart: Apart
    """Where rows go that are not carried."""
    max_key_bytes: int
    only: pl.Series | None = None
    """Digests of keys: all other rows are passed over."""
    progress: Callable[[int], None] = lambda _: None
    """Told the rows so far."""

    @property
    def table(self) -> TableId:
        """Which one."""
        return self.spec.id

    async def land(self, landing: Landing, digests: Digests) -> SourceTable:
        """Read all rows into ``landing``, and a digest of each into ``digests``.

        Returns:
            The table, as its columns were carried.

        Raises:
            NullKey, KeyTooLong, RowRejected: naming columns and key digests (law 9).
        """
        rules = self.resolved
        while True:
            try:
                await self._land(rules, landing, digests)
            except DoesNotFit as unfit:
                await self._forget(landing, digests)
                shape = with_text(self.table, rules.source, unfit.column)
                rules = await bound(self.rules, self.spec, shape)
            else:
                self.keyed(digests.rows)
                return rules.table

    async def _forget(self, landing: Landing, digests: Digests) -> None:
        for pile in (landing, digests, self.apart):
            await asyncio.to_thread(pile.clear)

    async def _land(self, rules: Resolved, landing: Landing, digests: Digests) -> None:
        async with aclosing(self.rows(rules)) as frames:
            async for frame in frames:
                with spent("land"):
                    await landing.add(frame.drop(KEY))
                    await digests.add(frame.select(KEY, HASH))

    async def rows(self, rules: Resolved) -> AsyncGenerator[pl.DataFrame, None]:
        """All rows that are carried, in carriers, with ``KEY`` and ``HASH``.

        Raises:
            NullKey, KeyTooLong, RowRejected: as the rows come.
            DoesNotFit: a column must be carried as text; begin again.
        """
        carrying = Carrying(
            spec=self.spec, rules=rules, max_key_bytes=self.max_key_bytes, only=self.only
        )
        read = self.reading.batches(rules.reads)
        async with aclosing(ahead(carrying.each(read, self.apart))) as frames:
            done = 0
            async for frame in frames:
                yield frame
                done += frame.height
                self.progress(done + self.apart.rows)

    def keyed(self, carried: int) -> None:
        """No more rows without a key than the table allows; ``carried`` had one.

        Raises:
            NullKey: there are.
        """
        nulls = self.apart.keyless
        allowed = self.spec.guards.max_null_key_share
        if nulls > allowed * (carried + self.apart.rows):
            raise NullKey(
                f"{self.table}: {nulls} row(s) have no value in a key column; "
                f"allowed are {allowed:.2%} of the rows"
            )

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
            await self._forget(landing, digests)
            shape = await self.land(landing, digests)
            await self.unique(shape, digests)
        return shape

    async def unique(self, shape: SourceTable, digests: Digests) -> None:
        """No key came twice.

        Raises:
            DuplicateKey: one did.
        """
        twice = await asyncio.to_thread(_duplicates, digests, self.apart.keys)
        if twice.len():
            raise DuplicateKey(
                f"{self.table}: {twice.len()} key(s) ({', '.join(shape.key)}) occur more than "
                f"once; key digests {shown(twice)}"
            )

    async def unmoved(self) -> None:
        """The columns are still the same; ends the snapshot.

        Raises:
            SchemaMoved: they are not.
        """
        if await self.reading.table_now() != self.reading.table:
            raise SchemaMoved(f"{self.table}: its columns changed while it was read")


async def bound(rules: TableRules, spec: TableSpec, table: SourceTable) -> Resolved:
    """``rules.bind``, which tries every rule out: half a second of work for a wide table.

    Raises:
        RulesDoNotFit: with everything that is wrong.
    """
    if not rules.made:
        return rules.bind(spec, table)
    return await asyncio.to_thread(rules.bind, spec, table)


def with_text(table: TableId, shape: SourceTable, field: str) -> SourceTable:
    """The table with one more column carried as text.

    Raises:
        Unrepresentable: it was text already.
    """
    columns = tuple(replace(c, as_text=True) if c.field == field else c for c in shape.columns)
    if columns == shape.columns:
        raise Unrepresentable(f"{table}: a value does not even fit as text, in field {field}")
    return replace(shape, columns=columns)


def _duplicates(digests: Digests, apart: Digests) -> pl.Series:
    """A key is the key of one row, whether that row is carried or not."""
    parts = max(digests.parts, apart.parts)
    keys = (
        pl.concat([one.part(n, parts).select(KEY) for one in (digests, apart)])
        for n in range(parts)
    )
    return pl.concat([duplicates(each) for each in keys])
