"""How long the event loop kept others waiting (DESIGN 4: never longer than 50 ms)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

INTERVAL_SECONDS = 0.04
"""A gap is measured at most so much too short; an idle daemon pays 2 to 4 ms a second for it."""
PERIOD_SECONDS = 60.0


class Largest:
    """The largest value of the last one to two periods."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = clock()
        self._before = self._now = 0.0

    def saw(self, value: float) -> None:
        """One more value."""
        self._turn()
        self._now = max(self._now, value)

    def value(self) -> float:
        """The largest; from any thread."""
        return max(self._before, self._now)

    def _turn(self) -> None:
        moment = self._clock()
        if moment - self._since >= PERIOD_SECONDS:
            self._before, self._now, self._since = self._now, 0.0, moment


class LoopGap:
    """Asks to be woken at fixed times, and says how late it was; a service of the daemon.

    Plain callbacks rather than a task that sleeps: half the cost.
    """

    name = "loop-gap"

    def __init__(
        self, saw: Callable[[float], None], interval_seconds: float = INTERVAL_SECONDS
    ) -> None:
        self._saw = saw
        self._interval = interval_seconds
        self._due = 0.0
        self._handle: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        self._ask(loop, loop.time())
        try:
            await loop.create_future()
        finally:
            if self._handle is not None:
                self._handle.cancel()

    def _ask(self, loop: asyncio.AbstractEventLoop, last: float) -> None:
        self._due = last + self._interval
        self._handle = loop.call_at(self._due, self._woken, loop)

    def _woken(self, loop: asyncio.AbstractEventLoop) -> None:
        late = max(0.0, loop.time() - self._due)
        self._saw(late)
        # wishes stay on multiples of the interval; those that were missed were one gap, not many
        self._ask(loop, self._due + late // self._interval * self._interval)
