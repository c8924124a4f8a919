"""Nothing beneath NULLs: rows that rules have changed, as files have them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from io import BytesIO

import polars as pl

from cdc_daemon.extract.carrying import bare

HIDDEN = 918_273_645
ROWS = 100


def memory(frame):
    stream = BytesIO()
    frame.write_ipc_stream(stream, compat_level=pl.CompatLevel.oldest())
    return stream.getvalue()


def test_values_that_became_null_are_gone_from_memory():
    """Law 9: a number and a text beneath NULLs are nowhere in what would be written."""
    before = pl.DataFrame({"c0": [HIDDEN] * ROWS, "c1": ["a text that is to be hidden"] * ROWS})
    third = pl.int_range(ROWS) % 3 == 0
    hidden = before.select(
        pl.when(~third).then(pl.col(name)).alias(name) for name in before.columns
    )
    done = bare(hidden, {"c0", "c1"})
    assert done.equals(hidden)
    number = HIDDEN.to_bytes(8, "little")
    shown = hidden["c0"].count()
    assert memory(hidden).count(number) == ROWS  # or else there is nothing to do any more
    assert memory(done).count(number) == memory(done).count(b"a text that") == shown


def test_values_and_types_stay():
    """Law 6: whatever the type, wherever the NULLs; fields that no rule is for are not touched."""
    columns = {
        "c0": [None, 1, None],
        "c1": [None, None, None],
        "c2": ["x", None, ""],
        "c3": [b"", b"x", None],
        "c4": [date(1, 1, 1), None, date(9999, 12, 31)],
        "c5": [None, Decimal("1.50"), Decimal(0)],
        "c6": [None, True, False],
    }
    frame = pl.DataFrame(columns).with_columns(
        pl.Series("c7", [2**128 - 1, None, 0], dtype=pl.UInt128), pl.col("c1").cast(pl.Int16)
    )
    for some in (frame, frame.head(0), frame.head(1), frame[1:]):
        done = bare(some, set(frame.columns))
        assert done.equals(some)
        assert done.schema == some.schema
    assert bare(frame, set())["c0"].equals(frame["c0"])
