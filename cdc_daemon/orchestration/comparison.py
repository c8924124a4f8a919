"""Landed rows against the open versions, a part at a time (law 11); then the guards' facts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

import polars as pl

from cdc_daemon.cdc.compare import LATER, VERSION, compare, joined
from cdc_daemon.cdc.guards import Facts, trips
from cdc_daemon.cdc.row_hash import CURRENT, HASH, KEY, RECIPES, key_digest
from cdc_daemon.extract.digests import Digests
from cdc_daemon.model.change import POSITION, Changes
from cdc_daemon.orchestration.workspace import Workspace
from cdc_daemon.ports.flow import Begun, Compared, Landed
from cdc_daemon.ports.target import Batches, Target
from cdc_daemon.ports.work import spent
from cdc_daemon.schema.table import SourceTable

KEYS_AT_A_TIME = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What a batch is compared with: read while its rows are still on their way."""

    target: Target
    batches: Batches
    space: Workspace
    recipes: set[int] = field(default_factory=set)
    """Recipes of the row hash that open versions have."""

    async def read(self, begun: Begun) -> None:
        """Read the open versions' digests, and put their keys aside for deletes."""
        history, table = begun.history, begun.job.table
        fields = [column.field for column in history.table.key_columns]
        # what began before we read has an instant up to the last one known then, even where
        # the clock has stepped back since
        after = max(begun.batch.read_at, history.state.last_instant or begun.batch.read_at)
        async with aclosing(self.target.open_versions(table, history, after)) as versions:
            async for frame in versions:
                with spent("digest"):
                    digests = await asyncio.to_thread(_digested, frame, history.table)
                self.recipes.update(digests[VERSION].unique())
                await self.space.opened.add(digests)
                await self.space.keys.add(frame.select(fields))

    async def compare(self, landed: Landed) -> Compared:
        """The changes, and what the guards say of them."""
        table, opened = landed.begun.job.table, self.space.opened
        older = await self._older(landed)
        with spent("compare"):
            changes = await asyncio.to_thread(
                _compared, self.space.captured, opened, older, table.max_batch_rows
            )
        if landed.counted is None or landed.counted != landed.extracted:
            # law 10: a read that is not whole, or not of one instant, earns no deletes
            changes = changes.without_deletes()
        reopened = await self._reopened(landed, changes)
        facts = Facts(
            extracted=landed.extracted,
            counted=landed.counted,
            usual=await self.batches.usual(table, table.guards.usual_batches),
            opened=opened.rows,
            updated=changes.sizes.updated,
            deleted=changes.sizes.deleted,
        )
        return Compared(
            landed=landed,
            changes=changes,
            reopened=reopened,
            opened_keys=self.space.keys,
            trips=trips(facts, table.guards),
        )

    async def _older(self, landed: Landed) -> dict[int, Digests]:
        """The landed rows' hashes under each older recipe that open versions have (law 5)."""
        table = landed.begun.history.table
        found = {}
        for version in sorted(self.recipes & RECIPES.keys() - {CURRENT}):
            found[version] = self.space.digests()
            async for rows in landed.rows.all():
                await found[version].add(await asyncio.to_thread(_rehashed, rows, table, version))
        return found

    async def _reopened(self, landed: Landed, changes: Changes) -> pl.Series:
        found = [pl.Series([], dtype=pl.UInt32)]
        begun = landed.begun
        if begun.history.is_empty:
            return found[0]
        fields = [column.field for column in begun.history.table.key_columns]
        async for rows in landed.rows.take(changes.inserted):
            for piece in rows.select(*fields, POSITION).iter_slices(KEYS_AT_A_TIME):
                found.append(await self.target.known(begun, piece))
        return pl.concat(found)


def _digested(rows: pl.DataFrame, table: SourceTable) -> pl.DataFrame:
    """Of open versions, what ``OPEN_SCHEMA`` says."""
    return rows.select(key_digest(rows, table.key_columns).alias(KEY), HASH, VERSION, LATER)


def _rehashed(rows: pl.DataFrame, table: SourceTable, version: int) -> pl.DataFrame:
    """Of landed rows, what ``CAPTURED_SCHEMA`` says, under an older recipe."""
    keys, hashes = key_digest(rows, table.key_columns), RECIPES[version](rows, table.columns)
    return pl.DataFrame({KEY: keys, HASH: hashes})


def _compared(
    captured: Digests, opened: Digests, older: Mapping[int, Digests], most: int
) -> Changes:
    parts = max(captured.parts, opened.parts)

    def each() -> Iterator[Changes]:
        for n in range(parts):
            rows = captured.part(n, parts)
            hashes = {v: _aligned(rows, digests.part(n, parts)) for v, digests in older.items()}
            yield compare(rows, opened.part(n, parts), hashes)

    return joined(each(), most)


def _aligned(rows: pl.DataFrame, hashes: pl.DataFrame) -> pl.Series:
    """The hashes in the order of ``rows``."""
    wanted = hashes.select(POSITION, pl.col(HASH).alias("_older"))
    return rows.join(wanted, on=POSITION, how="left", maintain_order="left")["_older"]
