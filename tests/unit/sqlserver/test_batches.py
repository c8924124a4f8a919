"""The size of batches: bounded in bytes, and careful where wide rows follow narrow ones."""

from __future__ import annotations

from cdc_daemon.databases.sqlserver.batches import BYTES, BatchSize


def test_batches_grow_to_their_size() -> None:
    """Law 11: after a few batches, each has about as many bytes as it may."""
    size = BatchSize()
    for _ in range(10):
        size.seen(size.rows, size.rows * 100)
    assert BYTES * 0.9 < size.rows * 100 <= BYTES


def test_wide_rows_shrink_them_at_once() -> None:
    """Rows of a megabyte come one or two at a time."""
    size = BatchSize()
    size.seen(256, 256 * 1024 * 1024)
    assert size.rows == 2
    size.seen(2, 20 * 1024 * 1024)
    assert size.rows == 1


def test_they_never_leap() -> None:
    """A batch has at most four times the rows of the last one, and never too many."""
    size = BatchSize()
    before = size.rows
    for _ in range(20):
        size.seen(size.rows, 0)
        assert size.rows <= before * 4
        before = size.rows
    assert size.rows == 65_536
