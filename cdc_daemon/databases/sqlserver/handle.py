"""A driver's statement, which one thread interrupts while another runs it.

``SQLCancel`` waits for the call that it interrupts. A statement that is freed meanwhile, as
drivers do with one that failed, ends the whole process with a segmentation fault (law 8).
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class Handle:
    """What interrupts a statement and what frees it, one after the other."""

    def __init__(self) -> None:
        self._in_use = threading.Lock()
        self._closed = False

    def interrupt(self, call: Callable[[], object]) -> None:
        """Call it, unless the statement is gone for good."""
        with self._in_use:
            if not self._closed:
                call()

    def replace(self, call: Callable[[], object]) -> None:
        """Call what frees the statement for another one."""
        with self._in_use:
            call()

    def close(self, call: Callable[[], object]) -> None:
        """Call what frees the statement for good."""
        with self._in_use:
            self._closed = True
            call()
