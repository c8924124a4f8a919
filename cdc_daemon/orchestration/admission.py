"""Batches begin when the memory they need is free: the budget is kept by waiting (law 11).

What a batch needs is bounded, whatever its table: buffers of rows on their way, the digests that
are kept in memory, its changes. First come, first served, so that a large table is not starved
by small ones.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from cdc_daemon.model.checkpoint import TableState

MB = 1024 * 1024
PROCESS = 192 * MB
"""What the process holds before its first batch: code, drivers, pools."""
LEAST = 16 * MB
MOST = 160 * MB
"""What a batch of any size takes; measured with rows of some 200 bytes."""
PER_ROW = 2_048
"""Bytes, until ``MOST`` is reached: a row passes through several buffers at once."""


def need(state: TableState) -> int:
    """Bytes a batch of the table takes, by what is known of it before it is read."""
    if state.last_batch is None:  # nobody knows
        return MOST
    return min(MOST, LEAST + state.open_versions * PER_ROW)


@dataclass(slots=True, eq=False)
class Admission:
    """One for the process; it is no lock: whoever is let in is trusted to need no more."""

    budget: int
    """Bytes, for the whole process."""
    reserved: int = 0
    _queue: deque[tuple[int, asyncio.Future[None]]] = field(default_factory=deque)

    @property
    def waiting(self) -> int:
        """Batches that wait for memory."""
        return sum(not turn.cancelled() for _, turn in self._queue)

    @asynccontextmanager
    async def reserve(self, wanted: int) -> AsyncIterator[None]:
        """Wait until so many bytes are free, and hold them for the block.

        What does not fit into the whole budget is let in when nobody else is.
        """
        size = min(wanted, max(0, self.budget - PROCESS))
        await self._enter(size)
        try:
            yield
        finally:
            self.reserved -= size
            self._admit()

    async def _enter(self, size: int) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._queue.append((size, turn))
        self._admit()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self.reserved -= size  # let in and cancelled at the same time
            self._admit()
            raise

    def _admit(self) -> None:
        while self._queue:
            size, turn = self._queue[0]
            if turn.cancelled():
                self._queue.popleft()
                continue
            if self.reserved and self.reserved + size > self.budget - PROCESS:
                return
            self._queue.popleft()
            self.reserved += size
            turn.set_result(None)
