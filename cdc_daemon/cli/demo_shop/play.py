"""Plays the story: the shop changes, then every table runs one batch, as `once` runs it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from cdc_daemon.bootstrap import App
from cdc_daemon.cli.demo_shop.check import Rows, differences, expected
from cdc_daemon.cli.demo_shop.queries import as_of, held
from cdc_daemon.cli.demo_shop.story import CHAPTERS, SOURCE, TABLES, WAREHOUSE, Chapter
from cdc_daemon.model.change import Counts
from cdc_daemon.model.run import Job, RunOutcome, Status
from cdc_daemon.orchestration.once import run_once


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One chapter with its batches; by table, in the order of the story."""

    number: int
    chapter: Chapter
    held: Mapping[str, Rows]
    """What the shop held when it was read."""
    expected: Mapping[str, Counts]
    """What the batches should have counted."""
    outcomes: Mapping[str, RunOutcome]
    at: datetime
    """After these batches and before the next change, by the warehouse's clock."""

    @property
    def failures(self) -> tuple[RunOutcome, ...]:
        """Batches that did not become history."""
        return tuple(o for o in self.outcomes.values() if o.status is not Status.SUCCEEDED)

    @property
    def miscounted(self) -> tuple[str, ...]:
        """Tables whose batch counted something else than the shop shows."""
        return tuple(n for n, counts in self.expected.items() if self.outcomes[n].counts != counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Bronze as of one act, against what the shop held then."""

    act: int
    table: str
    rows: int
    differences: int


async def play(app: App) -> AsyncIterator[Act]:
    """Each act as soon as it is over.

    Raises:
        CdcError: a database cannot be reached; batches that fail are in the act instead.
    """
    await app.control.apply()
    before: dict[str, list[Rows]] = {table.name: [] for table in TABLES}
    for number, chapter in enumerate(CHAPTERS, 1):
        async with app.databases[SOURCE].transaction() as session:
            await session.execute(chapter.sql)
        now = {table.name: await held(app.databases[SOURCE], table) for table in TABLES}
        jobs = [Job(table=spec) for spec in app.config.tables]
        came = {o.table.name: o for o in await run_once(jobs, app.runner, app.config.lanes)}
        yield Act(
            number=number,
            chapter=chapter,
            held=now,
            expected={t.name: expected(t, before[t.name], now[t.name]) for t in TABLES},
            outcomes={table.name: came[table.name] for table in TABLES},
            at=await app.target.now(),
        )
        for name, rows in now.items():
            before[name].append(rows)


async def verify(app: App, acts: tuple[Act, ...]) -> tuple[Verdict, ...]:
    """Law 4, from the end of the story: bronze as of every act, row by row."""
    found = []
    for table in TABLES:
        for act in acts:
            rows = act.held[table.name]
            bronze = await as_of(app.databases[WAREHOUSE], table, act.at)
            found.append(
                Verdict(
                    act=act.number,
                    table=table.name,
                    rows=len(rows),
                    differences=differences(rows, bronze),
                )
            )
    return tuple(found)
