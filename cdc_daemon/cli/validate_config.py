"""``validate-config [--connect]``: every issue at once; with databases, every failure at once."""

from __future__ import annotations

import os
from argparse import Namespace
from collections import Counter

from rich.console import Console

from cdc_daemon.cli.configuration import config_path, configuration
from cdc_daemon.cli.terminal import show
from cdc_daemon.errors import ConfigError, ExitCode
from cdc_daemon.model.config import ConfigSnapshot
from cdc_daemon.secrets.resolver import resolve


async def validate_config(console: Console, args: Namespace) -> int:
    """Judge the configuration; ask every database for its version where that is wanted.

    Raises:
        ConfigError: with every issue, each with file and line.
    """
    config = configuration(args)
    missing = _missing_secrets(config)
    _show(console, str(config_path(args)), config)
    if not args.connect:
        for one in missing:
            show(console, f"warning: {one}", style="yellow")
        return ExitCode.OK
    from cdc_daemon.cli.connect import connect  # noqa: PLC0415 - a check of a file needs no driver

    return await connect(console, config, missing)


def _missing_secrets(config: ConfigSnapshot) -> tuple[str, ...]:
    """Secrets of transformation that this machine does not have.

    Raises:
        ConfigError: one that it has is not fit for its rule.
    """
    if not any(spec.rules for spec in config.tables):
        return ()
    from cdc_daemon.transformation.tables import rules_of_tables  # noqa: PLC0415 - few have rules

    rules = rules_of_tables(config.tables, lambda reference: resolve(reference, os.environ))
    if rules.refused:
        raise ConfigError(rules.refused)
    return rules.missing


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
