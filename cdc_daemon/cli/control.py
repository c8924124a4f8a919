"""``control plan`` and ``control apply``: the migrations of the daemon's own tables."""

from __future__ import annotations

from argparse import Namespace

from rich.console import Console

from cdc_daemon.cli.configuration import configuration
from cdc_daemon.cli.opened import opened
from cdc_daemon.cli.terminal import show
from cdc_daemon.errors import ExitCode


async def control_plan(console: Console, args: Namespace) -> int:
    """Print the statements that are pending. Writes nothing.

    Raises:
        ControlSchemaError: the schema is newer than this version.
    """
    config = configuration(args)
    async with opened(config, moves_rows=False) as app:
        pending = await app.control.pending()
    show(console, _heading(config.target.control_schema, len(pending), "pending"))
    for migration in pending:
        show(console, f"\n-- {migration.version} {migration.name}", style="bold")
        for statement in migration.statements:
            show(console, f"{statement};")
    return ExitCode.OK


async def control_apply(console: Console, args: Namespace) -> int:
    """Apply what is pending, all or nothing.

    Raises:
        ControlSchemaError: the schema is newer than this version.
    """
    config = configuration(args)
    async with opened(config, moves_rows=False) as app:
        applied = await app.control.apply()
    show(console, _heading(config.target.control_schema, len(applied), "applied"))
    for migration in applied:
        show(console, f"  {migration.version} {migration.name}")
    return ExitCode.OK


def _heading(schema: str, count: int, what: str) -> str:
    if not count:
        return f"control schema {schema}: up to date"
    return f"control schema {schema}: {count} migration{'s' if count > 1 else ''} {what}"
