"""``validate-config --connect``: every database is asked for its version, every failure told."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

from rich.console import Console

from cdc_daemon.bootstrap import App
from cdc_daemon.cli.failure import lines
from cdc_daemon.cli.opened import opened
from cdc_daemon.cli.rules import checked_rules
from cdc_daemon.cli.terminal import open_console, show
from cdc_daemon.control.greeting import Greeting, greet
from cdc_daemon.errors import CdcError, ConfigError, ExitCode
from cdc_daemon.model.config import ConfigSnapshot


async def connect(console: Console, config: ConfigSnapshot, missing: Sequence[str]) -> int:
    """Ask them side by side, then for the catalogs of tables that have rules.

    Returns:
        2 where rules do not fit, or their secrets are ``missing``; else 3 where a database did
        not answer.
    """
    async with opened(config, moves_rows=False) as app:
        answers = await asyncio.gather(*(_ask(app, name) for name in config.connections))
        pairs = zip(config.connections, answers, strict=True)
        silent = frozenset(name for name, answer in pairs if isinstance(answer, CdcError))
        found = await checked_rules(app, silent)
    errors = open_console(sys.stderr)
    for name, answer in zip(config.connections, answers, strict=True):
        if isinstance(answer, Greeting):
            show(console, _told(config, name, answer))
        else:
            for line in _blamed(name, answer):
                show(errors, line)
    for error in found.errors.values():
        for line in lines(error):
            show(errors, line)
    if issues := (*missing, *found.issues):
        for line in lines(ConfigError(issues)):
            show(errors, line)
        return ExitCode.USAGE
    return ExitCode.ENVIRONMENT if silent else found.exit_code


async def _ask(app: App, name: str) -> Greeting | CdcError:
    try:
        return await greet(app.databases[name], app.config.connections[name].engine)
    except CdcError as error:
        return error


def _told(config: ConfigSnapshot, name: str, answer: Greeting) -> str:
    return (
        f"connection {name}: {config.connections[name].engine} {answer.version}, clock "
        f"{answer.clock.isoformat(timespec='milliseconds')}, "
        f"answers in {answer.latency_seconds * 1000:.1f} ms"
    )


def _blamed(name: str, error: CdcError) -> tuple[str, ...]:
    first, *rest = lines(error)
    prefix = f"connection {name}: "
    told = first.removeprefix("error: ").removeprefix(prefix)
    return (f"error: {prefix}{told}", *rest)
