"""Waiting for calls that know nothing of asyncio: bounded, whatever the driver does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from cdc_daemon.databases.sqlserver import waiting
from cdc_daemon.databases.sqlserver.threads import OneThread
from cdc_daemon.databases.sqlserver.waiting import Interruptible
from cdc_daemon.errors import DatabaseUnavailable


class Call:
    """A driver's call that lasts until it is let go, or interrupted."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.go = threading.Event()
        self.interruptions = 0
        self._thread = OneThread("call")
        self._loop = asyncio.get_running_loop()

    def interrupt(self) -> None:
        self.interruptions += 1
        self.go.set()

    async def run(self) -> str:
        return await self._loop.run_in_executor(self._thread, self._work)

    def _work(self) -> str:
        self._loop.call_soon_threadsafe(self.begun.set)
        self.go.wait()
        return "done"


async def alive() -> bool:
    return True


def hasty(monkeypatch: pytest.MonkeyPatch, **seconds: float) -> None:
    for name, value in seconds.items():
        monkeypatch.setattr(waiting, name, value)


@pytest.mark.asyncio
async def test_a_cancelled_call_is_interrupted() -> None:
    """Who is cancelled waits until the call has ended, so that the connection is free again."""
    call = Call()
    calls = Interruptible(call.interrupt, alive, "x")
    task = asyncio.ensure_future(calls.wait_for(call.run()))
    await call.begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert call.interruptions == 1
    assert not calls.abandoned


@pytest.mark.parametrize("interrupt", [threading.Event().wait, lambda: None])
@pytest.mark.asyncio
async def test_a_call_that_heeds_nothing_is_left(
    monkeypatch: pytest.MonkeyPatch, interrupt: Callable[[], object]
) -> None:
    """Neither a call that goes on nor an interruption that hangs holds a cancelled task up.

    No other call follows: it would use what the first one does.
    """
    hasty(monkeypatch, ROLLBACK_SECONDS=0.05, _AGAIN_SECONDS=0.01)
    call = Call()
    calls = Interruptible(interrupt, alive, "x")
    task = asyncio.ensure_future(calls.wait_for(call.run()))
    await call.begun.wait()
    task.cancel()
    async with asyncio.timeout(20):
        with pytest.raises(asyncio.CancelledError):
            await task
    assert calls.abandoned
    with pytest.raises(DatabaseUnavailable, match="x: the connection is gone"):
        await calls.wait_for(call.run())
    call.go.set()


@pytest.mark.asyncio
async def test_a_server_that_is_gone_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long call is given up where the server answers nobody else either."""
    hasty(monkeypatch, PATIENCE_SECONDS=0.01)
    call, answers = Call(), [False, True, True]

    async def asked() -> bool:
        return answers.pop()

    calls = Interruptible(call.interrupt, asked, "connection x: reading")
    with pytest.raises(DatabaseUnavailable, match="connection x: reading: the server does not"):
        await calls.wait_for(call.run())
    assert answers == []
    assert calls.abandoned
    call.go.set()


@pytest.mark.asyncio
async def test_a_long_call_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as the server is there, a statement may last."""
    hasty(monkeypatch, PATIENCE_SECONDS=0.01)
    call, asked = Call(), 0

    async def there() -> bool:
        nonlocal asked
        asked += 1
        if asked == 3:
            call.go.set()
        return True

    assert await Interruptible(call.interrupt, there, "x").wait_for(call.run()) == "done"
    assert call.interruptions == 0


@pytest.mark.asyncio
async def test_errors_of_the_call_are_told() -> None:
    """The call's own error is raised as it is."""

    async def fails() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await Interruptible(int, alive, "x").wait_for(fails())
