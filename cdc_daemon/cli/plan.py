"""``plan``: what a pass would do to each table; the flow of a run, without promote.

Writes nothing. Law 9: sample keys are digests unless asked for with ``--show-keys``.
"""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from textwrap import indent

from rich.console import Console

from cdc_daemon.bootstrap import App
from cdc_daemon.cli.configuration import configuration
from cdc_daemon.cli.failure import lines
from cdc_daemon.cli.opened import control_is_absent, opened
from cdc_daemon.cli.selection import selected
from cdc_daemon.cli.terminal import show, show_table
from cdc_daemon.control.fresh import FreshControl
from cdc_daemon.control.schema import Migration
from cdc_daemon.errors import ExitCode
from cdc_daemon.model.run import Job
from cdc_daemon.model.table import TableId
from cdc_daemon.orchestration.pipeline import Pipeline
from cdc_daemon.orchestration.plan import Plan, plan

_TITLES = ("table", "rows", "insert", "update", "reopen", "delete", "unchanged")
Result = Plan | tuple[str, ...]
"""A plan, or the lines that say why there is none."""


async def plan_tables(console: Console, args: Namespace) -> int:
    """Plan every table; one that cannot be planned stops no other (law 8).

    Raises:
        CdcError: configuration, or a target that cannot be used at all.
    """
    config = configuration(args)
    specs = selected(args.tables, config.tables)
    results: dict[TableId, Result] = {}
    async with opened(config, watched=True) as app:
        pending = await app.control.pending()
        pipelines = await _pipelines(app)
        for spec in specs:
            pipeline = pipelines[spec.id.source]
            job = Job(table=spec, config_version=config.version)
            results[spec.id] = await _planned(app, pipeline, job, show_keys=args.show_keys)
    _show_control(console, config.target.control_schema, pending)
    _show(console, results)
    failed = any(not isinstance(result, Plan) for result in results.values())
    return ExitCode.FAILURE if failed else ExitCode.OK


async def _pipelines(app: App) -> Mapping[str, Pipeline]:
    """The pipelines; a target without control tables knows nothing of any table."""
    if not await control_is_absent(app):
        return app.pipelines
    fresh = FreshControl()
    target = replace(app.target, states=fresh)
    return {
        name: replace(pipeline, target=target, batches=fresh)
        for name, pipeline in app.pipelines.items()
    }


async def _planned(app: App, pipeline: Pipeline, job: Job, *, show_keys: bool) -> Result:
    table, progress = job.table.id, app.runner.progress
    progress.started(table)
    try:
        planned = await plan(pipeline, job, progress, show_keys=show_keys)
    except Exception as error:  # noqa: BLE001 - the boundary: a bug in one table is its own
        progress.finished(table, "failed", "")
        return lines(error)
    progress.finished(table, "planned", "")
    return planned


def _show_control(console: Console, schema: str, pending: tuple[Migration, ...]) -> None:
    if pending:
        named = ", ".join(f"{each.version} {each.name}" for each in pending)
        show(console, f"control schema {schema}: pending: {named} (`cdc-daemon control plan`)")


def _show(console: Console, results: Mapping[TableId, Result]) -> None:
    plans = [result for result in results.values() if isinstance(result, Plan)]
    if plans:
        show_table(console, _TITLES, map(_row, plans))
    if not results:
        show(console, "no tables are configured")
    for table, result in results.items():
        details = list(_details(result)) if isinstance(result, Plan) else list(result)
        if details:
            show(console, f"\n{table}", style="bold")
        for line in details:
            show(console, indent(line, "  "))


def _row(planned: Plan) -> tuple[str, ...]:
    n = planned.counts
    numbers = (n.extracted, n.inserted, n.updated, n.reopened, n.deleted, n.unchanged)
    return (str(planned.table), *(f"{number:,}" for number in numbers))


def _set_apart(planned: Plan) -> Iterator[str]:
    """What would not be carried, by cause: nothing was put on record for it."""
    causes = Counter[tuple[str, str]]()
    for one in planned.rejections:
        causes[one.column or "?", one.reason] += one.rows
    for (column, reason), rows in sorted(causes.items()):
        yield f"quarantine: column {column}: {reason} ({rows:,} row(s))"
    counts = planned.counts
    if counts.filtered:
        yield f"a filter leaves out {counts.filtered:,} row(s)"
    if counts.rewritten:
        yield f"open versions rewritten in place: {counts.rewritten:,}"


def _details(planned: Plan) -> Iterator[str]:
    """What the counts do not say."""
    if planned.first_load:
        yield f"first load, key ({', '.join(planned.key)})"
    if not planned.snapshot:
        yield "the source gives no snapshot: no key would be closed as deleted"
    for line in planned.rules:
        yield f"rule: {line}"
    for line in planned.changed_rules:
        yield f"changed rule: {line}"
    yield from _set_apart(planned)
    for trip in planned.trips:
        yield f"guard {trip.guard.value} would hold the table: {trip.reason}"
    for operation, keys in planned.samples.items():
        yield f"{operation.name.lower()}, sample keys: {'; '.join(keys)}"
    for statement in planned.ddl:
        yield f"{statement};"
