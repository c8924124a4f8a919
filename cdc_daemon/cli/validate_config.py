"""``validate-config [--connect]``: every issue at once; with databases, every failure at once."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from collections import Counter

from rich.console import Console

from cdc_daemon.bootstrap import App
from cdc_daemon.cli.failure import lines
from cdc_daemon.cli.opened import config_path, configuration, opened
from cdc_daemon.cli.terminal import open_console, show
from cdc_daemon.control.greeting import Greeting, greet
from cdc_daemon.errors import CdcError, ExitCode
from cdc_daemon.model.config import ConfigSnapshot


async def validate_config(console: Console, args: Namespace) -> int:
    """Judge the configuration; ask every database for its version where that is wanted.

    Raises:
        ConfigError: with every issue, each with file and line.
    """
    config = configuration(args)
    _show(console, str(config_path(args)), config)
    if not args.connect:
        return ExitCode.OK
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


def _show(console: Console, path: str, config: ConfigSnapshot) -> None:
    target = config.target
    lanes = Counter(spec.lane for spec in config.tables)
    show(console, f"{path}: no issues")
    show(console, f"  connections: {', '.join(config.connections)}")
    show(
        console,
        f"  target: {target.connection} (bronze {target.bronze_schema}, "
        f"stage {target.stage_schema}, control {target.control_schema})",
    )
    of_lanes = ", ".join(f"{lane} {lanes[lane]}" for lane in config.lanes)
    show(console, f"  tables: {len(config.tables)} ({of_lanes})")
    show(console, f"  digest: {config.digest}")
    for warning in config.warnings:
        show(console, f"warning: {warning}", style="yellow")


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
