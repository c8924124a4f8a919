"""Conversions are exact or they fail, and a failure does what its policy says (law 6)."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time
from decimal import Decimal as Number
from uuid import UUID

import pytest

from cdc_daemon.errors import ConfigError, DataError
from cdc_daemon.schema.types import Date, Decimal, Integer, Text, Timestamp
from cdc_daemon.transformation import Rejected, Rule, TransformationPipeline
from cdc_daemon.transformation import TypeConversionTransformer as Convert
from tests.factories import INFINITY, make_column, make_frame, make_table

NOON = datetime(2024, 2, 29, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("to", "value", "result"),
    [
        (int, "123", 123),
        (int, " -7 ", -7),
        (int, "+7", 7),
        (int, 1e16, 10**16),
        (int, True, 1),
        (int, Number("3.00"), 3),
        (int, None, None),
        (str, 123, "123"),
        (str, 1.5, "1.5"),
        (str, False, "false"),
        (str, NOON, "2024-02-29 12:00:00+00:00"),
        (str, time(1, 2, 3, 4), "01:02:03.000004"),
        (str, UUID(int=1), str(UUID(int=1))),
        (float, "123.45", 123.45),
        (float, "1e3", 1000.0),
        (float, "-Infinity", -math.inf),
        (bool, "True", True),
        (bool, "no", False),
        (bool, 0, False),
        ("decimal", "1.50", Number("1.50")),
        ("decimal", 1e-7, Number("1e-7")),
        ("date", "2024-02-29", date(2024, 2, 29)),
        ("date", NOON, date(2024, 2, 29)),
        ("timestamp", "2024-02-29T12:00", NOON.replace(tzinfo=None)),
        ("timestamp", "2024-02-29", datetime(2024, 2, 29)),  # noqa: DTZ001 - without zone
        ("timestamp", date(2024, 2, 29), datetime(2024, 2, 29)),  # noqa: DTZ001 - the same
        ("uuid", "{00000000-0000-0000-0000-000000000001}", UUID(int=1)),
        (UUID, "0" * 31 + "1", UUID(int=1)),
        ("uuid", UUID(int=1).bytes, UUID(int=1)),
    ],
)
def test_values_are_converted(to, value, result):
    """Python's types and their names mean the same."""
    found = Convert(to)(value)
    assert found == result
    assert type(found) is type(result)


@pytest.mark.parametrize(
    "text",
    ["2024-02-29T12:00Z", "2024-02-29 14:00:00.000000+02:00", "2024-02-29T09:30-0230"],
)
def test_instants_need_a_zone(text):
    """A zoned timestamp is read with the zone that is there, and not without."""
    zoned = Convert("timestamp", zoned=True)
    assert zoned(text) == NOON
    assert zoned(text[:16]) == Rejected("not_timestamp")
    assert Convert("timestamp")(text) == Rejected("not_timestamp")


@pytest.mark.parametrize(
    ("to", "value"),
    [
        ("integer", "not_a_number"),
        ("integer", "1.0"),
        ("integer", "9" * 19),
        ("integer", 2.5),
        ("integer", math.nan),
        ("integer", ""),
        ("integer", "٣"),
        ("decimal", "1e3"),
        ("float", "1e999"),
        ("float", "0x10"),
        ("boolean", "maybe"),
        ("boolean", 2),
        ("date", "2024-02-30"),
        ("date", "0000-01-01"),
        ("date", "29.02.2024"),
        ("timestamp", "2024-02-29T25:00"),
        ("timestamp", "2024-02-29T12:00:00.1234567"),
        ("uuid", "1"),
        ("uuid", b"1"),
    ],
)
def test_what_is_none_is_rejected(to, value):
    """Nothing is guessed, rounded or cut; and the clear value is not passed on instead."""
    assert Convert(to)(value) == Rejected(f"not_{to}")
    assert Convert(to, on_failure="null")(value) is None


def test_a_scale_is_not_rounded_to():
    """Digits that do not fit are a failure, zeros are none."""
    money = Convert("decimal", precision=5, scale=2)
    assert money("1.500") == Number("1.50")
    assert money("1.256") == Rejected("not_decimal")
    assert money("12345.00") == Rejected("not_decimal")
    assert Convert("integer", bits=16)("40000") == Rejected("not_integer")


def test_a_conversion_that_is_to_fail_does():
    """The policy ``fail`` stops all, and quotes no value (law 9)."""
    pipeline = TransformationPipeline([Rule(action=Convert(int, "fail"), column="n")])
    assert pipeline.transform_rows([{"n": "1"}]) == [{"n": 1}]
    with pytest.raises(DataError) as raised:
        pipeline.transform_rows([{"n": "1"}, {"n": "secret"}])
    assert "row 1: not_integer" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_infinities_stay_and_years_beyond_time_do_not():
    """An infinite date has a text and an infinite timestamp; year 20000 has neither."""
    table = make_table({"D": Date(), "T": Timestamp(zoned=True)}, key=())
    beyond = 20_000 * 366 * 86_400 * 1_000_000
    frame = make_frame(
        table.columns, [(INFINITY, -INFINITY), (date(2024, 1, 1), 0), (date(1, 1, 1), beyond)]
    )
    pipeline = TransformationPipeline([Rule(action=Convert("text"), pattern=".")])
    done = pipeline.resolve(table).apply(frame)
    assert done.frame.rows() == [
        ("infinity", "-infinity"),
        ("2024-01-01", "1970-01-01 00:00:00+00:00"),
    ]
    assert done.rejected.rows() == [(2, "T", "not_text", False)]


def test_the_types_that_come_out_are_said():
    """What the target's columns will be."""
    column = make_column("a", Text(10))
    assert Convert("integer", bits=32).output(column) == Integer(32)
    assert Convert("decimal", precision=5, scale=2).output(column) == Decimal(5, 2)
    assert Convert("text").output(column) == Text(10)


@pytest.mark.parametrize(("to", "logical"), [("date", Integer(64)), ("uuid", Date())])
def test_types_between_which_there_is_no_way_are_refused(to, logical):
    """A number is no date, whatever one could make of it."""
    assert Convert(to).refuses(make_column("a", logical))


@pytest.mark.parametrize(
    "options",
    [
        {"target_type": "number"},
        {"target_type": bytes},
        {"target_type": int, "on_failure": "ignore"},
        {"target_type": int, "bits": 8},
        {"target_type": float, "bits": 16},
        {"target_type": "decimal", "precision": 5},
        {"target_type": "decimal", "precision": 5, "scale": 6},
        {"target_type": "decimal", "precision": 39, "scale": 0},
    ],
)
def test_conversions_that_cannot_be_meant_are_refused(options):
    """An error before any row is read."""
    with pytest.raises(ConfigError):
        Convert(**options)
