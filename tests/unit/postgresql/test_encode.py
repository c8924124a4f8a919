"""Carriers into the Arrow that binary COPY is made of."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdc_daemon.databases.postgresql.decode import EPOCH_DAYS, EPOCH_MICROSECONDS, decode
from cdc_daemon.databases.postgresql.encode import encode
from cdc_daemon.schema.carrier import DATE_INFINITY, TIMESTAMP_INFINITY
from cdc_daemon.schema.types import (
    Binary,
    Boolean,
    Date,
    Decimal,
    Float,
    Integer,
    Json,
    Text,
    Time,
    Timestamp,
    Uuid,
)
from tests.factories import make_column, make_columns, make_frame


def encoded(logical, series):
    frame = pl.DataFrame([series.alias("c0")])
    return encode(frame, [make_column("a", logical)], ()).column(0)


def test_infinite_dates_are_postgresqls_own():
    """The extreme integers pass as they are; days count from 2000-01-01."""
    days = [*DATE_INFINITY, 0, EPOCH_DAYS, None, -2_440_588, 2_145_042_905]
    array = encoded(Date(), pl.Series(days, dtype=pl.Int32).cast(pl.Date))
    expected = [*DATE_INFINITY, -EPOCH_DAYS, 0, None, -2_440_588 - EPOCH_DAYS, 2_145_031_948]
    assert array.type == pa.int32()
    assert array.to_pylist() == expected


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_infinite_timestamps_are_postgresqls_own(zone):
    """The extreme integers pass as they are; microseconds count from 2000-01-01."""
    instants = [*TIMESTAMP_INFINITY, 0, EPOCH_MICROSECONDS, None, 2**63 - 2]
    series = pl.Series(instants, dtype=pl.Int64).cast(pl.Datetime("us", zone))
    array = encoded(Timestamp(zoned=bool(zone)), series)
    shift = EPOCH_MICROSECONDS
    assert array.type == pa.int64()
    assert array.to_pylist() == [*TIMESTAMP_INFINITY, -shift, 0, None, 2**63 - 2 - shift]


def test_jsonb_is_its_text_behind_a_version_byte():
    """Jsonb has a version before its text, json has none, and NULL has neither."""
    texts = pl.Series(["{}", None, "null", ""])
    assert encoded(Json(binary=True), texts).to_pylist() == ["\x01{}", None, "\x01null", "\x01"]
    assert encoded(Json(), texts).to_pylist() == ["{}", None, "null", ""]
    nothing = pl.Series([None, None], dtype=pl.String)
    assert encoded(Json(binary=True), nothing).to_pylist() == [None, None]


@pytest.mark.parametrize(
    ("logical", "kind", "values"),
    [
        (Boolean(), pa.bool_(), [True, None]),
        (Integer(16), pa.int16(), [-1, None]),
        (Integer(64), pa.int64(), [2**63 - 1, None]),
        (Float(32), pa.float32(), [float("inf"), None]),
        (Float(64), pa.float64(), [-0.0, None]),
        (Time(), pa.int64(), [86_400_000_000, None]),
        (Uuid(), pa.binary(16), [bytes(range(16)), None]),
    ],
)
def test_values_are_of_the_width_the_column_has(logical, kind, values):
    """Binary COPY has no casts: each type is sent at its very width."""
    array = encoded(logical, make_frame([make_column("a", logical)], [(v,) for v in values])["c0"])
    assert array.type == kind
    assert array.to_pylist() == values


@pytest.mark.parametrize("logical", [Time(7), Timestamp(7)])
def test_more_digits_than_microseconds_pass_as_their_text(logical):
    """What no carrier of PostgreSQL holds stays the text it is (law 6)."""
    texts = ["9999-12-31 23:59:59.9999999", None]
    assert encoded(logical, pl.Series(texts)).to_pylist() == texts


@pytest.mark.parametrize("logical", [Text(), Json(), Binary(), Decimal(38, 10), Decimal()])
def test_text_bytes_and_numbers_pass_unchanged(logical):
    """'' is not NULL, and no decimal is rounded (law 6, T10)."""
    values = [b"", None, b"\x00"] if logical == Binary() else ["", None, "\t\n\x01😀"]
    column = make_column("a", logical)
    if column.carrier == pl.Decimal(38, 10):
        values = pl.Series(["9" * 28 + "." + "9" * 10, None]).cast(column.carrier).to_list()
    array = encoded(logical, pl.Series(values, dtype=column.carrier))
    assert array.to_pylist() == values


def test_version_columns_follow_the_columns():
    """Hashes, instants, flags and numbers of ours come after the source's, as they are."""
    at = datetime(2000, 1, 1, 0, 0, 0, 1, tzinfo=UTC)
    columns = make_columns({"ID": Integer(32)})
    frame = make_frame(columns, [(5,)]).with_columns(
        pl.lit(at, pl.Datetime("us", "UTC")).alias("_valid_from"),
        pl.lit(value=True).alias("_is_current"),
        pl.lit(7, pl.UInt128).alias("_row_hash"),
        pl.lit(None, pl.UInt128).alias("_closes"),
        pl.lit(1, pl.Int16).alias("_hash_version"),
        pl.lit("I").alias("_operation"),
    )
    extra = ("_valid_from", "_is_current", "_row_hash", "_closes", "_hash_version", "_operation")
    batch = encode(frame, columns, extra)
    assert [column.to_pylist()[0] for column in batch.columns] == [
        *(5, 1, True, bytes([*bytes(15), 7]), None, 1, "I"),
    ]
    assert batch.schema.types[1] == pa.int64()
    assert batch.schema.types[5] == pa.int16()


def test_an_empty_piece_encodes():
    """No row is no special case."""
    columns = make_columns({"D": Date(), "T": Timestamp(), "J": Json(binary=True), "U": Uuid()})
    frame = make_frame(columns, []).with_columns(pl.lit(0, pl.UInt128).alias("h"))
    assert encode(frame, columns, ("h",)).num_rows == 0


@settings(deadline=None)
@given(
    st.lists(st.none() | st.integers(-2_440_588, 2_145_042_905) | st.sampled_from(DATE_INFINITY)),
    st.lists(st.none() | st.integers(-(2**57), 2**63 - 2) | st.sampled_from(TIMESTAMP_INFINITY)),
)
def test_what_is_written_is_what_is_read_back(days, instants):
    """Encoding undoes the driver's decoding, infinities included (law 5)."""
    for logical, values, carried, epoch, kind in (
        (Date(), days, pl.Int32, EPOCH_DAYS, pa.date32()),
        (Timestamp(), instants, pl.Int64, EPOCH_MICROSECONDS, pa.timestamp("us")),
    ):
        column = make_column("a", logical)
        series = pl.Series("c0", values, dtype=carried).cast(column.carrier)
        stored = pl.Series(encoded(logical, series), dtype=carried)
        arrow = (stored + epoch).to_arrow().view(kind)  # the driver's addition, wrapping
        batch = pa.RecordBatch.from_arrays([arrow], ["a"])
        assert decode(batch, [column])["c0"].to_physical().to_list() == values
