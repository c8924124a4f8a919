"""Captured rows against open versions: which keys are new, changed, gone.

Law: applying the changes to the open versions gives what was captured. Keys are compared by
their digest, rows by their hash under the recipe of the open version (law 5). Keys fall into
parts by their digest, so that no more than a part need be in memory (law 11).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from cdc_daemon.cdc.row_hash import CURRENT, HASH, KEY
from cdc_daemon.model.change import CLOSES, POSITION, Changes, Sizes

VERSION = "_hash_version"
LATER = "_later"
"""Whether an open version began after the rows were read."""

CAPTURED_SCHEMA: dict[str, pl.DataType] = {KEY: pl.UInt128(), HASH: pl.UInt128()}
OPEN_SCHEMA: dict[str, pl.DataType] = {
    **CAPTURED_SCHEMA,
    VERSION: pl.Int16(),
    LATER: pl.Boolean(),
}


def part_of(parts: int) -> pl.Expr:
    """The part a key falls into: digests are spread evenly over all their values."""
    return (pl.col(KEY) % parts).cast(pl.Int32)


def duplicates(captured: pl.DataFrame) -> pl.Series:
    """The key digests that occur more than once."""
    keys = captured[KEY]
    if keys.n_unique() == keys.len():  # a quarter of the cost of naming them
        return keys.clear()
    return captured.filter(pl.col(KEY).is_duplicated())[KEY].unique()


def compare(
    captured: pl.DataFrame, opened: pl.DataFrame, older: Mapping[int, pl.Series] | None = None
) -> Changes:
    """Compare ``captured`` (``CAPTURED_SCHEMA``) with ``opened`` (``OPEN_SCHEMA``).

    Both also carry their ``POSITION``; no key occurs twice in either. ``older`` holds the hashes
    of the captured rows, in their order, under each older recipe that occurs among the open
    versions.
    """
    new = captured.with_columns(h.alias(f"{HASH}_{v}") for v, h in (older or {}).items())
    known = new.join(opened, on=KEY, how="inner", suffix="_old").select(
        POSITION, LATER, pl.col(f"{HASH}_old").alias(CLOSES), same=_same(tuple(older or ()))
    )
    inserted, gone = new[POSITION].clear(), opened.clear()
    if known.height < new.height:
        inserted = new.join(opened, on=KEY, how="anti")[POSITION]
    if known.height < opened.height:
        gone = opened.join(new, on=KEY, how="anti")
    differing = known.filter(~pl.col("same"))
    return Changes(
        inserted=inserted,
        updated=differing.filter(~pl.col(LATER)).select(POSITION, CLOSES),
        deleted=gone.filter(~pl.col(LATER)).select(POSITION, pl.col(HASH).alias(CLOSES)),
        unchanged=known.height - differing.height,
        later=int(differing[LATER].sum()) + int(gone[LATER].sum()),
    )


def joined(parts: Iterable[Changes], most: int | None = None) -> Changes:
    """The changes of all parts as one, in the order of positions.

    Parts after which there would be more than ``most`` changes are counted only (law 11).
    """
    kept: list[Changes] = []
    sizes, unchanged, later = Sizes(), 0, 0
    for part in parts:
        sizes += part.sizes
        unchanged += part.unchanged
        later += part.later
        if most is None or sizes.total <= most or not kept:
            kept.append(part)
    inserted = pl.concat([part.inserted for part in kept]).sort()
    updated = pl.concat([part.updated for part in kept]).sort(POSITION)
    deleted = pl.concat([part.deleted for part in kept]).sort(POSITION)
    return Changes(
        inserted=inserted,
        updated=updated,
        deleted=deleted,
        unchanged=unchanged,
        later=later,
        left_out=Sizes(
            inserted=sizes.inserted - inserted.len(),
            updated=sizes.updated - updated.height,
            deleted=sizes.deleted - deleted.height,
        ),
    )


def _same(older: tuple[int, ...]) -> pl.Expr:
    hashed = pl.col(HASH)
    for version in older:
        hashed = pl.when(pl.col(VERSION) == version).then(f"{HASH}_{version}").otherwise(hashed)
    readable = pl.col(VERSION).is_in([CURRENT, *older])  # an unknown recipe counts as changed
    return (hashed == pl.col(f"{HASH}_old")) & readable
