"""``validate-config --connect``: every database is asked for its version, every failure told."""

from __future__ import annotations

import asyncio
import sys

from rich.console import Console

from cdc_daemon.bootstrap import App
from cdc_daemon.cli.failure import lines
from cdc_daemon.cli.opened import opened
from cdc_daemon.cli.terminal import open_console, show
from cdc_daemon.control.greeting import Greeting, greet
from cdc_daemon.errors import CdcError, ExitCode
from cdc_daemon.model.config import ConfigSnapshot


async def connect(console: Console, config: ConfigSnapshot) -> int:
    """Ask them side by side; an unreachable environment where any did not answer."""
    async with opened(config) as app:
        answers = await asyncio.gather(*(_ask(app, name) for name in config.connections))
    errors = open_console(sys.stderr)
    for name, answer in zip(config.connections, answers, strict=True):
        if isinstance(answer, Greeting):
            show(console, _told(config, name, answer))
        else:
            for line in _blamed(name, answer):
                show(errors, line)
    failed = any(isinstance(answer, CdcError) for answer in answers)
    return ExitCode.ENVIRONMENT if failed else ExitCode.OK


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
