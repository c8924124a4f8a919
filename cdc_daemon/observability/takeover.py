"""Takes over the root logger and Python's warnings, and gives them back.

Law 9: meanwhile no other handler of the root logger is in force, since it would print what
libraries say in full.
"""

from __future__ import annotations

import logging
import warnings
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol, Self, TextIO

from cdc_daemon.observability.handlers import Silence

PACKAGE: Final = "cdc_daemon"


class ShowWarning(Protocol):
    """The shape of `warnings.showwarning`."""

    def __call__(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        """Tell of a warning."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What logging was like, to be put back."""

    handlers: tuple[logging.Handler, ...]
    root_level: int
    own_level: int
    show_warning: ShowWarning


class Mark(Silence):
    """Stands in the root logger for a takeover in force, and remembers what was before it."""

    def __init__(self, before: Before) -> None:
        super().__init__()
        self.before = before


class LoggingHandle:
    """Logging as set up; closing puts back what was before, unless it was set up anew since."""

    __slots__ = ("_handlers", "_mark")

    def __init__(self, mark: Mark, handlers: tuple[logging.Handler, ...]) -> None:
        self._mark = mark
        self._handlers = handlers

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and let go of the stream; again does nothing."""
        root = logging.getLogger()
        for handler in self._handlers:
            root.removeHandler(handler)
            handler.close()
        if self._mark not in root.handlers:
            return
        root.removeHandler(self._mark)
        before = self._mark.before
        for handler in before.handlers or (Silence(),):
            root.addHandler(handler)
        root.setLevel(before.root_level)
        logging.getLogger(PACKAGE).setLevel(before.own_level)
        warnings.showwarning = before.show_warning


def take_over(
    handlers: tuple[logging.Handler, ...], *, level: int, show_warning: ShowWarning
) -> LoggingHandle:
    """Put `handlers` in place of all others; those of an earlier takeover are closed."""
    root = logging.getLogger()
    own = logging.getLogger(PACKAGE)
    earlier = next((each for each in root.handlers if isinstance(each, Mark)), None)
    before = Before(
        handlers=tuple(each for each in root.handlers if not isinstance(each, Silence)),
        root_level=root.level,
        own_level=own.level,
        show_warning=warnings.showwarning,
    )
    mark = Mark(before if earlier is None else earlier.before)
    displaced = tuple(root.handlers)
    for handler in (mark, *handlers):
        root.addHandler(handler)
    for handler in displaced:
        root.removeHandler(handler)
        if earlier is not None:
            handler.close()
    root.setLevel(max(level, logging.WARNING))
    own.setLevel(level)
    warnings.showwarning = show_warning
    return LoggingHandle(mark, handlers)
