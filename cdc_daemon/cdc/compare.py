"""Captured rows against open versions: which keys are new, changed, gone.

Law: applying the changes to the open versions gives what was captured. Keys are compared by
their digest, rows by their hash under the recipe of the open version (law 5).
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from cdc_daemon.cdc.row_hash import CURRENT, HASH, KEY
from cdc_daemon.model.change import Changes

VERSION = "_hash_version"
LATER = "_later"
"""Whether an open version began after the rows were read."""

OPEN_SCHEMA: dict[str, pl.DataType] = {
    KEY: pl.UInt128(),
    HASH: pl.UInt128(),
    VERSION: pl.Int16(),
    LATER: pl.Boolean(),
}


def duplicates(captured: pl.DataFrame) -> pl.Series:
    """The key digests that occur more than once."""
    return captured.filter(pl.col(KEY).is_duplicated())[KEY].unique()


def compare(
    captured: pl.DataFrame, opened: pl.DataFrame, older: Mapping[int, pl.Series] | None = None
) -> Changes:
    """Compare ``captured`` (key digest, hash) with ``opened`` (``OPEN_SCHEMA``).

    ``older`` holds the hashes of the captured rows, in their order, under each older recipe that
    occurs among the open versions.
    """
    new = captured.lazy().with_row_index("landed")
    for version, hashes in (older or {}).items():
        new = new.with_columns(hashes.alias(f"{HASH}_{version}"))
    old = opened.lazy().with_row_index("opened")
    both = new.join(old, on=KEY, how="inner", suffix="_old").select(
        "landed", "opened", LATER, same=_same(tuple(older or ()))
    )
    known, inserted, gone = pl.collect_all(
        [
            both,
            new.join(old, on=KEY, how="anti").select("landed"),
            old.join(new, on=KEY, how="anti").select("opened", LATER),
        ]
    )
    updated = known.filter(~pl.col("same") & ~pl.col(LATER)).select("landed", "opened")
    return Changes(
        inserted=inserted["landed"].sort(),
        updated=updated.sort("landed"),
        deleted=gone.filter(~pl.col(LATER))["opened"].sort(),
        unchanged=known.filter(pl.col("same")).height,
        later=known.filter(~pl.col("same") & pl.col(LATER)).height
        + gone.filter(pl.col(LATER)).height,
    )


def _same(older: tuple[int, ...]) -> pl.Expr:
    hashed = pl.col(HASH)
    for version in older:
        hashed = pl.when(pl.col(VERSION) == version).then(f"{HASH}_{version}").otherwise(hashed)
    readable = pl.col(VERSION).is_in([CURRENT, *older])  # an unknown recipe counts as changed
    return (hashed == pl.col(f"{HASH}_old")) & readable
