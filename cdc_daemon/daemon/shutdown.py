"""Stopping, in one direction only: running, draining, forced."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Shutdown:
    """A wish to stop, from a signal, a failed service, or a test."""

    def __init__(self) -> None:
        self.draining = asyncio.Event()
        self.forced = asyncio.Event()
        self.reason = ""
        self._listeners: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` at every request from now on."""
        self._listeners.append(listener)

    def request(self, reason: str) -> None:
        """The first drains, a second one forces. Safe from a signal handler."""
        if self.draining.is_set():
            self.forced.set()
        else:
            self.reason = reason
            self.draining.set()
        for listener in self._listeners:
            listener()
