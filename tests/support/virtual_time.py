"""An event loop whose clock goes on only when nothing else is to do: hours pass at once.

Waiting for what cannot happen any more is an error, not a test that hangs.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable

MOST_TIMERS = 20_000
"""Timers that may pass while a test waits for one state."""
THREAD_SECONDS = 30.0


class _Selector(selectors.DefaultSelector):
    """Jumps to the next timer where the real one would wait for it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.threads = 0
        self.settled: list[asyncio.Future[None]] = []
        self.passed: list[asyncio.Future[None]] = []

    def select(self, timeout=None):
        events = super().select(0)
        if events or (timeout is not None and timeout <= 0):
            return events
        if self.threads:
            return super().select(THREAD_SECONDS)
        if self.settled:
            _resolve(self.settled)
        elif timeout is None:
            raise RuntimeError("nothing is left that could happen")
        else:
            self.now += timeout
            _resolve(self.passed)
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Threads are waited for in real time; signals are not."""

    def __init__(self) -> None:
        self.virtual = _Selector()
        super().__init__(self.virtual)

    def time(self) -> float:
        return self.virtual.now

    def run_in_executor(self, executor, func, *args):
        future = super().run_in_executor(executor, func, *args)
        self.virtual.threads += 1
        future.add_done_callback(self._thread_ended)
        return future

    async def shutdown_default_executor(self, *args, **kwargs) -> None:
        self.virtual.threads += 1
        await super().shutdown_default_executor(*args, **kwargs)
        self.virtual.threads -= 1

    def _thread_ended(self, _: object) -> None:
        self.virtual.threads -= 1


async def settled() -> None:
    """Everything has happened that happens without time going on."""
    await _waiting(_virtual().settled)


async def until(state: Callable[[], object]) -> None:
    """Time goes on, timer by timer, until ``state`` holds."""
    for _ in range(MOST_TIMERS):
        await settled()
        if state():
            return
        await _waiting(_virtual().passed)
    raise AssertionError("the state was not reached")


async def elapsed(seconds: float) -> None:
    """So much virtual time goes by, whatever happens meanwhile."""
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    loop.call_later(seconds, over.set_result, None)
    await over
    await settled()


def _virtual() -> _Selector:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    return loop.virtual


async def _waiting(waiting: list[asyncio.Future[None]]) -> None:
    future = asyncio.get_running_loop().create_future()
    waiting.append(future)
    await future


def _resolve(waiting: list[asyncio.Future[None]]) -> None:
    for future in waiting:
        if not future.done():
            future.set_result(None)
    waiting.clear()
