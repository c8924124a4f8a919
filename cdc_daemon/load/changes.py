"""The rows that promote loads, in pieces, made from the landing and the comparison."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime

import polars as pl

from cdc_daemon.cdc.row_hash import CURRENT, HASH
from cdc_daemon.model.change import CLOSES, POSITION, Counts, Operation
from cdc_daemon.ports.flow import Arriving, Compared, LandedRows

CHANGE_COLUMNS = ("_operation", HASH, CLOSES)
VERSION_COLUMNS = (
    "_valid_from",
    "_is_current",
    "_operation",
    HASH,
    "_hash_version",
    "_batch_id",
)


async def opening_rows(compared: Compared) -> AsyncGenerator[pl.DataFrame, None]:
    """Rows that open or rewrite a version: position, source columns, ``CHANGE_COLUMNS``."""
    fields = [column.field for column in compared.begun.history.table.columns]
    if compared.begun.history.is_empty:
        async for rows in compared.landed.rows.all():
            yield _first(rows).select(POSITION, *fields, *CHANGE_COLUMNS)
        return
    plan = await asyncio.to_thread(_opening, compared)
    async for full in _joined(compared.landed.rows, plan):
        yield full.select(POSITION, *fields, *CHANGE_COLUMNS)


async def changed_rows(compared: Compared) -> AsyncGenerator[pl.DataFrame, None]:
    """Every changed row: source columns (NULL for deletes, keys apart), then ``CHANGE_COLUMNS``."""
    columns = compared.begun.history.table.columns
    async for full in opening_rows(compared):
        yield full.drop(POSITION)
    async for closing in _joined(compared.opened_keys, compared.changes.deleted):
        yield closing.select(
            *(
                pl.col(c.field)
                if c.field in closing.columns
                else pl.lit(None, c.carrier).alias(c.field)
                for c in columns
            ),
            pl.lit(Operation.DELETE.value).alias("_operation"),
            pl.lit(None, pl.UInt128).alias(HASH),
            CLOSES,
        )


async def _joined(rows: LandedRows, changes: pl.DataFrame) -> AsyncGenerator[pl.DataFrame, None]:
    """The rows at the changes' positions, with the changes' other columns."""
    done = 0
    async for piece in rows.take(changes[POSITION]):
        its = changes.slice(done, piece.height)  # all of them would be searched for each piece
        done += piece.height
        yield piece.join(its, on=POSITION, how="left", maintain_order="left")


def _opening(compared: Compared) -> pl.DataFrame:
    """By position in the landing: the operation, and the hash of the version it closes."""
    changes = compared.changes
    closing = [
        rows.select(POSITION, pl.lit(operation.value).alias("_operation"), CLOSES)
        for operation, rows in (
            (Operation.UPDATE, changes.updated),
            (Operation.REWRITE, changes.rewritten),
        )
    ]
    inserted = pl.DataFrame({POSITION: changes.inserted}).select(
        POSITION,
        pl.when(pl.col(POSITION).is_in(compared.reopened.implode()))
        .then(pl.lit(Operation.REOPEN.value))
        .otherwise(pl.lit(Operation.INSERT.value))
        .alias("_operation"),
        pl.lit(None, pl.UInt128).alias(CLOSES),
    )
    return pl.concat([*closing, inserted]).sort(POSITION)


async def first_versions(
    arriving: Arriving, instant: datetime
) -> AsyncGenerator[pl.DataFrame, None]:
    """Every row as the first version of its key: source columns, then ``VERSION_COLUMNS``."""
    fields = [column.field for column in arriving.begun.history.table.columns]
    constants = (
        pl.lit(instant, pl.Datetime("us", "UTC")).alias("_valid_from"),
        pl.lit(value=True).alias("_is_current"),
        pl.lit(Operation.INSERT.value).alias("_operation"),
        pl.lit(CURRENT, pl.Int16).alias("_hash_version"),
        pl.lit(arriving.begun.batch.number, pl.Int64).alias("_batch_id"),
    )
    async with aclosing(arriving.rows) as frames:
        async for rows in frames:
            yield rows.with_columns(constants).select(*fields, *VERSION_COLUMNS)


async def first_changes(arriving: Arriving) -> AsyncGenerator[pl.DataFrame, None]:
    """The same rows, where they must go through a load table: with ``CHANGE_COLUMNS``."""
    fields = [column.field for column in arriving.begun.history.table.columns]
    async with aclosing(arriving.rows) as frames:
        async for rows in frames:
            yield _first(rows).select(*fields, *CHANGE_COLUMNS)


def _first(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(
        pl.lit(Operation.INSERT.value).alias("_operation"),
        pl.lit(None, pl.UInt128).alias(CLOSES),
    )


async def peeked(arriving: Arriving) -> tuple[bool, Arriving]:
    """Whether there is a row at all; and the same rows, of which one frame has come by then."""
    first: pl.DataFrame | None = await anext(arriving.rows, None)

    async def rows() -> AsyncGenerator[pl.DataFrame, None]:
        async with aclosing(arriving.rows) as rest:
            if first is not None:
                yield first
            async for frame in rest:
                yield frame

    return first is not None and first.height > 0, replace(arriving, rows=rows())


def arriving_of(compared: Compared) -> Arriving:
    """A compared batch of a table without history, as rows that arrive from its landing."""
    refused = compared.refused.implode()

    async def verdict() -> Counts:
        return counts(compared)

    async def rows() -> AsyncGenerator[pl.DataFrame, None]:
        async with aclosing(compared.landed.rows.all()) as frames:
            async for frame in frames:
                yield frame.filter(~pl.col(POSITION).is_in(refused))

    return Arriving(begun=compared.begun, rows=rows(), verdict=verdict)


def counts(compared: Compared) -> Counts:
    """What promote is going to do, in rows."""
    sizes, reopened, landed = compared.changes.sizes, compared.reopened.len(), compared.landed
    refused = compared.refused.len()
    inserted = sizes.inserted - reopened
    if compared.begun.history.is_empty:  # all that was carried, however much it is
        inserted = landed.extracted - landed.apart.rows - refused
    return Counts(
        extracted=landed.extracted,
        inserted=inserted,
        updated=sizes.updated,
        reopened=reopened,
        deleted=sizes.deleted,
        unchanged=compared.changes.unchanged,
        rewritten=sizes.rewritten,
        quarantined=landed.apart.rejected + refused,
        filtered=landed.apart.filtered,
    )
