"""Carriers hold every value of their logical type; where none does, the carrier is text."""

from __future__ import annotations

import polars as pl
import pytest

from cdc_daemon.schema.carrier import carrier
from cdc_daemon.schema.table import SourceTable
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
    may_be_key,
)
from tests.factories import make_column, make_columns

CARRIERS = [
    (Boolean(), pl.Boolean()),
    (Integer(16), pl.Int16()),
    (Integer(32), pl.Int32()),
    (Integer(64), pl.Int64()),
    (Decimal(38, 0), pl.Decimal(38, 0)),
    (Decimal(38, 38), pl.Decimal(38, 38)),
    (Decimal(10, 2), pl.Decimal(10, 2)),
    (Decimal(39, 2), pl.String()),
    (Decimal(4, -2), pl.String()),
    (Decimal(3, 5), pl.String()),
    (Decimal(), pl.String()),
    (Float(32), pl.Float32()),
    (Float(64), pl.Float64()),
    (Text(5), pl.String()),
    (Json(binary=True), pl.String()),
    (Native("postgresql", "inet"), pl.String()),
    (Binary(), pl.Binary()),
    (Uuid(), pl.Binary()),
    (Date(), pl.Date()),
    (Time(), pl.Int64()),
    (Time(7), pl.String()),
    (Timestamp(7), pl.String()),
    (Timestamp(), pl.Datetime("us")),
    (Timestamp(zoned=True), pl.Datetime("us", "UTC")),
]


@pytest.mark.parametrize(("logical", "expected"), CARRIERS, ids=str)
def test_each_logical_type_has_its_carrier(logical, expected):
    """What has more digits than a carrier, no stated size, or an odd scale is text (law 6)."""
    assert carrier(logical) == expected
    assert make_column("a", logical).carrier == expected
    assert make_column("a", logical, as_text=True).carrier == pl.String()


@pytest.mark.parametrize(
    ("logical", "fit"),
    [
        (Json(), False),
        (Json(binary=True), False),
        (Native("postgresql", "interval"), False),
        (Native("postgresql", "inet", keyable=True), True),
        (Text(), True),
        (Float(64), True),
        (Decimal(), True),
    ],
)
def test_a_key_needs_values_that_are_equal_where_their_forms_are(logical, fit):
    """Types whose equal values print differently are no keys (T12)."""
    assert may_be_key(logical) is fit


def test_key_columns_come_in_the_order_of_the_key():
    """The key's order is its own, not the catalog's."""
    table = SourceTable(columns=make_columns({"a": Text(), "b": Text()}), key=("b", "a"))
    assert [column.name for column in table.key_columns] == ["b", "a"]
    assert list(table.by_name) == ["a", "b"]
