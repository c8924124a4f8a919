"""ODBC connections that are used again: no more than a limit, none too old, none that died."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from cdc_daemon.databases.sqlserver.waiting import ROLLBACK_SECONDS
from cdc_daemon.databases.sqlserver.wire import Wire
from cdc_daemon.databases.waits import Waits
from cdc_daemon.errors import DatabaseError
from cdc_daemon.model.config import PoolLimits

_TRUSTED_SECONDS = 1.0
"""A connection that was idle for longer is asked whether it is still there."""


class Pool:
    """Connections of one database; the last one that came back goes out first."""

    def __init__(
        self,
        limits: PoolLimits,
        most: int,
        connect: Callable[[], Awaitable[Wire]],
        waits: Waits,
    ) -> None:
        self._limits = limits
        self._connect = connect
        self._waits = waits
        self._places = asyncio.Semaphore(most)
        self._idle: list[Wire] = []
        self._taken: set[Wire] = set()
        self._expiring: asyncio.TimerHandle | None = None
        self._closing: set[asyncio.Future[None]] = set()
        self._back = asyncio.Event()

    @property
    def idle(self) -> int:
        """Connections that nobody has."""
        return len(self._idle)

    @property
    def opened(self) -> int:
        """All connections."""
        return len(self._idle) + len(self._taken)

    async def take(self) -> Wire:
        """A connection of one's own; bring it back.

        Raises:
            DatabaseUnavailable: none came free in time, or nobody is there.
        """
        seconds = self._limits.acquire_timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                await self._places.acquire()
        except TimeoutError as error:
            raise self._waits.exhausted(seconds) from error
        try:
            wire = await self._usable() or await self._connect()
        except BaseException:
            self._places.release()
            raise
        self._taken.add(wire)
        return wire

    async def bring_back(self, wire: Wire) -> None:
        """Keep it for the next one, or close it."""
        self._taken.discard(wire)
        try:
            if wire.broken or self._is_old(wire):
                await wire.close()
            else:
                wire.used = time.monotonic()
                self._idle.append(wire)
                self._expire_later()
        finally:
            self._places.release()
            self._back.set()

    async def aclose(self, seconds: float) -> None:
        """Close all that is idle, what is in use once it comes back; after so long all."""
        self._limits = PoolLimits(max_age_seconds=0)  # what comes back is closed
        if self._expiring is not None:
            self._expiring.cancel()
        idle, self._idle = self._idle, []
        for wire in idle:
            self._close(wire)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._taken:
                    self._back.clear()
                    await self._back.wait()
        for wire in self._taken:
            wire.abandon()
        if self._closing:
            await asyncio.wait(self._closing, timeout=ROLLBACK_SECONDS)

    async def _usable(self) -> Wire | None:
        """An idle connection that still answers."""
        while self._idle:
            wire = self._idle.pop()
            self._taken.add(wire)
            try:
                if not self._is_old(wire) and await _answers(wire):
                    return wire
            finally:
                self._taken.discard(wire)
            self._close(wire)
        return None

    def _is_old(self, wire: Wire) -> bool:
        return time.monotonic() - wire.born > self._limits.max_age_seconds

    def _expire_later(self) -> None:
        if self._expiring is None:
            oldest = min(wire.used for wire in self._idle)
            due = max(0.0, oldest + self._limits.idle_seconds - time.monotonic())
            self._expiring = asyncio.get_running_loop().call_later(due, self._expire)

    def _expire(self) -> None:
        """Close the longest idle, but for ``min``."""
        self._expiring = None
        before = time.monotonic() - self._limits.idle_seconds
        spare = max(0, self.opened - self._limits.min)
        expired = [wire for wire in self._idle if wire.used <= before][:spare]
        for wire in expired:
            self._idle.remove(wire)
            self._close(wire)
        if any(wire.used > before for wire in self._idle):
            self._expire_later()

    def _close(self, wire: Wire) -> None:
        closing = asyncio.ensure_future(wire.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)


async def _answers(wire: Wire) -> bool:
    if time.monotonic() - wire.used <= _TRUSTED_SECONDS:
        return True
    try:
        async with asyncio.timeout(ROLLBACK_SECONDS):
            await wire.fetch("SELECT 1")
    except (DatabaseError, TimeoutError):
        return False
    return True
