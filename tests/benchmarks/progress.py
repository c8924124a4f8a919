"""Says on standard error how far a run is, with the seconds since it began."""

from __future__ import annotations

import sys
import time


class Progress:
    """One line a step."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def say(self, text: str) -> None:
        """A line, at once."""
        sys.stderr.write(f"[{time.monotonic() - self._began:7.1f} s] {text}\n")
        sys.stderr.flush()
