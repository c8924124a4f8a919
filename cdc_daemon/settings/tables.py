"""Configured tables to table specifications, every default filled in. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from cdc_daemon.model.config import TargetSpec
from cdc_daemon.model.guard import GuardLimits
from cdc_daemon.model.table import QualifiedName, RuleChange, RuleSpec, Strategy, TableId, TableSpec
from cdc_daemon.settings.databases import connection_remedy
from cdc_daemon.settings.issues import Issue, did_you_mean
from cdc_daemon.settings.models import Document, Lanes
from cdc_daemon.settings.names import bronze_name, clash_issues, name_issues
from cdc_daemon.settings.parts import Parts, TableEntry
from cdc_daemon.settings.schedules import timing

_SUPPORTED_STRATEGIES = tuple(strategy.value for strategy in Strategy)


def table_spec(
    entry: TableEntry, document: Document, target: TargetSpec, rules: tuple[RuleSpec, ...]
) -> TableSpec:
    """One table with what it inherits; the entry must be free of issues."""
    table, defaults = entry.table, document.defaults
    name = bronze_name(table)
    given = {
        **defaults.guards.model_dump(exclude_unset=True),
        **table.guards.model_dump(exclude_unset=True),
    }
    return TableSpec(
        id=TableId(table.source, table.schema_, table.name),
        bronze=QualifiedName(target.bronze_schema, name),
        stage=QualifiedName(target.stage_schema, name),
        key=table.key or (),
        strategy=Strategy(table.strategy),
        lane=table.lane or defaults.lane,
        timing=timing(table, document),
        exclude_columns=table.exclude_columns,
        guards=GuardLimits(**given),
        max_batch_rows=table.max_batch_rows or defaults.max_batch_rows,
        rules=rules,
        on_rule_change=RuleChange(table.on_rule_change or defaults.on_rule_change),
    )


def table_issues(parts: Parts) -> Iterator[Issue]:
    """What is wrong with valid tables: alone, with other sections, with each other."""
    lanes = tuple(Lanes.model_fields)
    if parts.document.defaults.lane not in lanes:
        yield parts.issue(
            ("defaults", "lane"),
            f"there is no lane '{parts.document.defaults.lane}'",
            did_you_mean(parts.document.defaults.lane, lanes),
        )
    known = parts.connection_names()
    for entry in parts.tables:
        if entry.table.source not in known and not parts.is_broken("connections"):
            yield entry.issue(
                "source",
                f"there is no connection '{entry.table.source}'",
                connection_remedy(entry.table.source, known),
            )
        lane = entry.table.lane
        if lane is not None and lane not in lanes:
            yield entry.issue("lane", f"there is no lane '{lane}'", did_you_mean(lane, lanes))
        yield from _own_issues(entry)
        yield from name_issues(entry)
    yield from clash_issues(parts.tables)


def _own_issues(entry: TableEntry) -> Iterator[Issue]:
    table = entry.table
    if table.strategy not in _SUPPORTED_STRATEGIES:
        yield entry.issue(
            "strategy",
            f"{table.strategy} is not supported in this version",
            f"this version reads tables with the strategy {', '.join(_SUPPORTED_STRATEGIES)}",
        )
    for column in table.key or ():
        if column in table.exclude_columns:
            yield entry.issue(
                "exclude_columns",
                f"excludes the key column '{column}'",
                "keep it, or choose another `key:`",
            )
