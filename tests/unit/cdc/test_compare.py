"""Comparison: applying the changes to the open versions gives what was captured."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdc_daemon.cdc.compare import (
    CAPTURED_SCHEMA,
    LATER,
    OPEN_SCHEMA,
    VERSION,
    compare,
    duplicates,
    joined,
    part_of,
)
from cdc_daemon.cdc.row_hash import CURRENT, HASH, KEY
from cdc_daemon.model.change import POSITION

OLDER = 0
UNKNOWN = 99
MOST = 2**128 - 1
KEYS = st.integers(0, 12) | st.sampled_from([2**64, 2**127, MOST])
HASHES = st.sampled_from([0, 1, 2, 2**64, MOST])
CAPTURED = st.dictionaries(KEYS, st.fixed_dictionaries({CURRENT: HASHES, OLDER: HASHES}))
OPENED = st.dictionaries(
    KEYS, st.tuples(HASHES, st.sampled_from([CURRENT, OLDER, UNKNOWN]), st.booleans())
)


def captured_frame(rows: dict[int, int]) -> pl.DataFrame:
    values = {KEY: list(rows), HASH: list(rows.values())}
    return pl.DataFrame(values, schema=CAPTURED_SCHEMA).with_row_index(POSITION)


def opened_frame(rows: dict[int, tuple[int, int, bool]]) -> pl.DataFrame:
    values = [(k, *v) for k, v in rows.items()]
    return pl.DataFrame(values, schema=OPEN_SCHEMA, orient="row").with_row_index(POSITION)


def run(captured, opened):
    older = pl.Series([h[OLDER] for h in captured.values()], dtype=pl.UInt128)
    current = captured_frame({key: h[CURRENT] for key, h in captured.items()})
    return joined([compare(current, opened_frame(opened), {OLDER: older})])


def still_open(opened, key):
    return not opened[key][2]


@settings(deadline=None, max_examples=120)
@given(CAPTURED, OPENED)
def test_applying_the_changes_gives_what_was_captured(captured, opened):
    """Deletes, updates and inserts turn the open versions into the captured rows (law 4)."""
    changes = run(captured, opened)
    landed, open_keys = list(captured), list(opened)
    after = {key: (row, version) for key, (row, version, _) in opened.items()}
    for position, closes in changes.deleted.iter_rows():
        assert opened[open_keys[position]][0] == closes
        del after[open_keys[position]]
    for new, closes in changes.updated.iter_rows():
        assert opened[landed[new]][0] == closes
        after[landed[new]] = (captured[landed[new]][CURRENT], CURRENT)
    for position in changes.inserted:
        assert landed[position] not in after
        after[landed[position]] = (captured[landed[position]][CURRENT], CURRENT)
    later = {key: after.pop(key) for key in opened if opened[key][2]}
    assert later == {key: row[:2] for key, row in opened.items() if row[2]}
    assert set(after) == set(captured) - set(later)
    assert all(row == captured[key].get(version) for key, (row, version) in after.items())


@settings(deadline=None, max_examples=60)
@given(CAPTURED, OPENED)
def test_every_key_is_counted_once(captured, opened):
    """Each captured or open key is inserted, updated, deleted, unchanged, or later."""
    changes = run(captured, opened)
    assert changes.size + changes.unchanged + changes.later == len(captured.keys() | opened.keys())
    assert changes.inserted.len() == len(captured.keys() - opened.keys())
    assert changes.is_empty == (changes.size == 0)


@settings(deadline=None, max_examples=60)
@given(CAPTURED, OPENED, st.integers(1, 5))
def test_parts_together_are_the_whole(captured, opened, parts):
    """Compared part by part, a table has the changes it has as a whole (law 11)."""
    new = captured_frame({key: h[CURRENT] for key, h in captured.items()})
    old = opened_frame(opened)
    found = joined(
        compare(new.filter(part_of(parts) == n), old.filter(part_of(parts) == n))
        for n in range(parts)
    )
    whole = joined([compare(new, old)])
    assert found.inserted.equals(whole.inserted)
    assert found.updated.equals(whole.updated)
    assert found.deleted.equals(whole.deleted)
    assert (found.unchanged, found.later) == (whole.unchanged, whole.later)


@settings(deadline=None, max_examples=60)
@given(CAPTURED, OPENED, st.integers(1, 5), st.integers(0, 10))
def test_what_is_too_much_is_counted_and_not_kept(captured, opened, parts, most):
    """Law 11: changes beyond what a batch may have cost no memory, and no guard misses them."""
    new = captured_frame({key: h[CURRENT] for key, h in captured.items()})
    old = opened_frame(opened)

    def compared():
        for n in range(parts):
            here = part_of(parts) == n
            yield compare(new.filter(here), old.filter(here))

    whole, bounded = joined(compared()), joined(compared(), most)
    assert bounded.sizes == whole.sizes
    assert (bounded.unchanged, bounded.later) == (whole.unchanged, whole.later)
    largest = max((part.size for part in compared()), default=0)
    assert bounded.size - bounded.left_out.total <= max(most, largest)
    if whole.size <= most:
        assert bounded.left_out.total == 0


@settings(deadline=None, max_examples=60)
@given(CAPTURED, OPENED)
def test_nothing_unchanged_is_touched(captured, opened):
    """A row with the hash of its open version, under that version's recipe, stays (law 5)."""
    changes = run(captured, opened)
    same = {
        key
        for key in captured.keys() & opened.keys()
        if captured[key].get(opened[key][1]) == opened[key][0]
    }
    assert changes.unchanged == len(same)
    assert not same & {list(captured)[n] for n in changes.updated[POSITION]}


@settings(deadline=None, max_examples=50)
@given(CAPTURED)
def test_comparing_again_changes_nothing(captured):
    """The rows just promoted, compared with themselves, are all unchanged (law 5)."""
    changes = run(captured, {key: (h[CURRENT], CURRENT, False) for key, h in captured.items()})
    assert changes.is_empty
    assert changes.unchanged == len(captured)


def test_positions_are_sorted_and_carry_the_type_landings_expect():
    """Positions ascend, because rows are taken from files in order."""
    captured = {key: {CURRENT: 1, OLDER: 1} for key in range(50, 0, -1)}
    opened = dict.fromkeys((*range(1, 30), *range(60, 90)), (2, CURRENT, False))
    changes = run(captured, opened)
    for positions in (changes.inserted, changes.updated[POSITION], changes.deleted[POSITION]):
        assert positions.dtype == pl.UInt32
        assert positions.is_sorted()
        assert positions.len() > 1


@pytest.mark.parametrize("captured", [{}, {1: {CURRENT: 5, OLDER: 6}}])
@pytest.mark.parametrize("opened", [{}, {2: (5, CURRENT, False)}])
def test_either_side_may_be_empty(captured, opened):
    """An empty source deletes, an empty history inserts, two of them do nothing."""
    changes = run(captured, opened)
    assert changes.inserted.to_list() == [0] * len(captured)
    assert changes.deleted[POSITION].to_list() == [0] * len(opened)
    assert changes.updated.is_empty()


def test_a_version_of_an_older_recipe_is_compared_under_it():
    """An upgrade of the recipe alone gives no new version (law 5)."""
    captured = {1: {CURRENT: 10, OLDER: 20}, 2: {CURRENT: 11, OLDER: 21}}
    changes = run(captured, {1: (20, OLDER, False), 2: (11, OLDER, False)})
    assert changes.unchanged == 1
    assert changes.updated.rows() == [(1, 11)]


def test_a_version_of_an_unknown_recipe_counts_as_changed():
    """What cannot be compared is written anew, even where the numbers agree by chance."""
    changes = run({1: {CURRENT: 10, OLDER: 10}}, {1: (10, UNKNOWN, False)})
    assert changes.updated.rows() == [(0, 10)]
    assert changes.unchanged == 0


def test_versions_that_began_after_the_read_are_left_alone():
    """An earlier read neither closes nor changes a later version."""
    captured = {1: {CURRENT: 10, OLDER: 0}, 2: {CURRENT: 10, OLDER: 0}}
    opened = {1: (99, CURRENT, True), 2: (10, CURRENT, True), 3: (1, CURRENT, True)}
    changes = run(captured, opened)
    assert changes.is_empty
    assert (changes.unchanged, changes.later) == (1, 2)


def test_without_older_recipes_only_the_current_one_is_known():
    """Comparison needs no older hashes where no open version asks for them."""
    opened = opened_frame({1: (10, CURRENT, False), 2: (10, OLDER, False)})
    changes = compare(captured_frame({1: 10, 2: 10}), opened)
    assert changes.unchanged == 1
    assert changes.updated.rows() == [(1, 10)]


def test_duplicates_are_the_digests_that_occur_twice():
    """A key is named once, however often it occurs."""
    frame = captured_frame({}).vstack(
        pl.DataFrame(
            {KEY: [1, MOST, 1, 2, MOST, MOST], HASH: [1, 1, 2, 1, 1, 1]},
            schema=CAPTURED_SCHEMA,
        ).with_row_index(POSITION)
    )
    assert sorted(duplicates(frame)) == [1, MOST]
    assert duplicates(frame.head(2)).is_empty()


def test_open_versions_are_read_into_a_stated_schema():
    """The open side has exactly the four columns that comparison uses."""
    assert list(OPEN_SCHEMA) == [KEY, HASH, VERSION, LATER]
