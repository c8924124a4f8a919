"""``status [TABLE] [--json]``: what is known of each table, by the target's clock.

The JSON document, whose field names stay; instants are ISO 8601 in UTC, null where unknown:

    now                 the target's clock
    tables[]            configured tables in their order, then others on record
      table             source.schema.name; also as source, schema, name
      configured        whether the configuration still has it
      lane              null where it is not configured; so is schedule
      schedule          "every 15m", "cron 0 2 * * * Europe/Berlin"
      last_batch        the last attempt: batch_id, status (running, promoted, failed, skipped,
                        cancelled, abandoned), error_kind, read_at, finished_at, extracted,
                        inserted, updated, reopened, deleted, unchanged, rewritten, quarantined,
                        filtered; null before the first
      last_success_at   when the last batch was promoted
      lag_seconds       now less last_success_at
      rows              rows the last promoted batch read
      quarantined       of these, rows that it could not carry
      open_versions     keys that are there now
      due, due_at       whether, and from when on, a scheduler would run it: by schedule, after
                        failures by backoff, never in a blackout; null where it would not
      held              whether it runs no more until it is released
      held_reason, held_at, held_guards[]
      accepted_guards[] guards the next batch may pass, once
      paused            whether an operator stopped it
      failures          attempts that failed since the last success
"""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.console import Console

from cdc_daemon.bootstrap import App
from cdc_daemon.cli.configuration import configuration
from cdc_daemon.cli.opened import control_is_absent, opened
from cdc_daemon.cli.selection import named
from cdc_daemon.cli.table_status import TableStatus, table_status
from cdc_daemon.cli.terminal import show, show_table
from cdc_daemon.control.status import ControlStatus, Records
from cdc_daemon.errors import ExitCode
from cdc_daemon.model.config import ConfigSnapshot
from cdc_daemon.observability.durations import duration
from cdc_daemon.orchestration.held import remedy_of_hold

_TITLES = ("table", "state", "batch", "last success", "lag", "rows", "open", "due", "failures")
_WORDS = 4


async def status(console: Console, args: Namespace) -> int:
    """Show all tables, or the one that is named.

    Raises:
        UsageError: the table is neither configured nor on record.
        ControlSchemaError: the control tables are not this version's.
    """
    config = configuration(args)
    async with opened(config, moves_rows=False) as app:
        records = await _records(app)
    shown = tuple(_statuses(config, records))
    if args.tables is not None:
        wanted = named((args.tables,), (each.table for each in shown))
        shown = tuple(each for each in shown if each.table in wanted)
    if args.json:
        document = {"now": records.now.isoformat(), "tables": [each.document() for each in shown]}
        show(console, json.dumps(document, indent=2))
    else:
        _show(console, shown)
    return ExitCode.OK


async def _records(app: App) -> Records:
    control = ControlStatus(app.states)
    if await control_is_absent(app):
        return Records(now=await control.now(), tables={})
    await app.control.require_current()
    return await control.read()


def _statuses(config: ConfigSnapshot, records: Records) -> Iterator[TableStatus]:
    specs = {spec.id: spec for spec in config.tables}
    for table in (*specs, *sorted(records.tables.keys() - specs.keys())):
        yield table_status(
            table,
            specs.get(table),
            records.tables.get(table),
            backoff=config.runtime.backoff,
            now=records.now,
        )


def _show(console: Console, shown: Sequence[TableStatus]) -> None:
    if not shown:
        show(console, "no tables are configured, and none is on record")
        return
    show_table(console, _TITLES, map(_row, shown), left=_WORDS)
    for each in shown:
        if each.record.state.held is not None:
            reason = each.record.state.held.removeprefix(f"{each.table}: ")
            show(console, f"{each.table} is held: {reason}", style="red")
            remedy = remedy_of_hold(each.table, each.record.state.held_guards)
            show(console, f"  remedy: {remedy}")
        if each.record.quarantined:
            count = f"{each.record.quarantined:,} row{'s' * (each.record.quarantined > 1)}"
            show(console, f"{each.table}: {count} in quarantine", style="yellow")
            show(console, f"  which: `cdc-daemon quarantine show {each.table}`")
        if not each.configured:
            show(console, f"{each.table}: no longer configured")


def _row(each: TableStatus) -> tuple[str, ...]:
    record, last = each.record, each.record.last
    return (
        str(each.table),
        each.word,
        "none yet" if last is None else f"{last.batch_id} {last.status}",
        _instant(record.state.last_success) or "never",
        _duration(each.lag_seconds),
        "" if record.rows is None else f"{record.rows:,}",
        f"{record.state.open_versions:,}",
        "now" if each.due else _duration(each.seconds_to_due),
        str(record.state.failures or ""),
    )


def _instant(instant: datetime | None) -> str | None:
    return None if instant is None else instant.isoformat(timespec="seconds")


def _duration(seconds: float | None) -> str:
    return "" if seconds is None else duration(seconds)
