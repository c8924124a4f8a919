"""Rules of transformation against catalogs: at start and after each reload, beside the work.

Law 8: it only tells. A table whose rules do not fit fails by itself, at its batch; a database that
does not answer is no issue of its tables' rules. One session a source, so that batches keep theirs.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence

import structlog

from cdc_daemon.daemon.generations import Generations
from cdc_daemon.daemon.leased import Wired
from cdc_daemon.daemon.rules import Fit, fit, idle, idle_issue
from cdc_daemon.errors import CdcError
from cdc_daemon.model.config import ConfigSnapshot
from cdc_daemon.model.table import RuleSpec, TableId, TableSpec
from cdc_daemon.observability.shapes import Vouched
from cdc_daemon.orchestration.scheduler import Snapshots


class RulesCheck:
    """Looks at tables whose rules are new to it; a service of the daemon."""

    name = "rules-check"

    def __init__(self, generations: Generations[Wired], in_force: Snapshots) -> None:
        self._generations = generations
        self._in_force = in_force
        self._asked = asyncio.Event()
        self._asked.set()
        self._seen: dict[TableId, tuple[TableSpec, Fit]] = {}
        self._told: frozenset[RuleSpec] = frozenset()
        self._log = structlog.get_logger("cdc_daemon.daemon")

    def ask(self) -> None:
        """A configuration is in force; several asks before the next look are one."""
        self._asked.set()

    async def run(self) -> None:
        """Look whenever asked."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            await self._look(self._in_force.current)

    async def _look(self, config: ConfigSnapshot) -> None:
        """What compares thousands of rules does so in a thread: the loop goes on."""
        ruled = [spec for spec in config.tables if spec.rules]
        self._seen = await asyncio.to_thread(self._seen_before, ruled)
        waiting: dict[str, list[TableSpec]] = defaultdict(list)
        for spec in ruled:
            if spec.id not in self._seen:
                waiting[spec.id.source].append(spec)
        async with asyncio.TaskGroup() as group:
            for specs in waiting.values():
                group.create_task(self._of_source(config, specs))
        if config is self._in_force.current:
            known = {table: found for table, (_, found) in self._seen.items()}
            self._tell(await asyncio.to_thread(_idle, ruled, known))

    def _seen_before(self, specs: Sequence[TableSpec]) -> dict[TableId, tuple[TableSpec, Fit]]:
        return {
            spec.id: before
            for spec in specs
            if (before := self._seen.get(spec.id)) is not None and before[0].rules == spec.rules
        }

    async def _of_source(self, config: ConfigSnapshot, specs: Sequence[TableSpec]) -> None:
        """One after the other; over as soon as another configuration is in force."""
        for spec in specs:
            if config is not self._in_force.current:
                return
            try:
                found = await self._fit(config.version, spec)
            except CdcError:  # its batch tells
                continue
            except Exception as error:  # noqa: BLE001 - the boundary: a look stops nothing (law 8)
                kind = type(error).__name__
                self._log.warning("rules not checked", table=spec.id, error_kind=kind)
                continue
            self._seen[spec.id] = (spec, found)
            for issue in found.issues:
                self._log.error("rules do not fit", table=spec.id, message=Vouched(issue))

    async def _fit(self, version: int, spec: TableSpec) -> Fit:
        async with self._generations.lease(version) as wired:
            rules = wired.rules[spec.id]
            async with wired.sources[spec.id.source].read(spec) as reading:
                table = reading.table
        return await asyncio.to_thread(fit, spec, rules, table)

    def _tell(self, found: frozenset[RuleSpec]) -> None:
        for rule in sorted(found - self._told, key=lambda rule: rule.origin):
            self._log.error("rule for no column", message=Vouched(idle_issue(rule)))
        self._told = found


def _idle(specs: Sequence[TableSpec], known: Mapping[TableId, Fit]) -> frozenset[RuleSpec]:
    return frozenset(idle(specs, known))
