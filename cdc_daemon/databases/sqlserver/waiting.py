"""Waiting for a driver's call, which knows neither cancellation nor a silent network.

A call that is cancelled is interrupted, and waited for no longer than ``ROLLBACK_SECONDS``. One
that lasts is no error (long statements are cancelled, not timed out: DESIGN 6.5), but every
``PATIENCE_SECONDS`` somebody looks whether the server is still there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from cdc_daemon.databases.sqlserver.threads import aside
from cdc_daemon.errors import DatabaseUnavailable
from cdc_daemon.ports.cleanup import to_its_end

T = TypeVar("T")

ROLLBACK_SECONDS = 5.0
"""How long a server may take to end a statement before its connection is dropped (DESIGN 6.5)."""
PATIENCE_SECONDS = 30.0
_AGAIN_SECONDS = 0.5
"""An interruption may come between two calls, and is then repeated."""

Alive = Callable[[], Awaitable[bool]]


class Interruptible:
    """Calls of one connection; ``abandoned`` once one could not be waited for."""

    def __init__(self, interrupt: Callable[[], object], alive: Alive, doing: str) -> None:
        self.abandoned = False
        self._interrupt = interrupt
        self._interrupting: Future[Any] | None = None
        self._alive = alive
        self._doing = doing

    async def wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of ``work``.

        Raises:
            DatabaseUnavailable: it lasts, and the server does not answer anybody else either; or
                an earlier call was left to itself.
        """
        if self.abandoned:
            work.close()
            raise DatabaseUnavailable(f"{self._doing}: the connection is gone")
        running = asyncio.ensure_future(work)
        running.add_done_callback(noticed)
        try:
            while not (await asyncio.wait({running}, timeout=PATIENCE_SECONDS))[0]:
                if not await self._alive():
                    self.abandoned = True
                    raise DatabaseUnavailable(f"{self._doing}: the server does not answer any more")
            return running.result()
        except asyncio.CancelledError:
            if not running.cancelled():
                await to_its_end(self._interrupted(running))
            raise

    async def _interrupted(self, running: asyncio.Future[Any]) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + ROLLBACK_SECONDS
        while not running.done() and loop.time() < deadline:
            if self._interrupting is None or self._interrupting.done():
                self._interrupting = aside(self._interrupt)  # it blocks where the network is silent
            await asyncio.wait({running}, timeout=_AGAIN_SECONDS)
        if self._interrupting is not None:
            ending = asyncio.wrap_future(self._interrupting)
            ending.add_done_callback(noticed)
            await asyncio.wait({ending}, timeout=max(0.0, deadline - loop.time()))
            self.abandoned |= not ending.done()
        self.abandoned |= not running.done()


def noticed(ended: asyncio.Future[Any]) -> None:
    """What a call fails of that nobody waits for is nobody's; asyncio need not log it."""
    if not ended.cancelled():
        ended.exception()
