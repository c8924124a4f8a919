"""Sets up logging: JSON lines or a console, for our own lines and those of libraries alike.

Law 9: whatever is logged goes through `redaction`, from here on to the end of the process:
structlog stays set up when the handle is closed, since by default it prints fields as they are.
"""

from __future__ import annotations

import logging
import warnings
from pathlib import Path, PurePath
from typing import Final, TextIO

import structlog

from cdc_daemon.errors import ConfigError
from cdc_daemon.model.config import LoggingSpec
from cdc_daemon.observability.handlers import FileLines, LineStream, StreamLines, Threshold
from cdc_daemon.observability.lines import (
    LineFormatter,
    console_renderer,
    json_renderer,
    own_processors,
)
from cdc_daemon.observability.scrubbing import Secrets
from cdc_daemon.observability.takeover import PACKAGE, LoggingHandle, take_over

_FORMATS: Final = ("auto", "console", "json")


def configure_logging(
    spec: LoggingSpec, *, stream: LineStream, is_terminal: bool, secrets: Secrets | None = None
) -> LoggingHandle:
    """Log to `stream`, and to the file if there is one, until the handle is closed.

    Called again, it replaces what is in force; where that fails, what is in force stays. The
    context of a task (``run_id``, ``table``, ``batch_id``) comes from `structlog.contextvars`.

    Raises:
        ConfigError: level or format is none we know, or the file cannot be opened.
    """
    level = _level_of(spec)
    hidden = Secrets() if secrets is None else secrets
    console = spec.format == "console" or (spec.format == "auto" and is_terminal)
    handlers: list[logging.Handler] = [StreamLines(stream)]
    render = console_renderer(colours=is_terminal) if console else json_renderer()
    handlers[0].setFormatter(LineFormatter(render, hidden))
    if spec.file is not None:
        handlers.append(_open_file(spec.file, spec.rotation_mb))
        # A file is no terminal: `auto` means JSON there.
        console = spec.format == "console"
        render = console_renderer(colours=False) if console else json_renderer()
        handlers[1].setFormatter(LineFormatter(render, hidden))
    for handler in handlers:
        handler.addFilter(Threshold(PACKAGE, level))
    structlog.configure(
        processors=own_processors(hidden),
        wrapper_class=structlog.stdlib.BoundLogger,
        context_class=dict,
        logger_factory=_standard_logger,
        cache_logger_on_first_use=False,  # a reload changes the processors
    )
    return take_over(tuple(handlers), level=level, show_warning=_log_warning)


def _level_of(spec: LoggingSpec) -> int:
    levels = logging.getLevelNamesMapping()
    issues = []
    if spec.level.upper() not in levels:
        issues.append("logging.level: none of DEBUG, INFO, WARNING, ERROR, CRITICAL")
    if spec.format not in _FORMATS:
        issues.append(f"logging.format: none of {', '.join(_FORMATS)}")
    if spec.rotation_mb < 1:
        issues.append("logging.rotation_mb: less than 1")
    if issues:
        raise ConfigError(issues)
    return levels[spec.level.upper()]


def _open_file(file: str, rotation_mb: int) -> FileLines:
    try:
        return FileLines(Path(file), rotation_mb)
    except OSError as error:
        raise ConfigError(
            [f"logging.file: cannot be opened for writing ({type(error).__name__})"]
        ) from error


def _standard_logger(name: str = PACKAGE, *_: object) -> logging.Logger:
    return logging.getLogger(name)


def _log_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Python's warnings as lines: category and place, for their text may quote what they saw."""
    if file is not None:
        file.write(warnings.formatwarning(message, category, filename, lineno, line))
        return
    place = f"{'/'.join(PurePath(filename).parts[-2:])}:{lineno}"
    log = structlog.get_logger("py.warnings")
    log.warning("python warning", category=category.__name__, location=place)
