"""Row hashes as databases store them.

Law 5: the stored bytes are the published number, most significant byte first, in every engine.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

HASH_BYTES = 16


def hash_bytes(hashes: pl.Series) -> pa.Array:
    """128-bit numbers as 16 bytes each, most significant first; NULL stays NULL."""
    filled, half = pl.lit(hashes.fill_null(0)), pl.lit(2**64, pl.UInt128)
    split = pl.select(high=(filled // half).cast(pl.UInt64), low=(filled % half).cast(pl.UInt64))
    halves = np.empty((len(hashes), 2), dtype=">u8")
    halves[:, 0], halves[:, 1] = split["high"].to_numpy(), split["low"].to_numpy()
    whole = pa.Array.from_buffers(
        pa.binary(HASH_BYTES), len(hashes), [None, pa.py_buffer(halves.tobytes())]
    )
    if not hashes.null_count():
        return whole
    absent = pa.nulls(len(hashes), pa.binary(HASH_BYTES))
    return pc.if_else(hashes.is_null().to_arrow(), absent, whole)


def hash_numbers(stored: pl.Series) -> pl.Series:
    """The numbers again."""
    return stored.bin.reinterpret(dtype=pl.UInt128, endianness="big")
