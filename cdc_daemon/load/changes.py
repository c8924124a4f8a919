"""The rows that promote loads, in pieces, made from the landing and the comparison."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

import polars as pl

from cdc_daemon.cdc.row_hash import CURRENT, HASH
from cdc_daemon.model.change import Operation
from cdc_daemon.ports.flow import POSITION, Compared, Landed

CHANGE_COLUMNS = ("_operation", HASH, "_closes")
VERSION_COLUMNS = (
    "_valid_from",
    "_is_current",
    "_operation",
    HASH,
    "_hash_version",
    "_batch_id",
)


async def changed_rows(compared: Compared) -> AsyncIterator[pl.DataFrame]:
    """Every changed row: source columns (NULL for deletes, keys apart), then ``CHANGE_COLUMNS``."""
    columns = compared.landed.history.table.columns
    fields = [column.field for column in columns]
    plan = await asyncio.to_thread(_opening, compared)
    hashes = compared.landed.digests[HASH]
    async for rows in compared.landed.rows.take(plan["landed"]):
        full = rows.join(
            plan, left_on=POSITION, right_on="landed", how="left", maintain_order="left"
        )
        yield full.with_columns(hashes.gather(full[POSITION]).alias(HASH)).select(
            *fields, *CHANGE_COLUMNS
        )
    deleted = compared.changes.deleted
    gone = compared.opened[HASH]
    async for keys in compared.opened_keys.take(deleted):
        yield keys.select(
            *(
                pl.col(c.field)
                if c.field in keys.columns
                else pl.lit(None, c.carrier).alias(c.field)
                for c in columns
            ),
            pl.lit(Operation.DELETE.value).alias("_operation"),
            pl.lit(None, pl.UInt128).alias(HASH),
            gone.gather(keys[POSITION]).alias("_closes"),
        )


def _opening(compared: Compared) -> pl.DataFrame:
    """By position in the landing: the operation, and the hash of the version it closes."""
    changes = compared.changes
    updated = changes.updated.select(
        "landed",
        pl.lit(Operation.UPDATE.value).alias("_operation"),
        compared.opened[HASH].gather(changes.updated["opened"]).alias("_closes"),
    )
    inserted = pl.DataFrame({"landed": changes.inserted}).select(
        "landed",
        pl.when(pl.col("landed").is_in(compared.reopened.implode()))
        .then(pl.lit(Operation.REOPEN.value))
        .otherwise(pl.lit(Operation.INSERT.value))
        .alias("_operation"),
        pl.lit(None, pl.UInt128).alias("_closes"),
    )
    return pl.concat([updated, inserted]).sort("landed")


async def first_versions(landed: Landed, instant: datetime) -> AsyncIterator[pl.DataFrame]:
    """Every landed row as the first version of its key: source columns, then version columns."""
    fields = [column.field for column in landed.history.table.columns]
    hashes = landed.digests[HASH]
    async for rows in landed.rows.all():
        yield rows.select(
            *fields,
            pl.lit(instant, pl.Datetime("us", "UTC")).alias("_valid_from"),
            pl.lit(value=True).alias("_is_current"),
            pl.lit(Operation.INSERT.value).alias("_operation"),
            hashes.gather(rows[POSITION]).alias(HASH),
            pl.lit(CURRENT, pl.Int16).alias("_hash_version"),
            pl.lit(landed.batch.number, pl.Int64).alias("_batch_id"),
        )
