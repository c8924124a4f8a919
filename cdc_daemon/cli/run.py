"""``run``: the daemon, until a signal."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from argparse import Namespace
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager

from prometheus_client import CollectorRegistry

from cdc_daemon.bootstrap import App, admission_of, app, checked
from cdc_daemon.cli.configuration import config_path, configuration
from cdc_daemon.cli.threads import PREFIX, threads
from cdc_daemon.daemon.process import Daemon, Parts
from cdc_daemon.model.config import ConfigSnapshot
from cdc_daemon.model.secret import SecretRef
from cdc_daemon.observability.logging import configure_logging
from cdc_daemon.observability.metrics.metrics import Metrics
from cdc_daemon.observability.metrics.telemetry import MeteredTelemetry
from cdc_daemon.observability.progress import SilentProgress
from cdc_daemon.observability.scrubbing import Secrets
from cdc_daemon.observability.telemetry import LogTelemetry
from cdc_daemon.ports.statistics import MemoryUse
from cdc_daemon.secrets.resolver import resolve
from cdc_daemon.settings.diff import difference
from cdc_daemon.settings.load import load


def run(args: Namespace) -> int:
    """Run it; its exit code.

    Raises:
        CdcError: the configuration, or what a service failed of.
    """
    secrets = Secrets()
    first = checked(configuration(args), _fetch(secrets))
    logs = _Logs(secrets)
    logs.set_up(first)
    runner = asyncio.Runner()
    runner.get_loop().set_default_executor(threads(first))
    try:
        code = runner.run(_daemon(args, first, secrets, logs).run())
    finally:
        logs.close()
    if code and _threads_hang():
        os._exit(code)  # asyncio would wait for them
    runner.close()
    return code


def _threads_hang() -> bool:
    return any(thread.name.startswith(PREFIX) for thread in threading.enumerate())


def _fetch(secrets: Secrets) -> Callable[[SecretRef], str]:
    def fetch(reference: SecretRef) -> str:
        value = resolve(reference, os.environ)
        secrets.add(value)  # law 9: before anybody can log it
        return value

    return fetch


class _Logs:
    """Logging as configured, set up anew at a reload."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._handle: AbstractContextManager[object] | None = None

    def set_up(self, config: ConfigSnapshot) -> None:
        """Replaces what was set up before; where that fails, that stays.

        Raises:
            ConfigError: the log file cannot be opened.
        """
        self._handle = configure_logging(
            config.logging,
            stream=sys.stderr,
            is_terminal=sys.stderr.isatty(),
            secrets=self._secrets,
        )

    def close(self) -> None:
        """Write out and close."""
        if self._handle is not None:
            self._handle.__exit__(None, None, None)


def _daemon(args: Namespace, first: ConfigSnapshot, secrets: Secrets, logs: _Logs) -> Daemon:
    metrics = Metrics(CollectorRegistry())
    telemetry = MeteredTelemetry(LogTelemetry(), metrics)
    open_apps: list[App] = []
    admission = admission_of(first)  # of the process, whatever is reloaded

    fetch = _fetch(secrets)

    @asynccontextmanager
    async def opened(config: ConfigSnapshot) -> AsyncIterator[App]:
        progress = SilentProgress()
        async with app(config, fetch, progress, telemetry, metrics.pool, admission) as wired:
            open_apps.append(wired)
            try:
                yield wired
            finally:
                open_apps.remove(wired)

    return Daemon(
        Parts(
            first=first,
            load=lambda version: checked(load(config_path(args), os.environ, version), fetch),
            restart_needed=lambda old, new: difference(old, new).restart_needed,
            metrics=metrics,
            opened=opened,
            pools=lambda: tuple(stats for wired in open_apps for stats in wired.pools()),
            memory=lambda: MemoryUse(admission.reserved, admission.waiting),
            landing_bytes=lambda: sum(wired.landings.bytes for wired in open_apps),
            prepare=logs.set_up,
        )
    )
