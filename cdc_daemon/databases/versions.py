"""Open versions, as every engine's driver hands them over: the key, then what is ours."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl
import pyarrow as pa

from cdc_daemon.cdc.compare import LATER, VERSION
from cdc_daemon.cdc.row_hash import HASH
from cdc_daemon.databases.hashes import hash_numbers
from cdc_daemon.schema.table import Column

Decode = Callable[[pa.RecordBatch, Sequence[Column]], pl.DataFrame]


def decoded_versions(batch: pa.RecordBatch, key: Sequence[Column], decode: Decode) -> pl.DataFrame:
    """The key as ``decode`` has it, then row hash, recipe, and whether it began later."""
    hashes, recipes, later = batch.columns[len(key) :]
    return decode(batch, key).with_columns(
        hash_numbers(pl.Series(HASH, hashes)),
        pl.Series(VERSION, recipes),
        pl.Series(LATER, later),
    )
