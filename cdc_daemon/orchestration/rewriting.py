"""Rows that differ from their open versions by changed rules alone.

They are told by the columns whose rules stayed: where all of those are the same, the version
stays open and is given the new values; where one differs, the row changed at the source, and a
new version begins as always (law 4). What changed meanwhile only in columns with changed rules
cannot be told apart: that is what who chooses ``rewrite`` accepts.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import polars as pl

from cdc_daemon.cdc.row_hash import CURRENT, HASH, KEY, RECIPES, key_digest
from cdc_daemon.model.change import POSITION, Changes
from cdc_daemon.ports.flow import Landed
from cdc_daemon.ports.target import Target
from cdc_daemon.schema.table import Column, SourceTable

_OTHERS = "_others"
_Rows = pl.DataFrame


async def rewriting(target: Target, landed: Landed, changes: Changes) -> Changes:
    """``changes``, where such rows rewrite their versions instead of closing them."""
    begun = landed.begun
    table, changed = begun.history.table, begun.rules_changed
    others = [c for c in table.columns if c.hashed and c.name not in changed]
    # a column that bronze does not have yet is NULL there, and NULL adds nothing to a hash
    kept = [c for c in others if c.name not in begun.history.added]
    read = [*table.key_columns, *(c for c in kept if c.name not in table.key)]
    found = [pl.DataFrame(schema={POSITION: pl.UInt32, KEY: pl.UInt128, _OTHERS: pl.UInt128})]
    async for rows in landed.rows.take(changes.updated[POSITION]):
        digests = await asyncio.to_thread(_digested, rows, table, others)
        found.append(rows.select(POSITION).hstack(digests))
    updated = pl.concat(found)
    same = [updated[POSITION].clear()]
    versions = target.open_versions(begun.job.table, read, begun.batch.read_at)
    async with aclosing(versions) as frames:
        async for frame in frames:
            same.append(await asyncio.to_thread(_same, updated, frame, table, kept))
    return await asyncio.to_thread(changes.rewriting, pl.concat(same))


def _digested(rows: _Rows, table: SourceTable, others: list[Column]) -> _Rows:
    keys = key_digest(rows, table.key_columns)
    return pl.DataFrame({KEY: keys, _OTHERS: RECIPES[CURRENT](rows, others)})


def _same(updated: _Rows, versions: _Rows, table: SourceTable, kept: list[Column]) -> pl.Series:
    digests = _digested(versions.drop(HASH), table, kept)
    return updated.join(digests, on=[KEY, _OTHERS], how="semi")[POSITION]
