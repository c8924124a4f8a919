"""Valid parts to one snapshot: what needs more than one section to judge is judged here.

Law: every check runs that still can; a section with issues of its own raises no others. Pure.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from types import MappingProxyType

from cdc_daemon.model.config import (
    BackoffSpec,
    ConfigSnapshot,
    ControlSpec,
    HttpSpec,
    LaneSpec,
    LoggingSpec,
    RuntimeSpec,
)
from cdc_daemon.settings.cgroup import default_budget_mb
from cdc_daemon.settings.databases import (
    connection_issues,
    connection_spec,
    connection_warnings,
    target_issues,
    target_spec,
)
from cdc_daemon.settings.digest import digest
from cdc_daemon.settings.issues import Issue, as_error
from cdc_daemon.settings.models import Runtime
from cdc_daemon.settings.parts import Parts
from cdc_daemon.settings.schedules import schedule_issues
from cdc_daemon.settings.shared_rules import rule_issues, rule_warnings, rules_of_entries
from cdc_daemon.settings.tables import table_issues, table_spec


def resolve(
    parts: Parts, *, version: int, issues: Sequence[Issue], warnings: Sequence[Issue]
) -> ConfigSnapshot:
    """Builds the snapshot.

    Args:
        parts: What validation let pass.
        version: The snapshot's number: one more with every reload.
        issues: What was found before; reported with what is found here.
        warnings: What was found before and stops nothing.

    Raises:
        ConfigError: anything is wrong; it holds every issue, sorted by file and line.
    """
    found = (
        *issues,
        *connection_issues(parts),
        *target_issues(parts),
        *table_issues(parts),
        *schedule_issues(parts),
        *rule_issues(parts),
    )
    target = parts.document.target
    if found or target is None:
        raise as_error(found)
    notices = (
        *warnings,
        *connection_warnings(parts),
        *_table_warnings(parts),
        *rule_warnings(parts),
    )
    document = parts.document
    where = target_spec(target)
    snapshot = ConfigSnapshot(
        version=version,
        digest="",
        connections=MappingProxyType(
            {name: connection_spec(name, each) for name, each in document.connections.items()}
        ),
        target=where,
        tables=tuple(
            table_spec(entry, document, where, rules)
            for entry, rules in zip(parts.tables, rules_of_entries(parts), strict=True)
        ),
        lanes=MappingProxyType(
            {name: LaneSpec(**lane) for name, lane in document.lanes.model_dump().items()}
        ),
        control=ControlSpec(**document.control.model_dump()),
        runtime=_runtime_spec(document.runtime),
        http=HttpSpec(**document.http.model_dump()),
        logging=LoggingSpec(**document.logging.model_dump()),
        warnings=tuple(str(notice) for notice in sorted(set(notices))),
    )
    return dataclasses.replace(snapshot, digest=digest(snapshot))


def _runtime_spec(runtime: Runtime) -> RuntimeSpec:
    given = runtime.model_dump(exclude={"backoff", "memory_budget_mb"})
    return RuntimeSpec(
        **given,
        memory_budget_mb=runtime.memory_budget_mb or default_budget_mb(),
        backoff=BackoffSpec(**runtime.backoff.model_dump()),
    )


def _table_warnings(parts: Parts) -> tuple[Issue, ...]:
    if parts.tables:
        return ()
    return (parts.issue(("tables",), "no table is configured", "add one under `tables:`"),)
