"""Conditions, and transformers that work in some rows only."""

from __future__ import annotations

from datetime import date
from decimal import Decimal as Number

import pytest

from cdc_daemon.errors import ConfigError
from cdc_daemon.schema.types import Boolean, Date, Decimal, Integer, Json, Text, Timestamp, Uuid
from cdc_daemon.transformation import (
    ConditionalTransformer,
    HashingTransformer,
    NullTransformer,
    PIIMaskingTransformer,
    Rejected,
    RowFilter,
    Rule,
    TransformationPipeline,
    TypeConversionTransformer,
    condition,
)
from tests.factories import INFINITY, make_frame, make_table

TABLE = make_table(
    {
        "T": Text(),
        "N": Integer(64),
        "M": Decimal(10, 2),
        "B": Boolean(),
        "D": Date(),
        "Z": Timestamp(zoned=True),
        "U": Uuid(),
    },
    key=(),
)
ROWS = [
    ("DE", 1, Number("1.50"), True, date(2024, 1, 1), 0, bytes(16)),
    ("de", 10, Number("2.00"), False, INFINITY, INFINITY, b"\xff" * 16),
    (None, None, None, None, None, None, None),
]
MASK = PIIMaskingTransformer(kind="all")


def kept(written) -> list[int]:
    pipeline = TransformationPipeline(filters=[RowFilter(condition(written))])
    done = pipeline.resolve(TABLE).apply(make_frame(TABLE.columns, ROWS))
    gone = set(done.filtered["row"].to_list())
    return [n for n in range(len(ROWS)) if n not in gone]


@pytest.mark.parametrize(
    ("written", "rows"),
    [
        ({"column": "T", "equals": "DE"}, [0]),
        ({"column": "T", "in": ["DE", "de", "FR"]}, [0, 1]),
        ({"column": "T", "matches": "(?i)^d"}, [0, 1]),
        ({"column": "T", "is_null": True}, [2]),
        ({"column": "T", "is_null": False}, [0, 1]),
        ({"column": "T", "less": "a"}, [0]),
        ({"column": "N", "equals": 10}, [1]),
        ({"column": "N", "less": 10}, [0]),
        ({"column": "N", "at_most": 10}, [0, 1]),
        ({"column": "N", "more": 1}, [1]),
        ({"column": "N", "at_least": 1}, [0, 1]),
        ({"column": "M", "equals": 1.5}, [0]),
        ({"column": "M", "more": "1.75"}, [1]),
        ({"column": "B", "equals": True}, [0]),
        ({"column": "D", "equals": "2024-01-01"}, [0]),
        ({"column": "D", "more": date(2024, 1, 1)}, [1]),
        ({"column": "D", "equals": "infinity"}, [1]),
        ({"column": "Z", "at_most": "1970-01-01T00:00Z"}, [0]),
        ({"column": "U", "equals": "00000000-0000-0000-0000-000000000000"}, [0]),
        ({"not": {"column": "T", "equals": "DE"}}, [1, 2]),
        ({"all": [{"column": "N", "more": 0}, {"column": "B", "equals": False}]}, [1]),
        ({"any": [{"column": "N", "equals": 1}, {"column": "N", "is_null": True}]}, [0, 2]),
    ],
)
def test_conditions_hold_for_the_rows_they_describe(written, rows):
    """Types say what a comparison means; with NULL none holds, and its opposite does."""
    assert kept(written) == rows


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("T = 1", "mapping"),
        ({}, "mapping"),
        ({"column": "T"}, "only one"),
        ({"column": "T", "equals": 1, "less": 2}, "only one"),
        ({"column": "T", "equal": 1}, "is it 'equals'"),
        ({"column": "T", "matches": "("}, "no regular expression"),
        ({"column": "T", "in": []}, "`in`"),
        ({"column": "T", "is_null": "yes"}, "`is_null`"),
        ({"column": "T", "equals": None}, "a text, a number"),
        ({"every": []}, "part of a condition"),
        ({"all": []}, "a list"),
        ({"all": [{"column": "T", "equals": "x"}], "any": []}, "one of"),
    ],
)
def test_conditions_that_say_nothing_are_refused(written, said):
    """The error says where it goes wrong."""
    with pytest.raises(ConfigError, match=said):
        condition(written)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"column": "X", "equals": 1}, "unknown column in a condition, 'X'"),
        ({"column": "N", "equals": "many"}, "compares column 'N' with what is no integer"),
        ({"column": "U", "less": "a"}, "no order"),
    ],
)
def test_conditions_that_do_not_fit_the_table_are_errors(written, said):
    """They are told when the table is known, before a row is read."""
    pipeline = TransformationPipeline(filters=[RowFilter(condition(written))])
    (error,) = pipeline.resolve(TABLE).errors
    assert said in error


def positive(value, context):
    return value > 0


@pytest.mark.parametrize(("value", "result"), [(123, "123"), (-123, -123), (0, 0)])
def test_a_function_decides(value, result):
    """Where it does not hold, the value is left alone."""
    assert ConditionalTransformer(positive, TypeConversionTransformer(str))(value) == result


def test_a_function_that_fails_rejects_the_row():
    """Neither branch is taken, and the clear value is not passed (T29)."""
    masked = ConditionalTransformer(positive, MASK)
    assert masked("secret") == Rejected("condition_failed")
    pipeline = TransformationPipeline([Rule(action=masked, column="a")])
    rows = pipeline.transform_rows([{"a": "secret"}, {"a": 7}])
    assert rows == [{"a": "*"}]
    assert [(one.row, one.reason) for one in rows.rejected] == [(0, "condition_failed")]


def test_the_other_branch_is_taken():
    """A hash here, a text there."""
    other = HashingTransformer(salt="salt and pepper")
    both = ConditionalTransformer(positive, TypeConversionTransformer(str), other)
    assert both(1) == "1"
    assert len(both(-1)) == 64


def test_functions_see_the_field_and_the_row():
    """The context has the column's name and the row as it was read."""
    seen = []

    def asked(value, context):
        seen.append((value, context["field_name"], dict(context["row"])))
        return context["row"]["country"] == "DE"

    german = ConditionalTransformer(asked, MASK)
    row = {"name": "Ann", "country": "DE", "born": date(2000, 1, 1), "other": object()}
    pipeline = TransformationPipeline()
    pipeline.add_transformer("country", NullTransformer())
    pipeline.add_transformer("name", german)
    assert pipeline.transform_row(row) == row | {"name": "***", "country": None}
    shown = {"name": "Ann", "country": "DE", "born": date(2000, 1, 1)}
    assert seen[0] == ("Ann", "name", shown)
    assert german("Ann", {"field_name": "name", "row": {"country": "FR"}}) == "Ann"


def test_conditions_see_rows_as_they_were_read():
    """What another rule did to the column of a condition changes nothing."""
    german = ConditionalTransformer(condition({"column": "country", "equals": "DE"}), MASK)
    pipeline = TransformationPipeline()
    pipeline.add_transformer("country", NullTransformer())
    pipeline.add_transformer("name", german)
    pipeline.add_transformer("name", german)
    assert pipeline.transform_row({"name": "Ann", "country": "DE"}) == {
        "name": "***",
        "country": None,
    }


def test_branches_of_different_types_give_text():
    """A column has one type, in every row."""
    table = make_table({"N": Integer(64), "J": Json()}, key=())
    some = ConditionalTransformer(condition({"column": "N", "more": 5}), MASK)
    pipeline = TransformationPipeline([Rule(action=some, column="N")])
    resolved = pipeline.resolve(table)
    assert resolved.table.by_name["N"].type == Text()
    done = resolved.apply(make_frame(table.columns, [(5, None), (66, None), (None, None)]))
    assert done.frame["c0"].to_list() == ["5", "**", None]
