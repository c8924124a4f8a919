"""``quarantine list|show|purge``: what is on record of rows that could not be carried.

Law 9: keys by their digests, never by their values. The JSON documents, whose field names stay;
instants are ISO 8601 in UTC, null where there is none:

    list   causes[]   what is open, by table, column and reason: table, source, schema, name,
                      column (null: the database did not tell), reason, entries, rows,
                      first_seen_at, last_seen_at
    show   table      source.schema.name
           entries[]  newest first: number, key_digest (null: the key is unknown), column, reason,
                      rows, first_batch_id, last_batch_id, first_seen_at, last_seen_at,
                      resolved_at (null while open)
           more       whether there are others beyond --limit
"""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from rich.console import Console

from cdc_daemon.bootstrap import App
from cdc_daemon.cli.configuration import configuration
from cdc_daemon.cli.opened import opened
from cdc_daemon.cli.operator import record
from cdc_daemon.cli.selection import named
from cdc_daemon.cli.terminal import show, show_table
from cdc_daemon.control.recording import digits
from cdc_daemon.errors import ExitCode
from cdc_daemon.model.rejection import Quarantined
from cdc_daemon.model.table import TableId
from cdc_daemon.ports.quarantine import Cause, QuarantineDesk

_CAUSE_TITLES = ("table", "column", "reason", "entries", "rows", "first seen", "last seen")
_ENTRY_TITLES = (
    *("number", "key digest", "column", "reason", "rows", "first batch", "last batch"),
    *("first seen", "last seen", "resolved"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Desk:
    """The application, what it has in quarantine, and the tables that can be named."""

    app: App
    quarantine: QuarantineDesk
    known: tuple[TableId, ...]


@asynccontextmanager
async def _desk(args: Namespace) -> AsyncIterator[_Desk]:
    """Tables are configured, or on record only.

    Raises:
        ControlSchemaError: the control tables are not this version's.
    """
    config = configuration(args)
    async with opened(config) as app:
        await app.control.require_current()
        known = [spec.id for spec in config.tables]
        known += sorted({*await app.states.all(), *await app.quarantine.tables()})
        yield _Desk(app=app, quarantine=app.quarantine, known=tuple(dict.fromkeys(known)))


async def list_causes(console: Console, args: Namespace) -> int:
    """What is open, of all tables or those that are named.

    Raises:
        UsageError: a table that is neither configured nor on record.
    """
    async with _desk(args) as desk:
        wanted = named(args.tables, desk.known) if args.tables else desk.known
        causes = [one for one in await desk.quarantine.summary() if one.table in wanted]
    if args.json:
        show(console, json.dumps({"causes": [_cause(one) for one in causes]}, indent=2))
    elif causes:
        show_table(console, _CAUSE_TITLES, map(_cause_row, causes), left=3)
    else:
        show(console, "nothing is in quarantine")
    return ExitCode.OK


async def show_entries(console: Console, args: Namespace) -> int:
    """The entries of one table.

    Raises:
        UsageError: the table is neither configured nor on record.
    """
    async with _desk(args) as desk:
        (table,) = named((args.table,), desk.known)
        found = await desk.quarantine.entries(table, args.limit + 1, resolved=args.all)
    entries, more = found[: args.limit], len(found) > args.limit
    if args.json:
        told = {"table": str(table), "entries": [_entry(one) for one in entries], "more": more}
        show(console, json.dumps(told, indent=2))
    elif entries:
        show_table(console, _ENTRY_TITLES, map(_entry_row, entries), left=4)
        if more:
            show(console, f"there are more than {args.limit:,}; --limit N shows them")
    else:
        show(console, f"{table}: nothing is in quarantine")
    return ExitCode.OK


async def purge(console: Console, args: Namespace) -> int:
    """Delete entries; each table of which some were is put on record.

    Raises:
        UsageError: a table that is neither configured nor on record; nothing was deleted.
    """
    async with _desk(args) as desk:
        with_entries = sorted(await desk.quarantine.tables())
        tables = named(args.tables, desk.known) if args.tables else with_entries
        total = 0
        for table in tables:
            deleted = await desk.quarantine.purge(table, resolved_only=not args.open)
            if deleted:
                which = "open and resolved" if args.open else "resolved"
                await record(
                    desk.app, table, "OPERATOR_QUARANTINE_PURGE", deleted=deleted, entries=which
                )
                show(console, f"{table}: {deleted:,}")
            total += deleted
    show(console, f"{total:,} {'entry' if total == 1 else 'entries'} purged")
    return ExitCode.OK


def _cause(cause: Cause) -> dict[str, object]:
    return {
        "table": str(cause.table),
        "source": cause.table.source,
        "schema": cause.table.schema,
        "name": cause.table.name,
        "column": cause.column,
        "reason": cause.reason,
        "entries": cause.entries,
        "rows": cause.rows,
        "first_seen_at": cause.first_seen.isoformat(),
        "last_seen_at": cause.last_seen.isoformat(),
    }


def _cause_row(cause: Cause) -> tuple[str, ...]:
    return (
        str(cause.table),
        cause.column or "",
        cause.reason,
        f"{cause.entries:,}",
        f"{cause.rows:,}",
        _short(cause.first_seen),
        _short(cause.last_seen),
    )


def _entry(entry: Quarantined) -> dict[str, object]:
    key = entry.rejection.key
    return {
        "number": entry.number,
        "key_digest": None if key is None else digits(key),
        "column": entry.rejection.column,
        "reason": entry.rejection.reason,
        "rows": entry.rejection.rows,
        "first_batch_id": entry.first_batch,
        "last_batch_id": entry.last_batch,
        "first_seen_at": entry.first_seen.isoformat(),
        "last_seen_at": entry.last_seen.isoformat(),
        "resolved_at": None if entry.resolved is None else entry.resolved.isoformat(),
    }


def _entry_row(entry: Quarantined) -> tuple[str, ...]:
    key = entry.rejection.key
    return (
        str(entry.number),
        "unknown" if key is None else digits(key),
        entry.rejection.column or "",
        entry.rejection.reason,
        f"{entry.rejection.rows:,}",
        str(entry.first_batch),
        str(entry.last_batch),
        _short(entry.first_seen),
        _short(entry.last_seen),
        "" if entry.resolved is None else _short(entry.resolved),
    )


def _short(instant: datetime) -> str:
    return instant.isoformat(timespec="seconds")
