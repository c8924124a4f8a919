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

Recipe = Callable[[Iterable[Column]], pl.Expr]


def row_hash_v1(columns: Iterable[Column]) -> pl.Expr:
    """Version 1 over ``columns``, as a 128-bit unsigned integer."""
    return _xxh3((c, canonical(c)) for c in columns if c.hashed)


def key_digest(columns: Iterable[Column]) -> pl.Expr:
    """The same bytes over the key columns: what a key is compared by, and shown as."""
    return _xxh3((c, canonical(c, key=True)) for c in columns)


RECIPES: Mapping[int, Recipe] = MappingProxyType({1: row_hash_v1})
CURRENT = max(RECIPES)


def _xxh3(fields: Iterable[tuple[Column, pl.Expr]]) -> pl.Expr:
    pieces = [pl.lit("")]
    for column, form in sorted(fields, key=lambda field: field[0].name):
        pieces += _field(column, form)
    return plh.concat_str(pl.concat_str(pieces, ignore_nulls=True)).nchash.xxh3_128()


def _field(column: Column, form: pl.Expr) -> list[pl.Expr]:
    """Name, length and form; each is NULL where the form is, and so contributes nothing.

    Name and length come out of a table of ready strings, because formatting the length of
    every field costs more than the rest of the hash; lengths beyond it are formatted.
    """
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
