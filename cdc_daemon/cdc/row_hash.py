"""The row hash: a published, versioned recipe.

Version 1. For every hashed column whose value is not NULL, in the order of the columns' names
(by Unicode code point): the length of the name in UTF-8 bytes as decimal digits, ``:``, the name,
the length of the canonical form in UTF-8 bytes as decimal digits, ``:``, the canonical form
(``cdc.canonical``). The hash is XXH3-128 (seed 0) of these bytes, one after the other; stored as
16 bytes, most significant first. Names are those of the source.

Nothing is ambiguous, because every part says how long it is; adding a column that is NULL
changes no hash, because NULL contributes nothing.

A recipe that was ever used stays here: rows are compared under the recipe of their open version
(law 5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import polars as pl
import polars_hash as plh

from cdc_daemon.cdc.canonical import canonical
from cdc_daemon.schema.table import Column
from cdc_daemon.schema.types import Binary

KEY = "_key_digest"
HASH = "_row_hash"

_BOUNDED = 64  # bytes that the form of any number, instant or identifier stays below
_USUAL = 256

Recipe = Callable[[pl.DataFrame, Iterable[Column]], pl.Series]


def row_hash_v1(rows: pl.DataFrame, columns: Iterable[Column]) -> pl.Series:
    """Version 1 of each of ``rows`` over ``columns``, as 128-bit unsigned integers."""
    hashed = [column for column in columns if column.hashed]
    return _xxh3(rows.select(canonical(c).alias(c.field) for c in hashed), hashed)


def key_digest(rows: pl.DataFrame, columns: Iterable[Column]) -> pl.Series:
    """The same bytes over the key columns: what a key is compared by, and shown as."""
    key = list(columns)
    return _xxh3(rows.select(canonical(c, key=True).alias(c.field) for c in key), key)


RECIPES: Mapping[int, Recipe] = MappingProxyType({1: row_hash_v1})
CURRENT = max(RECIPES)


def _xxh3(forms: pl.DataFrame, columns: Iterable[Column]) -> pl.Series:
    """Of rows whose canonical forms are ready: each is needed twice, and costly to make."""
    pieces = [pl.lit("")]
    for column in sorted(columns, key=lambda column: column.name):
        pieces += _field(column)
    whole = plh.concat_str(pl.concat_str(pieces, ignore_nulls=True))
    return forms.select(whole.nchash.xxh3_128()).to_series()


def _field(column: Column) -> list[pl.Expr]:
    """Name, length and form; each is NULL where the form is, and so contributes nothing.

    Name and length come out of a table of ready strings, because formatting the length of
    every field costs more than the rest of the hash; lengths beyond it are formatted.
    """
    form = pl.col(column.field)
    label = f"{len(column.name.encode())}:{column.name}"
    length = form.str.len_bytes()
    bounded = column.carrier != pl.String and not isinstance(column.type, Binary)
    ready = _BOUNDED if bounded else _USUAL
    heads = pl.lit(pl.Series([f"{label}{n}:" for n in range(ready)] + [label]))
    head = heads.gather(length.clip(upper_bound=ready))
    if bounded:
        return [head, form]
    beyond = pl.when(length >= ready).then(pl.concat_str([length.cast(pl.String), pl.lit(":")]))
    return [head, beyond, form]
