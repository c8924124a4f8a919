"""What most commands work on: logging, and the application wired over a configuration."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace

import structlog

from cdc_daemon.bootstrap import App, app
from cdc_daemon.cli.threads import threads
from cdc_daemon.model.config import ConfigSnapshot, LoggingSpec
from cdc_daemon.model.secret import SecretRef
from cdc_daemon.observability.logging import configure_logging
from cdc_daemon.observability.progress import TerminalProgress, open_progress
from cdc_daemon.observability.scrubbing import Secrets
from cdc_daemon.observability.shapes import Vouched
from cdc_daemon.observability.telemetry import LogTelemetry
from cdc_daemon.secrets.resolver import resolve


@asynccontextmanager
async def opened(
    config: ConfigSnapshot, *, watched: bool = False, moves_rows: bool = True
) -> AsyncIterator[App]:
    """The application, with logs and, where it is ``watched`` on a terminal, progress on stderr.

    Raises:
        ConfigError: the log file cannot be opened; a secret of transformation is missing, where
            the command ``moves_rows``.
    """
    asyncio.get_running_loop().set_default_executor(threads(config))
    secrets = Secrets()

    def fetch(reference: SecretRef) -> str:
        value = resolve(reference, os.environ)
        secrets.add(value)  # law 9: before anybody can log it
        return value

    terminal = sys.stderr.isatty()
    with ExitStack() as stack:
        progress = stack.enter_context(open_progress(sys.stderr, is_terminal=watched and terminal))
        shown = isinstance(progress, TerminalProgress)
        logs = configure_logging(
            _beside_progress(config.logging) if shown else config.logging,
            stream=progress if isinstance(progress, TerminalProgress) else sys.stderr,
            is_terminal=terminal,
            secrets=secrets,
        )
        stack.enter_context(logs)
        _log_warnings(config)
        async with app(config, fetch, progress, LogTelemetry(), moves_rows=moves_rows) as wired:
            yield wired


def _beside_progress(spec: LoggingSpec) -> LoggingSpec:
    """Progress tells the good news; without a file to keep them, those lines are left out."""
    return replace(spec, level="WARNING") if (spec.level, spec.file) == ("INFO", None) else spec


def _log_warnings(config: ConfigSnapshot) -> None:
    log = structlog.get_logger("cdc_daemon.cli")
    for warning in config.warnings:
        log.warning("configuration", message=Vouched(warning))


async def control_is_absent(app: App) -> bool:
    """Whether the target has no control schema yet.

    Raises:
        ControlSchemaError: it has a newer one.
        DatabaseError: the target cannot be asked.
    """
    return len(await app.control.pending()) == len(app.control.migrations())
