"""``once``: one pass over the named or all tables, then exit; the code path of the daemon."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import replace

from rich.console import Console

from cdc_daemon.cli.configuration import configuration
from cdc_daemon.cli.opened import opened
from cdc_daemon.cli.selection import selected
from cdc_daemon.cli.terminal import show, show_table
from cdc_daemon.errors import ExitCode
from cdc_daemon.model.config import LaneSpec
from cdc_daemon.model.event import WHOLE_RUN
from cdc_daemon.model.run import Job, RunOutcome
from cdc_daemon.model.table import TableId
from cdc_daemon.orchestration.once import run_once
from cdc_daemon.orchestration.runner import exit_worthy

_TITLES = ("table", "status", "rows", "inserted", "updated", "reopened", "deleted", "seconds")
_SELDOM = ("rewritten", "quarantined", "filtered")
"""Counts that have a column only where some table has any."""


async def once(console: Console, args: Namespace) -> int:
    """Run it; a failure where any table failed or is held.

    Raises:
        CdcError: configuration, or a target that cannot be used at all.
    """
    config = configuration(args)
    specs = selected(args.tables, config.tables, source=args.source, lane=args.lane)
    jobs = [
        Job(
            table=spec,
            config_version=config.version,
            force=args.force,
            accepted=frozenset(args.accepted),
        )
        for spec in specs
    ]
    async with opened(config, watched=True) as app:
        await app.control.apply()
        outcomes = await run_once(jobs, app.runner, _lanes(config.lanes, args.workers))
    if console.is_terminal:
        show_outcomes(console, outcomes, [spec.id for spec in specs])
    return ExitCode.FAILURE if any(map(exit_worthy, outcomes)) else ExitCode.OK


def _lanes(lanes: Mapping[str, LaneSpec], workers: int | None) -> Mapping[str, LaneSpec]:
    if workers is None:
        return lanes
    return {name: replace(lane, workers=workers) for name, lane in lanes.items()}


def show_outcomes(
    console: Console, outcomes: Sequence[RunOutcome], order: Sequence[TableId]
) -> None:
    """A line a table in the order of the configuration, then what went wrong and what to do."""
    if not order:
        show(console, "no tables are configured")
        return
    by_table = {outcome.table: outcome for outcome in outcomes}
    ordered = [by_table[table] for table in order if table in by_table]
    seldom = [name for name in _SELDOM if any(getattr(o.counts, name, 0) for o in ordered)]
    show_table(console, (*_TITLES, *seldom), (_row(one, seldom) for one in ordered), left=2)
    for outcome in ordered:
        if outcome.error is not None:
            told = outcome.error.replace(f"{outcome.table}: ", "")
            show(console, f"{outcome.table}: {told}", style="red" if exit_worthy(outcome) else "")
            show(console, f"  remedy: {outcome.remedy or 'none needed'}")


def _row(outcome: RunOutcome, seldom: Sequence[str]) -> tuple[str, ...]:
    counts = outcome.counts
    numbers = (
        (counts.extracted, counts.inserted, counts.updated, counts.reopened, counts.deleted)
        if counts is not None
        else ()
    )
    return (
        str(outcome.table),
        "held" if outcome.held else outcome.status.value,
        *((f"{number:,}" for number in numbers) if numbers else ("",) * 5),
        f"{outcome.seconds.get(WHOLE_RUN, 0.0):.1f}",
        *(f"{getattr(counts, name, 0):,}" for name in seldom),
    )
