"""What the drivers hand over, into carriers: no value becomes another, or NULL, in silence."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal as Number

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdc_daemon.databases.sqlserver.decode import decode, from_rows
from cdc_daemon.databases.sqlserver.pieces import versions_of
from cdc_daemon.errors import Unrepresentable
from cdc_daemon.ports.source import DoesNotFit
from cdc_daemon.schema.types import (
    Binary,
    Boolean,
    Date,
    Decimal,
    Float,
    Integer,
    Native,
    Text,
    Time,
    Timestamp,
    Uuid,
)
from tests.factories import make_column, make_columns

NANOSECONDS = 1_000
HALF = "a\ud83d"
SEVENTH = "0001-01-01 00:00:00.0000001"
TEXT = Text(10, utf16=True)


def decoded(logical, array, **column):
    batch = pa.RecordBatch.from_arrays([array], ["whatever"])
    return decode(batch, [make_column("a", logical, native="its type", **column)])["c0"]


def of_rows(logical, values, **column):
    return from_rows([(v,) for v in values], [make_column("a", logical, native="t", **column)])[
        "c0"
    ]


def utf16(text):
    return text.encode("utf-16-le", "surrogatepass")


ARROW = [
    (Boolean(), pa.array([True, None]), [True, None]),
    (Integer(16), pa.array([-(2**15), None], pa.int16()), [-(2**15), None]),
    (Integer(32), pa.array([2**31 - 1, None], pa.int32()), [2**31 - 1, None]),
    (Integer(64), pa.array([2**63 - 1, None], pa.int64()), [2**63 - 1, None]),
    (Float(32), pa.array([0.5, None], pa.float32()), [0.5, None]),
    (Float(64), pa.array([1e300, None], pa.float64()), [1e300, None]),
    (TEXT, pa.array(["", None, "\x00😀 "], pa.large_string()), ["", None, "\x00😀 "]),
    (Native("sqlserver", "xml"), pa.array(["<a/>", None], pa.large_string()), ["<a/>", None]),
    (Binary(), pa.array([b"", None, b"\x00"], pa.large_binary()), [b"", None, b"\x00"]),
    (
        Uuid(),
        pa.array(["00010203-0405-0607-0809-0A0B0C0D0E0F", None], pa.large_string()),
        [bytes(range(16)), None],
    ),
    (Date(), pa.array([date.min, None, date.max], pa.date32()), [date.min, None, date.max]),
    (
        Time(6),
        pa.array([86_399_999_999 * NANOSECONDS, None, 0], pa.int64()).view(pa.time64("ns")),
        [86_399_999_999, None, 0],
    ),
    (
        Timestamp(6),
        pa.array([datetime.min, None, datetime.max], pa.timestamp("us")),  # noqa: DTZ901
        [datetime.min, None, datetime.max],  # noqa: DTZ901
    ),
    (
        Timestamp(3, zoned=True),
        pa.array([datetime(2026, 1, 1), None], pa.timestamp("us")),  # noqa: DTZ001
        [datetime(2026, 1, 1, tzinfo=UTC), None],
    ),
    (Time(7), pa.array(["10:11:12.1234567", None], pa.large_string()), ["10:11:12.1234567", None]),
    (Timestamp(7), pa.array([SEVENTH, None], pa.large_string()), [SEVENTH, None]),
    (
        Decimal(38, 38),
        pa.array([Number("-0." + "9" * 38), None], pa.decimal128(38, 38)),
        [Number("-0." + "9" * 38), None],
    ),
    (
        Decimal(19, 4),
        pa.array([Number("922337203685477.5807")], pa.decimal128(19, 4)),
        [Number("922337203685477.5807")],
    ),
    (Decimal(), pa.array(["1.50", None], pa.large_string()), ["1.50", None]),
]


@pytest.mark.parametrize(("logical", "array", "values"), ARROW, ids=[str(row[0]) for row in ARROW])
def test_values_arrive_in_their_carrier(logical, array, values):
    """Each type has its carrier's dtype, its values, and its NULLs (law 6)."""
    series = decoded(logical, array)
    assert series.dtype == make_column("a", logical).carrier
    assert series.to_list() == values


@pytest.mark.parametrize(("logical", "array", "values"), ARROW, ids=[str(row[0]) for row in ARROW])
def test_rows_of_the_other_driver_are_the_same_values(logical, array, values):
    """A table may change its driver: not one row changes with it (law 5)."""
    given_values = array.to_pylist()
    if logical == Time(6):
        given_values = [time(23, 59, 59, 999_999), None, time(0)]
    assert of_rows(logical, given_values).equals(decoded(logical, array), null_equal=True)
    assert of_rows(logical, given_values).dtype == make_column("a", logical).carrier


@pytest.mark.parametrize(
    ("logical", "value", "carried"),
    [
        (Date(), "0001-01-01", date.min),
        (Timestamp(6), "2026-01-01 00:00:00.000001", datetime(2026, 1, 1, 0, 0, 0, 1)),  # noqa: DTZ001
        (Time(6), "23:59:59.999999", 86_399_999_999),
        (Uuid(), uuid.UUID(bytes=bytes(range(16))), bytes(range(16))),
        (Uuid(), "00010203-0405-0607-0809-0a0b0c0d0e0f", bytes(range(16))),
    ],
)
def test_a_driver_may_hand_over_texts(logical, value, carried):
    """What a driver has no type for comes as its text, and means the same (law 5)."""
    assert of_rows(logical, [value, None]).to_list() == [carried, None]


@pytest.mark.parametrize("logical", [row[0] for row in ARROW], ids=str)
def test_a_batch_may_be_empty_or_all_null(logical):
    """No row, and no value, is a value like any other."""
    array = next(array for kind, array, _ in ARROW if kind == logical)
    for values in ([], [None, None]):
        for series in (decoded(logical, pa.array(values, array.type)), of_rows(logical, values)):
            assert series.to_list() == values
            assert series.dtype == make_column("a", logical).carrier


def test_columns_come_in_order_under_their_fields():
    """Columns are told by position, whatever the driver calls them."""
    columns = make_columns({"order": Integer(32), "a]b": Text()})
    batch = pa.RecordBatch.from_arrays([pa.array([1], pa.int32()), pa.array(["x"])], ["", ""])
    expected = {"c0": [1], "c1": ["x"]}
    assert decode(batch, columns).to_dict(as_series=False) == expected
    assert from_rows([(1, "x")], columns).to_dict(as_series=False) == expected


@settings(deadline=None)
@given(st.lists(st.none() | st.times()))
def test_every_time_keeps_its_microseconds(times):
    """Through Arrow's nanoseconds, and through Python's times."""
    array = pa.array(times, pa.time64("us")).cast(pa.time64("ns"))
    midnight = datetime(1970, 1, 1)  # noqa: DTZ001
    whole = [
        t and (datetime.combine(midnight, t) - midnight) // timedelta(microseconds=1) for t in times
    ]
    whole = [0 if t == time(0) else w for t, w in zip(times, whole, strict=True)]
    assert decoded(Time(6), array).to_list() == whole
    assert of_rows(Time(6), times).to_list() == whole


@pytest.mark.parametrize("logical", [TEXT, Text(), Native("sqlserver", "xml")], ids=str)
def test_a_replaced_character_asks_for_the_bytes(logical):
    """What the driver may have put there is never taken for what was there (law 6)."""
    for read in (
        lambda: decoded(logical, pa.array(["a\ufffd"])),
        lambda: of_rows(logical, ["\ufffd"]),
    ):
        with pytest.raises(DoesNotFit) as caught:
            read()
        assert caught.value.column == "c0"


@settings(deadline=None)
@given(st.lists(st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)))
def test_text_is_read_back_from_its_bytes(texts):
    """Every character there is, the replacement character itself too (law 6)."""
    raw = [None if text is None else utf16(text) for text in texts]
    assert decoded(TEXT, pa.array(raw, pa.large_binary()), as_text=True).to_list() == texts
    assert of_rows(TEXT, raw, as_text=True).to_list() == texts


@pytest.mark.parametrize("raw", [utf16(HALF), utf16("\udc00b"), b"a"], ids=["high", "low", "odd"])
def test_half_a_surrogate_pair_is_refused_by_name(raw):
    """No carrier holds it; the error names the column and never the value (laws 6, 9)."""
    for read in (
        lambda: decoded(TEXT, pa.array([b"", raw], pa.large_binary()), as_text=True),
        lambda: of_rows(TEXT, [b"", raw], as_text=True),
    ):
        with pytest.raises(
            Unrepresentable, match=r"column a \(.*\) holds half a surrogate"
        ) as caught:
            read()
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None


@pytest.mark.parametrize("text", ["", "noon", "10:11", "10:11:12.12345678", "secret"])
def test_a_text_that_is_no_time_is_refused_by_name(text):
    """Its canonical form could not be made; the error does not quote it (laws 6, 9)."""
    for logical in (Time(7), Timestamp(7)):
        with pytest.raises(Unrepresentable) as caught:
            decoded(logical, pa.array([text]))
        assert "column a" in str(caught.value)
        assert "secret" not in str(caught.value)


def test_a_number_too_large_for_its_carrier_asks_for_text():
    """It is never read as NULL (law 6)."""
    with pytest.raises(DoesNotFit):
        decoded(Decimal(5, 2), pa.array([Number("12345.00")], pa.decimal128(10, 2)))


def test_open_versions_have_key_hash_recipe_and_later():
    """Hashes are the published numbers again, whatever bytes they are stored as (law 5)."""
    key = make_columns({"A": Text(), "B": Integer(32)})
    arrays = [
        *(pa.array(["x"]), pa.array([1], pa.int32())),
        *(pa.array([bytes([*bytes(15), 7])], pa.large_binary()), pa.array([1], pa.int16())),
        pa.array([True]),
    ]
    batch = pa.RecordBatch.from_arrays(arrays, list("abcde"))
    frame = versions_of(batch, key)
    assert frame.schema == {
        "c0": pl.String,
        "c1": pl.Int32,
        "_row_hash": pl.UInt128,
        "_hash_version": pl.Int16,
        "_later": pl.Boolean,
    }
    assert frame.rows() == [("x", 1, 7, 1, True)]
