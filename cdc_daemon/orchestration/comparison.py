"""Landed rows against the open versions, a part at a time (law 11); then the guards' facts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import polars as pl

from cdc_daemon.cdc.compare import LATER, VERSION, compare, joined
from cdc_daemon.cdc.guards import Facts, trips
from cdc_daemon.cdc.row_hash import CURRENT, HASH, KEY, RECIPES, key_digest
from cdc_daemon.extract.digests import Digests
from cdc_daemon.model.change import POSITION, Changes
from cdc_daemon.model.rejection import Rejection
from cdc_daemon.orchestration.rewriting import rewriting
from cdc_daemon.orchestration.workspace import Workspace
from cdc_daemon.ports.flow import Begun, Compared, Landed
from cdc_daemon.ports.target import Batches, Target
from cdc_daemon.ports.work import spent
from cdc_daemon.schema.table import SourceTable

KEYS_AT_A_TIME = 100_000
Rejections = tuple[Rejection, ...]


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
        # what began before we read has an instant up to the last one known then, even where
        # the clock has stepped back since
        after = max(begun.batch.read_at, history.state.last_instant or begun.batch.read_at)
        key, only = history.table.key_columns, _series(begun.job.replay)
        async with aclosing(self.target.open_versions(table, key, after)) as versions:
            async for frame in versions:
                with spent("digest"):
                    digests, keys = await asyncio.to_thread(_digested, frame, history.table, only)
                self.recipes.update(digests[VERSION].unique())
                await self.space.opened.add(digests)
                await self.space.keys.add(keys)

    async def compare(self, landed: Landed) -> Compared:
        """The changes, and what the guards say of them."""
        most = landed.begun.job.table.max_batch_rows
        older = await self._older(landed)
        with spent("compare"):
            changes = await asyncio.to_thread(_compared, self.space, older, most)
        if landed.counted is None or landed.counted != landed.extracted or landed.apart.unknown:
            # law 10: a read that is not whole, or not of one instant, earns no deletes; nor does
            # one with a row whose key is not known
            changes = changes.without_deletes()
        if landed.begun.rewrites:
            changes = await rewriting(self.target, landed, changes)
        reopened = await self._reopened(landed, changes)
        facts = await self._facts(landed, changes)
        return Compared(
            landed=landed,
            changes=changes,
            reopened=reopened,
            opened_keys=self.space.keys,
            trips=trips(facts, landed.begun.job.table.guards),
            rejections=landed.apart.rejections,
        )

    async def without(self, compared: Compared, refused: pl.Series, told: Rejections) -> Compared:
        """The same batch without the rows that the target does not take, by their positions."""
        landed = compared.landed
        changes = await asyncio.to_thread(compared.changes.without, refused)
        facts = await self._facts(landed, changes, refused.len())
        return replace(
            compared,
            changes=changes,
            reopened=compared.reopened.filter(~compared.reopened.is_in(refused.implode())),
            trips=trips(facts, landed.begun.job.table.guards),
            refused=refused,
            rejections=(*compared.rejections, *told),
        )

    async def _facts(self, landed: Landed, changes: Changes, refused: int = 0) -> Facts:
        begun, table, sizes = landed.begun, landed.begun.job.table, changes.sizes
        usual: tuple[int, ...] = ()
        rejected = 0  # of rows in quarantine that are read again, as many may be as there were
        if begun.job.replay is None:
            usual = await self.batches.usual(table, table.guards.usual_batches)
            rejected = landed.apart.rejected + refused
        return Facts(
            extracted=landed.extracted,
            counted=landed.counted,
            usual=usual,
            opened=self.space.opened.rows,
            inserted=sizes.inserted,
            updated=sizes.updated + sizes.rewritten,
            deleted=sizes.deleted,
            rejected=rejected,
            rules_changed=begun.rules_changed,
            keys_changed=begun.key_rules_changed,
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


def _series(keys: frozenset[int] | None) -> pl.Series | None:
    return None if keys is None else pl.Series(sorted(keys), dtype=pl.UInt128)


def _digested(
    rows: pl.DataFrame, table: SourceTable, only: pl.Series | None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Of open versions, what ``OPEN_SCHEMA`` says, and their keys; of ``only`` some of them."""
    whole = rows.with_columns(key_digest(rows, table.key_columns).alias(KEY))
    if only is not None:
        whole = whole.filter(pl.col(KEY).is_in(only.implode()))
    fields = [column.field for column in table.key_columns]
    return whole.select(KEY, HASH, VERSION, LATER), whole.select(fields)


def _rehashed(rows: pl.DataFrame, table: SourceTable, version: int) -> pl.DataFrame:
    """Of landed rows, what ``CAPTURED_SCHEMA`` says, under an older recipe."""
    keys, hashes = key_digest(rows, table.key_columns), RECIPES[version](rows, table.columns)
    return pl.DataFrame({KEY: keys, HASH: hashes})


def _compared(space: Workspace, older: Mapping[int, Digests], most: int) -> Changes:
    captured, opened, apart = space.captured, space.opened, space.apart.keys
    parts = max(captured.parts, opened.parts, apart.parts)

    def each() -> Iterator[Changes]:
        for n in range(parts):
            rows, versions = captured.part(n, parts), opened.part(n, parts)
            if apart.rows:  # law 10: of a key that was set apart nothing is known
                left = apart.part(n, parts)[KEY].implode()
                versions = versions.filter(~pl.col(KEY).is_in(left))
            hashes = {v: _aligned(rows, digests.part(n, parts)) for v, digests in older.items()}
            yield compare(rows, versions, hashes)

    return joined(each(), most)


def _aligned(rows: pl.DataFrame, hashes: pl.DataFrame) -> pl.Series:
    """The hashes in the order of ``rows``."""
    wanted = hashes.select(POSITION, pl.col(HASH).alias("_older"))
    return rows.join(wanted, on=POSITION, how="left", maintain_order="left")["_older"]
