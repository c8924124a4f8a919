"""What is left of changes: every row stays in one place, and sizes add up."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from cdc_daemon.model.change import CLOSES, POSITION, Changes, Sizes
from cdc_daemon.model.guard import Guard, widened

POSITIONS = st.sets(st.integers(0, 30))


def closing(positions) -> pl.DataFrame:
    found = {POSITION: positions, CLOSES: [p + 100 for p in positions]}
    return pl.DataFrame(found, schema={POSITION: pl.UInt32, CLOSES: pl.UInt128})


def changes(inserted, updated, deleted=()) -> Changes:
    return Changes(
        inserted=pl.Series(sorted(inserted), dtype=pl.UInt32),
        updated=closing(sorted(updated)),
        deleted=closing(sorted(deleted)),
        unchanged=5,
        left_out=Sizes(updated=2, deleted=3),
    )


@given(POSITIONS, POSITIONS, POSITIONS, POSITIONS)
def test_a_row_is_inserted_updated_rewritten_or_left_out(inserted, updated, same, refused):
    """In any order of steps, and deleted versions, whose positions are others, stay."""
    updated -= inserted
    chosen = pl.Series(sorted(same), dtype=pl.UInt32)
    gone = pl.Series(sorted(refused), dtype=pl.UInt32)
    found = changes(inserted, updated, same).rewriting(chosen).without(gone)
    assert set(found.inserted) == inserted - refused
    assert set(found.updated[POSITION]) == updated - same - refused
    assert set(found.rewritten[POSITION]) == (updated & same) - refused
    assert found.deleted[POSITION].to_list() == sorted(same)
    assert all(c == p + 100 for p, c in found.rewritten.iter_rows())
    assert (found.unchanged, found.left_out) == (5, Sizes(updated=2, deleted=3))
    kept = (inserted | updated) - refused
    assert found.size == len(kept) + len(same) + 5


def test_without_deletes_none_is_counted_either():
    """Law 10: neither those at hand nor those that were too many to keep."""
    found = changes({1}, {2}, {3}).without_deletes()
    assert found.sizes == Sizes(inserted=1, updated=3)


def test_a_rewrite_alone_is_a_change():
    """Stage and bronze are written for it."""
    none = Changes(
        inserted=pl.Series([], dtype=pl.UInt32),
        updated=closing([7]),
        deleted=closing([]),
        unchanged=0,
    )
    found = none.rewriting(pl.Series([7], dtype=pl.UInt32))
    assert (found.is_empty, found.sizes) == (False, Sizes(rewritten=1))


def test_who_accepts_a_rewrite_accepts_changed_rules_and_nothing_else():
    """And who accepts changed rules does not accept a rewrite."""
    assert widened(frozenset({Guard.REWRITE})) == {Guard.REWRITE, Guard.RULES}
    assert widened(frozenset({Guard.RULES})) == {Guard.RULES}
    assert widened(frozenset()) == frozenset()
