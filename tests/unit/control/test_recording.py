"""Which rejections of a batch are new, and which are seen again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdc_daemon.control.recording import REASON_BYTES, Identity, one_of, recording
from cdc_daemon.model.rejection import Rejection

REJECTIONS = st.builds(
    Rejection,
    reason=st.sampled_from(["failed", "too_long"]),
    column=st.sampled_from(["a", "b", None]),
    key=st.sampled_from([0, 1, 2**128 - 1, None]),
    rows=st.integers(1, 5),
)


def bad(**other):
    return Rejection(**{"reason": "failed", "column": "a", "key": 1} | other)


def test_new_ones_keep_their_order():
    """Entries are numbered as their rows came."""
    found = [bad(key=key) for key in (3, 1, 2)]
    assert list(recording(found, {}).new) == [one_of(one) for one in found]


def test_known_ones_are_gathered_by_their_rows():
    """So that one statement says it of all entries that stand for as many rows."""
    found = [bad(key=1), bad(key=2), bad(key=None, rows=7), bad(key=3)]
    known = {one_of(one): number for number, one in enumerate(found[:3], 10)}
    decided = recording(found, known)
    assert decided.seen == {1: (10, 11), 7: (12,)}
    assert decided.new == {one_of(found[3]): 1}


@given(st.lists(REJECTIONS), st.sets(st.integers(0, 23)))
def test_nothing_is_lost_or_told_twice(found, known_at):
    """Every rejection is one new or one known entry, and its rows are counted there once."""
    known = {one_of(found[at]): at for at in known_at if at < len(found)}
    decided = recording(found, known)
    seen = {number: rows for rows, numbers in decided.seen.items() for number in numbers}
    assert set(decided.new).isdisjoint(known)
    assert {*decided.new, *(same for same in known if known[same] in seen)} == {
        one_of(one) for one in found
    }
    assert sum(len(numbers) for numbers in decided.seen.values()) == len(seen)
    assert sum(decided.new.values()) + sum(seen.values()) == sum(one.rows for one in found)


@pytest.mark.parametrize(
    ("key", "digits"), [(0, "0" * 32), (2**128 - 1, "f" * 32), (255, "0" * 30 + "ff"), (None, None)]
)
def test_a_key_is_all_of_its_digest(key, digits):
    """Thirty-two digits, as ``plan`` shows them; nothing where the key is unknown."""
    assert one_of(bad(key=key)) == Identity(digits, "a", "failed")


def test_a_long_reason_is_cut_and_stays_the_same():
    """What a plug-in says at length fits the table, and is found again with the next batch."""
    told = one_of(bad(reason="é" * 500))
    assert told.reason == "é" * (REASON_BYTES // 2)
    assert one_of(bad(reason="x" + "é" * 500)).reason == "x" + "é" * 99
    assert recording([bad(reason="é" * 600)], {told: 5}).seen == {1: (5,)}
