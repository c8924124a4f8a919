"""``pause``, ``resume``, ``release``, ``trigger``: the operator's word, in ``table_state``.

Each change is put on record as an event, with the user who made it.
"""

from __future__ import annotations

import getpass
from argparse import Namespace
from collections.abc import Awaitable, Callable
from functools import partial

from rich.console import Console

from cdc_daemon.bootstrap import App
from cdc_daemon.cli.configuration import configuration
from cdc_daemon.cli.opened import opened
from cdc_daemon.cli.selection import named
from cdc_daemon.cli.terminal import show
from cdc_daemon.errors import ExitCode
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.event import Event
from cdc_daemon.model.guard import Guard
from cdc_daemon.model.table import TableId

Change = Callable[[App, TableState], Awaitable[str]]


async def pause(console: Console, args: Namespace) -> int:
    """Let no new batch of the tables begin."""
    return await _each(console, args, _pause)


async def resume(console: Console, args: Namespace) -> int:
    """Undo ``pause``."""
    return await _each(console, args, _resume)


async def release(console: Console, args: Namespace) -> int:
    """Let held tables run again; the guards that held them pass one batch."""
    also = frozenset({Guard.REWRITE}) if args.rewrite else frozenset[Guard]()
    return await _each(console, args, partial(_release, also))


async def trigger(console: Console, args: Namespace) -> int:
    """Ask a running daemon for a batch at once."""
    return await _each(console, args, _trigger)


async def _each(console: Console, args: Namespace, change: Change) -> int:
    """Change every table named, configured or only on record.

    Raises:
        UsageError: a table that is neither; nothing was changed.
        ControlSchemaError: the control tables are not this version's.
    """
    config = configuration(args)
    async with opened(config, moves_rows=False) as app:
        await app.control.require_current()
        known = {spec.id: None for spec in config.tables} | dict.fromkeys(await app.states.all())
        for table in named(args.tables, known):
            show(console, f"{table}: {await change(app, await app.states.state(table))}")
    return ExitCode.OK


async def _pause(app: App, state: TableState) -> str:
    if state.paused:
        return "already paused; nothing changed"
    await app.states.pause(state.table)
    await record(app, state.table, "OPERATOR_PAUSE")
    return "paused; a batch that runs is finished, no new one begins"


async def _resume(app: App, state: TableState) -> str:
    if not state.paused:
        return "not paused; nothing changed"
    await app.states.resume(state.table)
    await record(app, state.table, "OPERATOR_RESUME")
    return "resumed" + ("; still held" if state.held is not None else "")


async def _release(also: frozenset[Guard], app: App, state: TableState) -> str:
    if state.held is None:
        # releasing again would take back the guards the first release let pass
        return "not held; nothing changed"
    passed = _names(await app.states.release(state.table, also))
    await record(app, state.table, "OPERATOR_RELEASE", guards=passed, held=state.held)
    guards = f"the next batch passes: {passed}" if passed else "no guard is passed"
    return f"released; {guards}" + ("; still paused" if state.paused else "")


async def _trigger(app: App, state: TableState) -> str:
    await app.states.trigger(state.table)
    await record(app, state.table, "OPERATOR_TRIGGER")
    waits = "held" if state.held is not None else "paused" if state.paused else ""
    return "triggered" + (f"; but it is {waits}" if waits else "")


async def record(app: App, table: TableId, kind: str, **detail: str | int) -> None:
    """Put on record what an operator did, and who it was; what is empty is left out."""
    told = {name: value for name, value in detail.items() if value}
    await app.events.record(
        Event(
            run_id=app.runner.recorder.run_id,
            table=table,
            kind=kind,
            status="succeeded",
            detail={"user": _user(), **told},
        )
    )


def _user() -> str:
    """Who asks, as the environment or the system says; a container may know nobody."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return "unknown"


def _names(guards: frozenset[Guard]) -> str:
    return ", ".join(sorted(guard.value for guard in guards))
