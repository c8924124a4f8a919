"""How long the event loop kept others waiting."""

import asyncio
import time

import pytest

from cdc_daemon.observability.metrics.loop_gap import PERIOD_SECONDS, Largest, LoopGap


class Seen:
    """Gaps as they are told; waits for one that fits."""

    def __init__(self):
        self.gaps = []
        self._changed = asyncio.Event()

    def __call__(self, gap):
        self.gaps.append(gap)
        self._changed.set()

    async def until(self, condition):
        async with asyncio.timeout(10):
            while not condition(self.gaps):
                self._changed.clear()
                await self._changed.wait()


@pytest.mark.asyncio
async def test_a_blocked_loop_is_one_gap():
    """A callback that keeps the loop busy shows once, with its length less an interval at most."""
    seen = Seen()
    task = asyncio.create_task(LoopGap(seen, 0.005).run())
    await seen.until(lambda gaps: len(gaps) >= 3)
    before = len(seen.gaps)
    end = time.monotonic() + 0.3
    while time.monotonic() < end:
        pass
    await seen.until(lambda gaps: max(gaps) > 0.29)
    assert sum(gap > 0.2 for gap in seen.gaps[before:]) == 1
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.asyncio
async def test_wishes_do_not_drift():
    """However late each is, so many wishes take so many intervals, no more."""
    seen, interval, wanted = Seen(), 0.002, 200
    loop = asyncio.get_running_loop()
    began = loop.time()
    task = asyncio.create_task(LoopGap(seen, interval).run())
    await seen.until(lambda gaps: len(gaps) >= wanted)
    missed = sum(gap // interval for gap in seen.gaps)
    elapsed = loop.time() - began
    task.cancel()
    planned = (len(seen.gaps) + missed) * interval
    assert elapsed == pytest.approx(planned, abs=max(seen.gaps) + 0.05)


@pytest.mark.asyncio
async def test_cancelled_it_asks_no_more():
    """No callback is left behind."""
    seen = Seen()
    service = LoopGap(seen, 0.001)
    task = asyncio.create_task(service.run())
    await seen.until(bool)
    task.cancel()
    await asyncio.wait({task})
    assert service._handle.cancelled()


def test_the_largest_is_forgotten_after_two_periods():
    """The maximum covers at least one period and at most two."""
    clock = [0.0]
    largest = Largest(lambda: clock[0])
    largest.saw(0.5)
    clock[0] = PERIOD_SECONDS
    largest.saw(0.1)
    assert largest.value() == 0.5
    clock[0] = 2 * PERIOD_SECONDS
    largest.saw(0.2)
    assert largest.value() == 0.2
