"""How many rows the next batch may have, so that batches stay of about one size (law 11)."""

from __future__ import annotations

BYTES = 2 * 1024 * 1024
"""Size of a batch: as with the other engine, about five are under way at a time."""
_FIRST = 16
"""Of what nothing is known yet; rows may be of megabytes."""
_MOST = 65_536
_FASTER = 4
"""Wide rows may follow narrow ones: a batch has no more than so many times the last one's rows."""


class BatchSize:
    """Learns from the batches that came."""

    def __init__(self, most: int = _MOST) -> None:
        self.rows = min(_FIRST, most)
        self._most = most

    def seen(self, rows: int, size: int) -> None:
        """A batch of ``rows`` took ``size`` bytes."""
        fitting = rows * BYTES // max(size, 1)
        self.rows = max(1, min(fitting, self.rows * _FASTER, self._most))
