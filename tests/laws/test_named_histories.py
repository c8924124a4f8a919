"""Histories that have gone wrong elsewhere, one by one, with what they must come to."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType

import pytest

from cdc_daemon.scd2.invariants import violations
from cdc_daemon.schema.types import Integer, Text
from tests.contract.engines.base import WIDE, Row, Shape, version_frame
from tests.laws.bench import BEGIN, Bench, Life, as_of
from tests.laws.histories import Moment

SECOND = timedelta(seconds=1)
STILL = timedelta(0)
A = ("k", "1", "a", 1, None)
B = ("k", "1", "b", 1, None)
EMPTY = ("k", "1", "", 1, None)
NULL = ("k", "1", None, 1, None)
OTHER = ("k", "2", "a", 1, None)


def _live(bench: Bench, *contents: list[Row], step: timedelta = SECOND) -> Life:
    life = bench.live([Moment(step, tuple(rows)) for rows in contents])
    for batch in life.captured:
        assert as_of(life.versions, batch.promoted.instant) == sorted(batch.rows, key=repr)
    assert violations(version_frame(life.versions, WIDE), WIDE.key).total == 0
    return life


def _story(life: Life, key: Row = A[:2]) -> list[tuple[str | None, str, str | None]]:
    """Value, why it opened and what closed it, version by version."""
    return [(v.row[2], v.operation, v.closed_by) for v in life.versions if v.key == key]


def test_delete_and_reinsert_identical(bench: Bench) -> None:
    """T8: a row that comes back as it was is reopened, with the gap between on record."""
    life = _live(bench, [A, OTHER], [OTHER], [A, OTHER])
    assert _story(life) == [("a", "I", "D"), ("a", "R", None)]
    first, second = (v for v in life.versions if v.key == A[:2])
    assert first.row_hash == second.row_hash
    assert second.valid_from - first.valid_to == SECOND


def test_delete_and_reinsert_changed(bench: Bench) -> None:
    """T8: a row that comes back changed is reopened with its new values."""
    life = _live(bench, [A, OTHER], [OTHER], [OTHER], [B, OTHER])
    assert _story(life) == [("a", "I", "D"), ("b", "R", None)]


def test_delete_and_reinsert_where_nothing_is_open(bench: Bench) -> None:
    """T8: with no open version at all, what comes back is still known as having been there."""
    life = _live(bench, [A], [], [], [A], [], [B])
    assert _story(life) == [("a", "I", "D"), ("a", "R", "D"), ("b", "R", None)]


def test_a_row_that_blinks(bench: Bench) -> None:
    """A key that goes and comes at every batch has one open version at most, each time."""
    life = _live(bench, *([[A, OTHER], [OTHER]] * 3), step=STILL)
    assert _story(life) == [("a", "I", "D"), ("a", "R", "D"), ("a", "R", "D")]


def test_a_value_that_returns(bench: Bench) -> None:
    """T9: A→B→A is three versions: equality with an older version does not count."""
    life = _live(bench, [A], [B], [A])
    assert _story(life) == [("a", "I", "U"), ("b", "U", "U"), ("a", "U", None)]


def test_a_value_that_returns_between_two_batches(bench: Bench) -> None:
    """What changed and changed back between two reads was never seen: no version."""
    life = _live(bench, [A], [A])
    assert _story(life) == [("a", "I", None)]


def test_null_empty_and_a_value_are_three(bench: Bench) -> None:
    """T10: NULL, '' and a value are told apart in every direction."""
    life = _live(bench, [NULL], [EMPTY], [A], [NULL], [A], [EMPTY], [NULL])
    assert [value for value, _, _ in _story(life)] == [None, "", "a", None, "a", "", None]


def test_composite_keys_do_not_run_together(bench: Bench) -> None:
    """T11: ("a","bc") and ("ab","c") are two keys, and so are those with separators within."""
    keys = [("a", "bc"), ("ab", "c"), ("abc", ""), ("", "abc"), ("a\x1f", "bc"), ("a", "\x1fbc")]
    rows = [(*key, "v", 1, None) for key in keys]
    life = _live(bench, rows, rows[1:], [*rows[1:-1], (*keys[-1], "w", 1, None)])
    assert {v.key: (v.operation, v.closed_by) for v in life.versions if v.valid_to} == {
        keys[0]: ("I", "D"),
        keys[-1]: ("I", "U"),
    }


@pytest.mark.parametrize("swapped", [("1", "12"), ("12", "1")])
def test_key_values_swapped_between_columns(bench: Bench, swapped: tuple[str, str]) -> None:
    """T11: ("1","23") and ("12","3"), and the same values in the other column, are other keys."""
    life = _live(bench, [("1", "23", "v", 1, None)], [(*swapped, "v", 1, None)])
    assert [(v.key, v.operation, v.closed_by) for v in life.versions] == sorted(
        [(("1", "23"), "I", "D"), (swapped, "I", None)]
    )


def test_rows_that_swap_their_keys(bench: Bench) -> None:
    """Two rows that exchange keys are two updates: a version belongs to its key, not its values."""
    one, two = ("k", "1", "x", 1, None), ("k", "2", "y", 2, None)
    life = _live(bench, [one, two], [(*two[:2], *one[2:]), (*one[:2], *two[2:])])
    assert _story(life, ("k", "1")) == [("x", "I", "U"), ("y", "U", None)]
    assert _story(life, ("k", "2")) == [("y", "I", "U"), ("x", "U", None)]


def test_keys_that_collations_confuse(bench: Bench) -> None:
    """T18: case, accents, trailing spaces and composed characters tell keys apart."""
    keys = ["a", "A", "á", "a\u0301", "\u00e1 ", "a ", " a", "ß", "ss", ""]
    rows = [(key, "", "v", 1, None) for key in keys]
    life = _live(bench, rows, rows[::2])
    assert len(life.versions) == len(keys)
    assert sorted(v.key[0] for v in life.versions if v.valid_to) == sorted(keys[1::2])


def test_two_batches_in_one_microsecond(bench: Bench) -> None:
    """T1: a clock that stands still makes instants one µs apart, and no empty interval."""
    life = _live(bench, [A], [B], [A], [B], step=STILL)
    assert [v.valid_from - BEGIN for v in life.versions] == [
        timedelta(microseconds=n) for n in range(4)
    ]


def test_a_clock_that_steps_back(bench: Bench) -> None:
    """Changes read under a clock that stepped back are history all the same, in their order."""
    steps = [SECOND, timedelta(seconds=60), timedelta(seconds=-90), timedelta(seconds=1)]
    contents = [[A], [A, OTHER], [B], [A]]
    moments = [Moment(step, tuple(rows)) for step, rows in zip(steps, contents, strict=True)]
    life = bench.live(moments)
    assert _story(life) == [("a", "I", "U"), ("b", "U", "U"), ("a", "U", None)]
    assert _story(life, OTHER[:2]) == [("a", "I", "D")]
    instants = [batch.promoted.instant - BEGIN for batch in life.captured]
    assert instants == sorted(set(instants))


def test_a_clock_that_steps_back_too_far(bench: Bench) -> None:
    """More than five minutes back stops the table until the clock is right again."""
    back, there = timedelta(minutes=-6), timedelta(minutes=7)
    life = bench.live([Moment(SECOND, (A,)), Moment(back, (B,)), Moment(there, (B,))])
    assert life.refused == 1
    assert _story(life) == [("a", "I", "U"), ("b", "U", None)]


def test_null_and_zero_are_two(bench: Bench) -> None:
    """NULL and 0 are two values, and so are a number in one column and in another."""
    shape = Shape(
        types=MappingProxyType({"K": Text(), "X": Integer(64), "Y": Integer(64)}), key=("K",)
    )
    contents = [("k", None, 0), ("k", 0, None), ("k", None, None), ("k", 1, 23), ("k", 12, 3)]
    life = bench.live([Moment(SECOND, (row,)) for row in contents], shape)
    assert [v.row for v in life.versions] == contents
