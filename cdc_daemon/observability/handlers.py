"""The places log lines go to; a line that cannot be written is dropped without its content.

Law 9: the standard library prints message and arguments of a record it failed to write; these
handlers do not. Law 8: a full disk or a closed pipe stops no table.
"""

from __future__ import annotations

import logging
import logging.handlers
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

KEPT_FILES: Final = 5
"""Rotated files beside the current one."""
_MEGABYTE: Final = 1024 * 1024


class LineStream(Protocol):
    """Where lines are written; stays open when logging is closed."""

    def write(self, text: str, /) -> object:
        """Take a line with its end."""
        ...

    def flush(self) -> object:
        """Pass on what was written."""
        ...


class StreamLines(logging.StreamHandler[LineStream]):
    """Lines to a stream, in characters it can take."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, with escapes where the stream's encoding has no such character."""
        line = super().format(record)
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        return line.encode(encoding, "backslashreplace").decode(encoding)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say that a line was lost, not what was in it."""
        _tell_of_loss(record)


class FileLines(logging.handlers.RotatingFileHandler):
    """Lines to a file that is renamed when it has grown to its limit."""

    def __init__(self, file: Path, rotation_mb: int) -> None:
        super().__init__(
            file,
            maxBytes=rotation_mb * _MEGABYTE,
            backupCount=KEPT_FILES,
            encoding="utf-8",
            errors="backslashreplace",
        )

    def shouldRollover(self, record: logging.LogRecord) -> bool:  # noqa: ARG002, N802 - logging's
        """Whether the file has grown to its limit; no line is rendered to find out."""
        regular = Path(self.baseFilename).is_file()
        return regular and self.stream is not None and self.stream.tell() >= self.maxBytes

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say that a line was lost, not what was in it."""
        _tell_of_loss(record)


class Silence(logging.NullHandler):
    """Keeps the standard library's last resort from printing records as they are."""


class Threshold(logging.Filter):
    """Our own lines from the configured level on, those of libraries from WARNING on."""

    def __init__(self, package: str, level: int) -> None:
        super().__init__(package)
        self._own = level
        self._others = max(level, logging.WARNING)

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is a line, though a library may have set a level of its own."""
        return record.levelno >= (self._own if super().filter(record) else self._others)


def _tell_of_loss(record: logging.LogRecord) -> None:
    kind = sys.exc_info()[0]
    with suppress(OSError, ValueError, AttributeError):  # stderr is gone, closed, or not there
        reason = "unknown" if kind is None else kind.__name__
        sys.stderr.write(f"cdc-daemon: a {record.levelname} line was lost ({reason})\n")
