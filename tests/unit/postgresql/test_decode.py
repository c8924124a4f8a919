"""What the driver hands over, into carriers: no value becomes another, or NULL, in silence."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal as Number

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdc_daemon.databases.postgresql.decode import EPOCH_DAYS, EPOCH_MICROSECONDS, decode
from cdc_daemon.errors import Unrepresentable
from cdc_daemon.ports.source import DoesNotFit
from cdc_daemon.schema.carrier import DATE_INFINITY, TIMESTAMP_INFINITY
from cdc_daemon.schema.types import (
    Binary,
    Boolean,
    Date,
    Decimal,
    Float,
    Integer,
    Text,
    Time,
    Timestamp,
    Uuid,
)
from tests.factories import EPOCH, make_column, make_columns

SEVENTH = "0001-01-01 00:00:00.0000001"
MICROSECOND = timedelta(microseconds=1)
NOON = datetime(2026, 1, 1, 12, 0, 0, 1, tzinfo=UTC)
FIRST_DAY = -2_440_588  # 4713-01-01 BC of the Julian calendar, from 1970
LAST_DAY = 2_145_042_905  # 5874897-12-31


def wrapped(value, bits):
    """What an addition that wraps makes of ``value``."""
    return (value + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)


def driver_date(days):
    """``days`` from 1970 as the driver hands them over; PostgreSQL's infinities wrap."""
    array = pa.array([None if d is None else wrapped(d, 32) for d in days], pa.int32())
    return array.view(pa.date32())


def driver_timestamp(instants, zone=None):
    array = pa.array([None if i is None else wrapped(i, 64) for i in instants], pa.int64())
    return array.view(pa.timestamp("us", zone))


def decoded(logical, array, **column):
    batch = pa.RecordBatch.from_arrays([array], ["whatever"])
    return decode(batch, [make_column("a", logical, native="its type", **column)])["c0"]


DAY_ENDS = [DATE_INFINITY[0] + EPOCH_DAYS, DATE_INFINITY[1] + EPOCH_DAYS]
INSTANT_ENDS = [end + EPOCH_MICROSECONDS for end in TIMESTAMP_INFINITY]


@pytest.mark.parametrize(
    ("logical", "array", "values"),
    [
        (Boolean(), pa.array([True, None, False]), [True, None, False]),
        (Integer(16), pa.array([-(2**15), None], pa.int16()), [-(2**15), None]),
        (Integer(64), pa.array([2**63 - 1, None], pa.int64()), [2**63 - 1, None]),
        (Float(32), pa.array([0.5, None], pa.float32()), [0.5, None]),
        (Text(), pa.array(["", None, "\x01😀"]), ["", None, "\x01😀"]),
        (Binary(), pa.array([b"", None, b"\x00"]), [b"", None, b"\x00"]),
        (Uuid(), pa.array([bytes(16), None], pa.binary(16)), [bytes(16), None]),
        (
            Time(),
            pa.array([86_400_000_000, None, 0]).view(pa.time64("us")),
            [86_400 * 10**6, None, 0],
        ),
        (Decimal(), pa.array(["NaN", None, "1" * 60]), ["NaN", None, "1" * 60]),
        (Time(7), pa.array(["10:11:12.1234567", None]), ["10:11:12.1234567", None]),
        (Timestamp(7), pa.array([SEVENTH, None]), [SEVENTH, None]),
        (
            Decimal(38, 2),
            pa.array(["9" * 36 + ".99", None, "-0.01"]),
            [Number("9" * 36 + ".99"), None, Number("-0.01")],
        ),
    ],
)
def test_values_arrive_in_their_carrier(logical, array, values):
    """Each type has its carrier's dtype, its values, and its NULLs (law 6)."""
    series = decoded(logical, array)
    assert series.dtype == make_column("a", logical).carrier
    assert series.to_list() == values


def test_columns_come_in_order_under_their_fields():
    """Columns are told by position, whatever the driver calls them."""
    columns = make_columns({"order": Integer(32), 'a"b': Text()})
    batch = pa.RecordBatch.from_arrays([pa.array([1], pa.int32()), pa.array(["x"])], ["x", "x"])
    assert decode(batch, columns).to_dict(as_series=False) == {"c0": [1], "c1": ["x"]}


@pytest.mark.parametrize("logical", [Decimal(10, 2), Date(), Timestamp(), Time(), Text(), Uuid()])
def test_a_batch_may_be_empty_or_all_null(logical):
    """No row, and no value, is a value like any other."""
    kinds = {Date(): pa.date32(), Timestamp(): pa.timestamp("us"), Time(): pa.time64("us")}
    kind = kinds.get(logical, pa.binary(16) if logical == Uuid() else pa.string())
    for values in ([], [None, None]):
        series = decoded(logical, pa.array(values, kind))
        assert series.to_list() == values
        assert series.dtype == make_column("a", logical).carrier


@settings(deadline=None)
@given(st.lists(st.none() | st.integers(FIRST_DAY, LAST_DAY) | st.sampled_from(DAY_ENDS)))
def test_dates_and_their_infinities_survive(days):
    """Every day PostgreSQL knows, and both infinities behind the driver's addition (T17)."""
    infinities = dict(zip(DAY_ENDS, DATE_INFINITY, strict=True))
    series = decoded(Date(), driver_date(days))
    assert series.dtype == pl.Date
    assert series.to_physical().to_list() == [infinities.get(day, day) for day in days]


@settings(deadline=None)
@given(
    st.lists(
        st.none()
        | st.integers(FIRST_DAY * 86_400 * 10**6, 2**63 - 1)
        | st.sampled_from(INSTANT_ENDS)
    ),
    st.booleans(),
)
def test_timestamps_and_their_infinities_survive(instants, zoned):
    """Every instant up to the year 294246, and both infinities (T17)."""
    infinities = dict(zip(INSTANT_ENDS, TIMESTAMP_INFINITY, strict=True))
    array = driver_timestamp(instants, "UTC" if zoned else None)
    series = decoded(Timestamp(zoned=zoned), array)
    assert series.dtype == pl.Datetime("us", "UTC" if zoned else None)
    assert series.to_physical().to_list() == [infinities.get(i, i) for i in instants]


def test_the_years_people_use_are_read_as_they_are():
    """Year 1, year 9999 and today, with microseconds."""
    days = [(day - EPOCH).days for day in (date.min, date.max)]
    assert decoded(Date(), driver_date(days)).to_list() == [date.min, date.max]
    whole = (NOON - datetime(1970, 1, 1, tzinfo=UTC)) // MICROSECOND
    assert decoded(Timestamp(zoned=True), driver_timestamp([whole], "UTC")).to_list() == [NOON]


@pytest.mark.parametrize(
    "instant", [2**63, 2**63 + 1, 9_223_371_331_199_999_999 + EPOCH_MICROSECONDS]
)
def test_a_timestamp_beyond_what_the_driver_carries_is_refused(instant):
    """From the year 294247 on the driver's addition wraps: the column is named (law 6)."""
    with pytest.raises(Unrepresentable, match=r"column a \(its type\).*294246") as caught:
        decoded(Timestamp(), driver_timestamp([0, instant, INSTANT_ENDS[1]]))
    assert str(wrapped(instant, 64)) not in str(caught.value)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "9" * 37 + ".00"])
def test_a_number_that_is_no_finite_decimal_asks_for_text(value):
    """It is never read as NULL: the column is read again as text (law 6)."""
    column = {"field": "c0"}
    with pytest.raises(DoesNotFit) as caught:
        decoded(Decimal(38, 2), pa.array(["1.00", None, value]), **column)
    assert caught.value.column == "c0"
    again = decoded(Decimal(38, 2), pa.array(["1.00", None, value]), as_text=True, **column)
    assert again.to_list() == ["1.00", None, value]
