"""Carriers into what bulk copy takes, as Arrow and as rows."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time
from decimal import Decimal as Number
from uuid import UUID

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdc_daemon.databases.sqlserver.decode import decode, from_rows
from cdc_daemon.databases.sqlserver.encode import encode, rows
from cdc_daemon.errors import RowRefused
from cdc_daemon.schema.types import (
    Binary,
    Boolean,
    Date,
    Decimal,
    Float,
    Integer,
    Json,
    Native,
    Text,
    Time,
    Timestamp,
    Uuid,
)
from tests.factories import INFINITY, make_column, make_columns, make_frame
from tests.row_hash_reference import DAY, FIRST, LAST, TEXTS, VALUES, integers, scaled

SEVENTH = "0001-01-01 00:00:00.0000001"
FINITE = st.floats(allow_nan=False, allow_infinity=False)
# what SQL Server holds of each type
HELD = {
    Boolean(): st.booleans(),
    **{Integer(width): integers(width) for width in (16, 32, 64)},
    **{Decimal(p, s): scaled(p, s) for p, s in ((38, 0), (38, 38), (19, 4))},
    Float(64): FINITE,
    Float(32): st.floats(width=32, allow_nan=False, allow_infinity=False),
    Text(): TEXTS.filter(lambda text: "\ufffd" not in text),
    Binary(): VALUES[Binary()],
    Uuid(): VALUES[Uuid()],
    Date(): st.dates(),
    Time(): st.integers(0, DAY - 1),
    Time(7): VALUES[Time(7)],
    Timestamp(): st.integers(FIRST, LAST),
    Timestamp(7): VALUES[Timestamp(7)],
    Timestamp(zoned=True): st.integers(FIRST, LAST),
}


def frame_of(logical, values, **column):
    columns = (make_column("a", logical, native="its type", **column),)
    return make_frame(columns, [(v,) for v in values]), columns


def encoded(logical, values, **column):
    frame, columns = frame_of(logical, values, **column)
    return encode(frame, columns, ()).column(0)


def row_values(logical, values, **column):
    frame, columns = frame_of(logical, values, **column)
    return [value for (value,) in rows(frame, columns, ())]


@pytest.mark.parametrize("logical", HELD, ids=str)
def test_what_is_written_is_what_is_read_back(logical):
    """Encoding and decoding undo each other, as Arrow and as rows (law 5)."""

    @settings(deadline=None, max_examples=25)
    @given(st.lists(st.none() | HELD[logical], max_size=8))
    def check(values):
        frame, columns = frame_of(logical, values)
        batch = encode(frame, columns, ())
        if isinstance(logical, Time) and logical.precision <= 6:  # as the server gives it
            batch = pa.RecordBatch.from_arrays([batch.column(0).cast(pa.time64("ns"))], ["a"])
        assert decode(batch, columns).equals(frame)
        assert from_rows(rows(frame, columns, ()), columns).equals(frame)

    check()


@pytest.mark.parametrize(
    ("logical", "kind", "value", "carried"),
    [
        (Time(3), pa.time64("us"), 1000, time(0, 0, 0, 1000)),
        (Timestamp(3), pa.timestamp("us"), 1000, datetime(1970, 1, 1, 0, 0, 0, 1000)),  # noqa: DTZ001
        (
            *(Timestamp(zoned=True), pa.timestamp("us")),
            *(-1, datetime(1969, 12, 31, 23, 59, 59, 999_999)),  # noqa: DTZ001
        ),
        (
            *(Uuid(), pa.large_string(), bytes(range(16))),
            "00010203-0405-0607-0809-0a0b0c0d0e0f",
        ),
        (Decimal(38, 10), pa.decimal128(38, 10), Number("1.5"), Number("1.5")),
        (Timestamp(7), pa.large_string(), SEVENTH, SEVENTH),
        (Json(), pa.large_string(), "{}", "{}"),
        (Native("sqlserver", "xml"), pa.large_string(), "<a/>", "<a/>"),
    ],
    ids=str,
)
def test_values_are_of_the_kind_that_bulk_copy_takes(logical, kind, value, carried):
    """Instants without a zone, in UTC; identifiers as text; the rest as it is."""
    array = encoded(logical, [value, None])
    assert array.type == kind
    assert array.to_pylist() == [carried, None]


@pytest.mark.parametrize(
    ("logical", "value", "row"),
    [
        (Date(), date(1, 1, 1), "0001-01-01"),
        (Time(6), 1, "00:00:00.000001"),
        (Time(3), 1000, "00:00:00.001"),
        (Time(0), 86_399_000_000, "23:59:59"),
        (Timestamp(6), FIRST, "0001-01-01 00:00:00.000000"),
        (Timestamp(6), LAST, "9999-12-31 23:59:59.999999"),
        (Timestamp(3), -1000, "1969-12-31 23:59:59.999"),
        (Timestamp(0), 0, "1970-01-01 00:00:00"),
        (Timestamp(3, zoned=True), 0, "1970-01-01 00:00:00.000"),
        (Timestamp(7), SEVENTH, SEVENTH),
        (Uuid(), bytes(range(16)), UUID(bytes=bytes(range(16)))),
        (Decimal(10, 2), Number("1.50"), Number("1.50")),
        (Boolean(), True, True),
        (Binary(), b"\0", b"\0"),
    ],
    ids=str,
)
def test_rows_have_as_many_digits_as_their_column(logical, value, row):
    """Dates and times go as text, which no ODBC driver shortens, with no digit too many."""
    assert row_values(logical, [value, None]) == [row, None]


@pytest.mark.parametrize(
    ("logical", "fine", "value"),
    [
        (Float(64), 1.0, math.nan),
        (Float(64), 1.0, math.inf),
        (Float(32), 1.0, -math.inf),
        (Date(), date.min, INFINITY),
        (Date(), date.max, -INFINITY),
        (Timestamp(), FIRST, INFINITY),
        (Timestamp(zoned=True), LAST, -INFINITY),
        (Timestamp(), LAST, LAST + 1),
        (Timestamp(3), FIRST, FIRST - 1),
        (Time(), DAY - 1, DAY),
    ],
    ids=str,
)
def test_a_value_that_sql_server_does_not_have_is_refused_by_name(logical, fine, value):
    """It is neither changed nor NULL, and not shown (laws 6, 9)."""
    for write in (encoded, row_values):
        assert len(write(logical, [fine, None])) == 2
        with pytest.raises(RowRefused, match=r"column a \(its type\) holds ") as caught:
            write(logical, [fine, None, value])
        assert math.isinf(value) or str(value) not in str(caught.value).replace("NaN", "")


@pytest.mark.parametrize("day", [-719_163, 2_932_897])
def test_a_day_outside_the_calendar_of_sql_server_is_refused(day):
    """Before 0001-01-01 and after 9999-12-31 there is nothing."""
    columns = (make_column("a", Date()),)
    frame = pl.DataFrame({"c0": pl.Series([0, day], dtype=pl.Int32).cast(pl.Date)})
    with pytest.raises(RowRefused):
        encode(frame, columns, ())


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_a_number_as_text_is_refused_where_its_column_is_a_number(value):
    """Where the column is text, it is kept as it is (law 6)."""
    texts = ["1.50", None, "-0.01", ".5"]
    assert encoded(Decimal(10, 2), texts, as_text=True).to_pylist() == texts
    with pytest.raises(RowRefused, match="column a "):
        encoded(Decimal(10, 2), [*texts, value], as_text=True)
    assert encoded(Decimal(), [*texts, value]).to_pylist() == [*texts, value]


def test_own_columns_follow_under_their_names():
    """Hashes, instants, flags and numbers of ours come after the source's."""
    at = datetime(2000, 1, 1, 0, 0, 0, 1, tzinfo=UTC)
    columns = make_columns({"ID": Integer(32), "_valid_from": Text()})
    frame = make_frame(columns, [(5, "x")]).with_columns(
        pl.lit(at, pl.Datetime("us", "UTC")).alias("_valid_from"),
        pl.lit(value=True).alias("_is_current"),
        pl.lit(7, pl.UInt128).alias("_row_hash"),
        pl.lit(None, pl.UInt128).alias("_closes"),
        pl.lit(1, pl.Int16).alias("_hash_version"),
        pl.lit(2**32 - 1, pl.UInt32).alias("_position"),
        pl.lit("I").alias("_operation"),
    )
    extra = (
        *("_valid_from", "_is_current", "_row_hash", "_closes", "_hash_version"),
        *("_position", "_operation"),
    )
    batch = encode(frame, columns, extra)
    assert batch.schema.names == ["c0", "c1", *extra]
    stored_hash = bytes([*bytes(15), 7])
    assert [column.to_pylist()[0] for column in batch.columns] == [
        *(5, "x", at.replace(tzinfo=None), True, stored_hash, None, 1, 2**32 - 1, "I"),
    ]
    assert batch.schema.field("_row_hash").type == pa.binary(16)
    assert batch.schema.field("_position").type == pa.int64()
    assert rows(frame, columns, extra) == [
        (5, "x", "2000-01-01 00:00:00.000001", True, stored_hash, None, 1, 2**32 - 1, "I")
    ]


def test_an_empty_piece_encodes():
    """No row is no special case."""
    columns = make_columns({"D": Date(), "T": Timestamp(), "H": Time(), "U": Uuid()})
    frame = make_frame(columns, []).with_columns(pl.lit(0, pl.UInt128).alias("h"))
    assert encode(frame, columns, ("h",)).num_rows == 0
    assert rows(frame, columns, ("h",)) == []
