"""Rules of transformation, as ``validate-config`` judges them: their secrets, their tables."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from cdc_daemon.bootstrap import App
from cdc_daemon.daemon.rules import Fit, fit, idle, idle_issue
from cdc_daemon.errors import CdcError, ExitCode, SchemaError
from cdc_daemon.model.config import ConfigSnapshot
from cdc_daemon.model.secret import SecretRef
from cdc_daemon.model.table import TableId, TableSpec
from cdc_daemon.transformation.tables import rules_of_tables

SESSIONS = 4
"""Catalogs of one source that are read at once."""
_PLACEHOLDER = "whether rules fit is no matter of secrets"


@dataclass(frozen=True, slots=True)
class Findings:
    """What the catalogs say."""

    issues: tuple[str, ...] = ()
    """What is wrong with the configuration."""
    errors: Mapping[TableId, CdcError] = field(default_factory=dict)
    """Tables whose catalog could not be read."""

    @property
    def exit_code(self) -> int:
        """Of the worst error."""
        return max((error.exit_code for error in self.errors.values()), default=ExitCode.OK)


async def checked_rules(app: App, silent: frozenset[str]) -> Findings:
    """Every table that has rules, but those of ``silent`` connections, which did not answer."""
    rules = rules_of_tables(app.config.tables, _placeholder).of
    asked = [spec for spec in app.config.tables if spec.rules and spec.id.source not in silent]
    places = {name: asyncio.Semaphore(SESSIONS) for name in app.sources}

    async def look(spec: TableSpec) -> Fit | CdcError:
        try:
            async with places[spec.id.source], app.sources[spec.id.source].read(spec) as reading:
                table = reading.table
            return await asyncio.to_thread(fit, spec, rules[spec.id], table)
        except CdcError as error:
            return error

    answers = dict(
        zip((spec.id for spec in asked), await asyncio.gather(*map(look, asked)), strict=True)
    )
    return Findings(
        issues=tuple(_issues(app.config, answers)),
        errors={
            table: answer
            for table, answer in answers.items()
            if isinstance(answer, CdcError) and not isinstance(answer, SchemaError)
        },
    )


def _issues(config: ConfigSnapshot, answers: Mapping[TableId, Fit | CdcError]) -> Iterator[str]:
    known = {table: answer for table, answer in answers.items() if isinstance(answer, Fit)}
    for table, answer in answers.items():
        if isinstance(answer, Fit):
            yield from (f"{table}: {issue}" for issue in answer.issues)
        elif isinstance(answer, SchemaError):  # it names the table
            yield str(answer)
    yield from map(idle_issue, idle(config.tables, known))


def _placeholder(_: SecretRef) -> str:
    return _PLACEHOLDER
