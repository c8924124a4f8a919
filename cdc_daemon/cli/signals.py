"""The first SIGINT or SIGTERM stops the work in good order, the second ends the process.

Law 7: what the first one cancels is rolled back and put on record; the second is a ``kill -9``
of our own, which loses nothing either, and works while a driver's thread hangs.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

STOPPED = 128
"""Added to a signal's number, the exit code of what it ended."""
_STDERR = 2
_SHOW_CURSOR = b"\x1b[?25h"


class Signals:
    """What has been received; installed once, for the life of the process."""

    def __init__(self) -> None:
        self._first: int | None = None
        self._stop: Callable[[], object] | None = None

    @property
    def exit_code(self) -> int | None:
        """128 and the number of the signal that stopped the work; None where none did."""
        return None if self._first is None else STOPPED + self._first

    @property
    def name(self) -> str:
        """The signal's name; empty where there was none."""
        return "" if self._first is None else signal.Signals(self._first).name

    def install(self) -> None:
        """Handle both signals from now on; call it in the main thread."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._arrived)

    def leave(self) -> None:
        """As Python has them, for a command that minds signals itself."""
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def stops(self, stop: Callable[[], object] | None) -> None:
        """What the first signal does from now on; where that is nothing, it ends the process."""
        self._stop = stop

    def _arrived(self, number: int, _frame: FrameType | None) -> None:
        if self._first is not None or self._stop is None:
            if os.isatty(_STDERR):
                _write(_SHOW_CURSOR)
            os._exit(STOPPED + number)
        self._first = number
        self._stop()
        _write(f"{self.name}: stopping; once more to force\n".encode())


def _write(text: bytes) -> None:
    """Past all buffers: a handler may have interrupted their user."""
    with suppress(OSError):  # nobody listens any more
        os.write(_STDERR, text)
