"""What the demo expects of a batch, worked out from the source alone."""

from __future__ import annotations

from cdc_daemon.cli.demo_shop.check import Rows, differences, expected
from cdc_daemon.cli.demo_shop.story import ShopTable
from cdc_daemon.model.change import Counts

TABLE = ShopTable(name="lines", columns=("order_id", "line_no", "note"), key=2)
FIRST: Rows = (("1", "1", "a"), ("1", "2", None), ("2", "1", "c"))


def test_a_first_batch_inserts_everything() -> None:
    """Where nothing was before, every row is new."""
    assert expected(TABLE, (), FIRST) == Counts(extracted=3, inserted=3)


def test_each_kind_of_change_is_counted_once() -> None:
    """New, changed (NULL to '' is a change), gone and same rows are told apart by their keys."""
    now: Rows = (("1", "1", "a"), ("1", "2", ""), ("11", "1", "c"))
    assert expected(TABLE, (FIRST,), now) == Counts(
        extracted=3, inserted=1, updated=1, deleted=1, unchanged=1
    )


def test_a_key_that_was_there_before_is_reopened() -> None:
    """A key that was deleted and is back is not new, whatever its values are now."""
    assert expected(TABLE, (FIRST, FIRST[:2]), FIRST) == Counts(
        extracted=3, reopened=1, unchanged=2
    )


def test_differences_count_both_sides_and_duplicates() -> None:
    """A changed row differs on both sides; a row that is there twice is a difference too."""
    assert differences(FIRST, tuple(reversed(FIRST))) == 0
    assert differences(FIRST, (*FIRST[:2], ("2", "1", "d"))) == 2
    assert differences(FIRST, (*FIRST, FIRST[0])) == 1
