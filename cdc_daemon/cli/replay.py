"""``quarantine replay``: rows in quarantine are read again, and go the ordinary way.

Nothing else of their tables is touched: no other row is compared, and none is taken for deleted.
"""

from __future__ import annotations

from argparse import Namespace

from rich.console import Console

from cdc_daemon.bootstrap import App
from cdc_daemon.cli.configuration import configuration
from cdc_daemon.cli.once import show_outcomes
from cdc_daemon.cli.opened import opened
from cdc_daemon.cli.operator import record
from cdc_daemon.cli.selection import selected
from cdc_daemon.cli.terminal import show
from cdc_daemon.errors import ExitCode
from cdc_daemon.model.run import Job, RunOutcome
from cdc_daemon.model.table import TableId, TableSpec
from cdc_daemon.model.window import REPLAY
from cdc_daemon.orchestration.runner import exit_worthy


async def replay(console: Console, args: Namespace) -> int:
    """Read them again, table by table; a failure where one cannot be read, or is held.

    Raises:
        UsageError: a table that is not configured; nothing was read.
        ControlSchemaError: the control tables are not this version's.
    """
    config = configuration(args)
    specs = selected(args.tables, config.tables)
    outcomes: list[RunOutcome] = []
    left: dict[TableId, int] = {}
    async with opened(config, watched=True) as app:
        await app.control.require_current()
        for spec in specs:
            keys, unknown = await _keys(app, spec)
            if keys:
                job = Job(table=spec, config_version=config.version, window=REPLAY, replay=keys)
                outcomes.append(await app.runner.run(job))
                await record(app, spec.id, "OPERATOR_QUARANTINE_REPLAY", entries=str(len(keys)))
            if unknown:
                left[spec.id] = unknown
    if outcomes:
        show_outcomes(console, outcomes, [outcome.table for outcome in outcomes])
    else:
        show(console, "nothing to replay")
    for table, rows in left.items():
        show(console, f"{table}: of {rows:,} rows the key is unknown: `once` reads them again")
    return ExitCode.FAILURE if any(map(exit_worthy, outcomes)) else ExitCode.OK


async def _keys(app: App, spec: TableSpec) -> tuple[frozenset[int], int]:
    """Digests of the keys in quarantine, and the rows there whose keys are unknown."""
    entries = [entry.rejection for entry in await app.quarantine.open(spec.id)]
    keys = frozenset(one.key for one in entries if one.key is not None)
    return keys, sum(one.rows for one in entries if one.key is None)
