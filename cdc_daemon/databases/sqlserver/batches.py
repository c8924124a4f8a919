"""How many rows are fetched at once, and how many of them make a batch (law 11)."""

from __future__ import annotations

BYTES = 2 * 1024 * 1024
"""Size of a batch: as with the other engine, about five are under way at a time."""
_FIRST = 1
"""Of what nothing is known yet; rows may be of megabytes."""
_FASTER = 4
"""A fetch has no more than so many times the last one's rows."""


class BatchSize:
    """Learns from the rows that come, and says when a batch has enough of them.

    A fetch has at most ``at_once`` rows, since wide ones may follow narrow ones; a batch, some
    ``most`` rows.
    """

    def __init__(self, at_once: int, most: int) -> None:
        self.rows = _FIRST
        """Of the next fetch."""
        self.taken = 0
        """Rows of this batch."""
        self._at_once = at_once
        self._most = most
        self._bytes = 0
        self._ended = False

    @property
    def has_room(self) -> bool:
        """Whether another fetch belongs to this batch."""
        return not self._ended and self._bytes < BYTES and self.taken < self._most

    def begin(self) -> None:
        """Another batch."""
        self.taken = self._bytes = 0

    def seen(self, rows: int, size: int) -> None:
        """A fetch of ``rows`` took ``size`` bytes; one without rows was the last."""
        self.taken += rows
        self._bytes += size
        self._ended = not rows
        fitting = rows * BYTES // max(size, 1)
        self.rows = max(1, min(fitting, self.rows * _FASTER, self._at_once))
