"""The size of batches: bounded in bytes, and careful where wide rows follow narrow ones."""

from __future__ import annotations

import pytest

from cdc_daemon.databases.sqlserver.batches import BYTES, BatchSize

KB = 1024


def fetched(size: BatchSize, row_bytes: int) -> tuple[int, int]:
    """Rows of a whole batch, and of its largest fetch."""
    rows = largest = 0
    size.begin()
    while size.has_room:
        largest = max(largest, size.rows)
        rows += size.rows
        size.seen(size.rows, size.rows * row_bytes)
    return rows, largest


@pytest.mark.parametrize("row_bytes", [100, 10 * KB, 100 * KB, 1024 * KB])
def test_batches_have_their_size(row_bytes):
    """Law 11: whatever rows are like, a batch has at most one fetch more than its bytes."""
    size = BatchSize(at_once=256, most=65_536)
    for _ in range(3):
        rows, largest = fetched(size, row_bytes)
        assert BYTES <= rows * row_bytes < BYTES + largest * row_bytes
        assert largest * row_bytes <= BYTES


def test_wide_rows_shrink_the_next_fetch_at_once():
    """Rows of a megabyte come one or two at a time."""
    size = BatchSize(at_once=256, most=65_536)
    for _ in range(10):
        size.seen(size.rows, size.rows)
    size.seen(256, 256 * KB * KB)
    assert size.rows == 2
    size.seen(2, 20 * KB * KB)
    assert size.rows == 1


def test_fetches_never_leap():
    """The first has one row, each four times the last one's, up to the most at once."""
    size = BatchSize(at_once=100, most=2_000)
    rows = [size.rows]
    for _ in range(5):
        size.seen(size.rows, 0)
        rows.append(size.rows)
    assert rows == [1, 4, 16, 64, 100, 100]


def test_a_batch_of_next_to_nothing_ends():
    """Rows without bytes that count make batches, too."""
    assert fetched(BatchSize(at_once=100, most=2_000), 0) == (2_085, 100)


def test_a_fetch_without_rows_was_the_last():
    """Nothing is asked of a driver that has said that there is no more."""
    size = BatchSize(at_once=100, most=2_000)
    size.seen(1, 10)
    size.seen(0, 0)
    assert (size.has_room, size.taken) == (False, 1)
    size.begin()
    assert (size.has_room, size.taken) == (False, 0)
