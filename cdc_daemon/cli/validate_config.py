"""``validate-config [--connect]``: every issue at once; with databases, every failure at once."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter

from rich.console import Console

from cdc_daemon.cli.configuration import config_path, configuration
from cdc_daemon.cli.terminal import show
from cdc_daemon.errors import ExitCode
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
    from cdc_daemon.cli.connect import connect  # noqa: PLC0415 - a check of a file needs no driver

    return await connect(console, config)


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
