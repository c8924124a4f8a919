"""The pipeline as a library: rows and frames, which are never changed."""

from __future__ import annotations

import copy
from datetime import UTC, date, datetime, time
from decimal import Decimal as Number
from uuid import UUID

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from cdc_daemon.errors import ConfigError
from cdc_daemon.schema.types import Date, Timestamp
from cdc_daemon.transformation import (
    ConstantTransformer,
    Drop,
    GeneraliseTransformer,
    HashingTransformer,
    NullTransformer,
    PIIMaskingTransformer,
    RejectedRow,
    Rename,
    RowFilter,
    Rule,
    TransformationPipeline,
    TruncateTransformer,
    TypeConversionTransformer,
    condition,
)
from tests.factories import INFINITY, make_frame, make_table

HASH = HashingTransformer(salt="salt and pepper")
MASK = PIIMaskingTransformer()


def pipeline_of(**actions) -> TransformationPipeline:
    return TransformationPipeline(
        Rule(action=action, column=name) for name, action in actions.items()
    )


def test_patterns_are_those_of_the_first_document():
    """Regular expressions from the beginning of the name, in any case, unless case counts."""
    pipeline = TransformationPipeline()
    pipeline.add_transformer("EMAIL", MASK)
    pipeline.add_transformer("PHONE", MASK, case_sensitive=True)
    row = {"email": "ann@x.com", "my_email": "ann@x.com", "phone": "5551234567"}
    assert pipeline.transform_row(row) == row | {"email": "a**@x.com"}
    assert pipeline.get_patterns() == ["EMAIL", "PHONE"]
    assert pipeline.get_transformer_count() == 2


def test_overlaps_are_applied_in_order():
    """What one rule leaves is what the next one gets."""
    first = TransformationPipeline()
    first.add_transformer("email", MASK)
    first.add_transformer(".*", HASH)
    assert first.transform_row({"email": "ann@x.com"}) == {"email": HASH("a**@x.com")}
    other = TransformationPipeline()
    other.add_transformer(".*", HASH)
    other.add_transformer("email", MASK)
    assert other.transform_row({"email": "ann@x.com"}) == {"email": HASH("ann@x.com")}


def test_nothing_that_is_given_is_changed():
    """Their BUG-10: a row that was transformed is a new one; the old one is as it was."""
    row = {"email": "ann@x.com", "tags": ["a"], "nested": {"email": "b@x.com"}}
    before = copy.deepcopy(row)
    pipeline = pipeline_of(email=MASK, tags=Drop())
    result = pipeline.transform_row(row)
    assert row == before
    assert result == {"email": "a**@x.com", "nested": {"email": "b@x.com"}}
    assert result["nested"] is row["nested"]
    frame = pl.DataFrame({"email": ["ann@x.com"]})
    pipeline_of(email=MASK).transform_frame(frame)
    assert frame.to_dicts() == [{"email": "ann@x.com"}]


def test_rows_may_differ():
    """In columns, in types, in what is missing: each row gets what its own values get."""
    rows = [
        {"a": "ann@x.com", "b": 1},
        {"a": None},
        {"b": 2, "a": 5551234567},
        {"a": "bob@x.com"},
        {},
        {"a": Number("1.50"), "c": None},
    ]
    found = pipeline_of(a=HASH).transform_rows(rows)
    assert found == [
        {"a": HASH("ann@x.com"), "b": 1},
        {"a": None},
        {"b": 2, "a": HASH(5551234567)},
        {"a": HASH("bob@x.com")},
        {},
        {"a": HASH(Number("1.50")), "c": None},
    ]
    assert list(found[2]) == ["b", "a"]
    assert (found.rejected, found.filtered) == ((), ())


def test_an_empty_pipeline_changes_nothing():
    """No rule, no change; no row, no row."""
    row = {"email": "ann@x.com", "odd": object()}
    assert TransformationPipeline().transform_row(row) == row
    assert TransformationPipeline().transform_rows([]) == []
    assert pipeline_of(email=MASK).transform_rows([]) == []


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("\ud800", "unsupported_value"),
        (object(), "unsupported_value"),
        (True, "refused_type"),
        (date(2024, 1, 1), "refused_type"),
        ({1, 2}, "unsupported_value"),
        (time(1, 2, tzinfo=UTC), "unsupported_value"),
    ],
)
def test_values_that_cannot_be_masked_reject_their_row(value, reason):
    """Never the clear value, never an exception (T29)."""
    pipeline = pipeline_of(email=PIIMaskingTransformer(kind="email"))
    rows = pipeline.transform_rows([{"email": "ann@x.com"}, {"email": value}])
    assert rows == [{"email": "a**@x.com"}]
    assert rows.rejected == (RejectedRow(1, "email", reason),)
    assert pipeline.transform_row({"email": value}) is None


def test_filtered_rows_are_told_and_are_not_rejected():
    """A filter sees rows as they were read; what is missing is NULL."""
    pipeline = pipeline_of(country=NullTransformer())
    pipeline.add(RowFilter(condition({"column": "country", "equals": "DE"})))
    rows = pipeline.transform_rows([{"country": "FR"}, {"country": "DE"}, {"name": "x"}])
    assert rows == [{"country": None}]
    assert rows.filtered == (0, 2)
    assert rows.rejected == ()


def test_columns_are_dropped_and_renamed():
    """In rows and in frames; a rule for a column that a row has not is no error there."""
    pipeline = pipeline_of(a=Drop(), b=Rename("z"), c=NullTransformer())
    assert pipeline.transform_row({"a": 1, "b": 2, "d": 3}) == {"z": 2, "d": 3}
    found = pipeline.transform_frame(pl.DataFrame({"a": [1], "b": [2], "c": [3], "d": [4]}))
    assert found.frame.to_dicts() == [{"z": 2, "c": None, "d": 4}]


NOW = datetime(2024, 2, 29, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("action", "value", "result"),
    [
        (NullTransformer(), "x", None),
        (ConstantTransformer("x"), None, "x"),
        (ConstantTransformer(7), "abc", 7),
        (ConstantTransformer(date(2000, 1, 1)), NOW, date(2000, 1, 1)),
        (TruncateTransformer(2), "é😀x", "é😀"),
        (GeneraliseTransformer("month"), date(1987, 5, 23), date(1987, 5, 1)),
        (GeneraliseTransformer("year"), date(1987, 5, 23), date(1987, 1, 1)),
        (GeneraliseTransformer("decade"), date(1987, 5, 23), date(1980, 1, 1)),
        (GeneraliseTransformer("decade"), date(5, 5, 5), date(1, 1, 1)),
        (GeneraliseTransformer("month"), NOW, datetime(2024, 2, 1, tzinfo=UTC)),
        (TypeConversionTransformer("decimal"), "1.50", Number("1.50")),
        (TypeConversionTransformer("uuid"), "0" * 32, UUID(int=0)),
    ],
)
def test_values_come_out_as_python_has_them(action, value, result):
    """One value, one row and one frame give the same."""
    assert action(value) == result
    assert pipeline_of(a=action).transform_row({"a": value}) == {"a": result}
    (shown,) = pipeline_of(a=action).transform_frame(pl.DataFrame({"a": [value]})).frame["a"]
    assert str(shown) == str(result)


def test_infinite_dates_stay_and_others_beyond_the_calendar_are_rejected():
    """No library is asked about days it panics on."""
    table = make_table({"D": Date(), "T": Timestamp(zoned=True)}, key=())
    beyond = 250_000 * 366 * 86_400 * 1_000_000
    ends = [(INFINITY, -INFINITY), (-INFINITY, INFINITY), (None, None)]
    frame = make_frame(table.columns, [*ends, (date(1, 1, 1), beyond)])
    for period in ("month", "year", "decade"):
        rule = Rule(action=GeneraliseTransformer(period), pattern=".")
        done = TransformationPipeline([rule]).resolve(table).apply(frame)
        assert done.frame.equals(frame[:3])
        assert done.rejected.rows() == [(3, "T", "out_of_range", False)]


@pytest.mark.parametrize("wrong", [{"to": "day"}, {"to": ""}])
def test_periods_that_are_none_are_refused(wrong):
    """Generalising to a day would leave the date."""
    with pytest.raises(ConfigError):
        GeneraliseTransformer(**wrong)


@pytest.mark.parametrize("make", [lambda: TruncateTransformer(0), lambda: ConstantTransformer([])])
def test_replacements_that_are_none_are_refused(make):
    """An error before any row is read."""
    with pytest.raises(ConfigError):
        make()


def test_frames_keep_what_no_rule_is_for():
    """Columns of any polars type pass as they are."""
    frame = pl.DataFrame(
        {
            "email": ["ann@x.com", None, "bob@x.com"],
            "list": [[1], [2], None],
            "small": pl.Series([1, 2, 3], dtype=pl.Int8),
            "at": pl.Series([time(1), None, time(2)]),
            "when": pl.Series([NOW] * 3, dtype=pl.Datetime("ns", "Europe/Berlin")),
        }
    )
    found = pipeline_of(email=MASK).transform_frame(frame).frame
    masked = pl.Series("email", ["a**@x.com", None, "b**@x.com"])
    assert_frame_equal(found, frame.with_columns(masked))


def test_frames_tell_the_rows_that_did_not_come_out():
    """Their position, the column and the reason; the others are there."""
    pipeline = pipeline_of(a=TypeConversionTransformer(int))
    pipeline.add(RowFilter(condition({"column": "b", "is_null": False}), deletes=True))
    frame = pl.DataFrame({"a": ["1", "x", "3", "4"], "b": [1, 2, None, 4], "c": [1, 2, 3, 4]})
    found = pipeline.transform_frame(frame)
    assert found.frame.rows() == [(1, 1, 1), (4, 4, 4)]
    assert found.rejected.rows() == [(1, "a", "not_integer", False)]
    assert found.filtered.rows() == [(2, True)]


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (pl.DataFrame({"b": [1]}), "unknown column 'a'"),
        (pl.DataFrame({"a": [True]}), "convert it first"),
        (pl.DataFrame({"a": [[1]]}), "no database has"),
    ],
)
def test_frames_that_do_not_fit_are_errors(frame, said):
    """A frame has a schema, which is configuration: it is not guessed at row by row."""
    with pytest.raises(ConfigError, match=said):
        pipeline_of(a=PIIMaskingTransformer(kind="all")).transform_frame(frame)


def test_narrow_numbers_become_wider_where_they_have_to():
    """Law 6: a constant that does not fit the column's type is not cut."""
    frame = pl.DataFrame({"a": pl.Series([1], dtype=pl.Int8)})
    assert pipeline_of(a=ConstantTransformer(300)).transform_frame(frame).frame.item() == 300
    narrow = pipeline_of(a=ConstantTransformer(3)).transform_frame(frame).frame
    assert narrow.schema == frame.schema
