"""The check of law 3 sees each way to break it, and nothing in a history that keeps it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdc_daemon.scd2.invariants import Violations, violations

START = datetime(2026, 1, 1, tzinfo=UTC)
INSTANT = pl.Datetime("us", "UTC")
SCHEMA = {
    "a": pl.String,
    "b": pl.String,
    "_valid_from": INSTANT,
    "_valid_to": INSTANT,
    "_is_current": pl.Boolean,
    "_closed_by": pl.String,
}


def at(microseconds):
    return None if microseconds is None else START + timedelta(microseconds=microseconds)


def version(begin, end, *, key=("k", ""), current=None, closed_by=None):
    current = end is None if current is None else current
    return (*key, at(begin), at(end), current, closed_by or ("U" if end is not None else None))


def check(*versions) -> Violations:
    return violations(pl.DataFrame(versions, schema=SCHEMA, orient="row"), ("a", "b"))


def found(*versions) -> dict[str, int]:
    seen = check(*versions)
    kinds = ("several_open", "overlapping", "empty", "inconsistent")
    return {kind: count for kind in kinds if (count := getattr(seen, kind))}


@pytest.mark.parametrize(
    "versions",
    [
        (),
        (version(0, None),),
        (version(0, 1), version(1, 2), version(2, None)),
        (version(2, None), version(0, 1), version(1, 2)),
        (version(0, 1), version(9, None)),
        (version(0, 1, closed_by="D"),),
        (version(0, None, key=("a", "bc")), version(0, None, key=("ab", "c"))),
        (version(0, 9, key=("a", "x")), version(1, 2, key=("a", "y"))),
    ],
)
def test_a_history_that_keeps_the_law_has_no_violation(versions):
    """Intervals that touch, gaps after deletes and other keys are all in order."""
    assert check(*versions).total == 0


@pytest.mark.parametrize(
    ("versions", "kinds"),
    [
        ((version(0, None), version(1, None)), {"several_open": 1, "overlapping": 1}),
        ((version(0, 2), version(1, None)), {"overlapping": 1}),
        ((version(0, None), version(1, 2)), {"overlapping": 1}),
        ((version(0, 5), version(0, 5)), {"overlapping": 1}),
        ((version(3, 3),), {"empty": 1}),
        ((version(3, 2),), {"empty": 1}),
        ((version(0, None, current=False),), {"inconsistent": 1}),
        ((version(0, 1, current=True),), {"inconsistent": 1}),
        ((version(0, None, closed_by="D"),), {"inconsistent": 1}),
        (((*version(0, 1)[:-1], None),), {"inconsistent": 1}),
    ],
)
def test_each_way_to_break_the_law_is_counted(versions, kinds):
    """Two open, overlapping, empty and inconsistent versions are told apart (law 3)."""
    assert found(*versions) == kinds
    assert check(*versions).total == sum(kinds.values())


def test_a_violation_of_one_key_is_found_among_many():
    """Keys are looked at one by one, whatever order the versions come in."""
    good = [version(n, n + 1, key=(str(k), "x")) for n in range(5) for k in range(20)]
    assert found(*good) == {}
    assert found(*good, version(3, 9, key=("7", "x"))) == {"overlapping": 2}


@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.tuples(st.sampled_from("xy"), st.integers(0, 6), st.none() | st.integers(0, 6)),
        max_size=8,
    )
)
def test_the_check_agrees_with_the_law_in_plain_words(intervals):
    """A history is faultless exactly if no two intervals of a key share an instant."""
    versions = [version(begin, end, key=(key, "")) for key, begin, end in intervals]
    ends = [(k, b, float("inf") if e is None else e) for k, b, e in intervals]
    empty = any(e <= b for _, b, e in ends)
    overlap = any(
        one[0] == two[0] and max(one[1], two[1]) < min(one[2], two[2])
        for n, one in enumerate(ends)
        for two in ends[:n]
    )
    assert (check(*versions).total == 0) == (not empty and not overlap)
