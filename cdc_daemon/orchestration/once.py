"""One pass over many tables: every lane with its workers, side by side."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from cdc_daemon.model.config import LaneSpec
from cdc_daemon.model.run import Job, RunOutcome
from cdc_daemon.ports.runner import Runner


async def run_once(
    jobs: Iterable[Job], runner: Runner, lanes: Mapping[str, LaneSpec]
) -> tuple[RunOutcome, ...]:
    """Run every job once; a full lane never delays another. Outcomes as they came."""
    waiting: dict[str, list[Job]] = defaultdict(list)
    for job in jobs:
        waiting[job.table.lane].append(job)
    outcomes: list[RunOutcome] = []
    async with asyncio.TaskGroup() as group:
        for lane, mine in waiting.items():
            rest = iter(mine)
            for n in range(min(lanes[lane].workers, len(mine))):
                group.create_task(_work(rest, runner, outcomes), name=f"{lane}-{n}")
    return tuple(outcomes)


async def _work(jobs: Iterator[Job], runner: Runner, outcomes: list[RunOutcome]) -> None:
    for job in jobs:
        outcomes.append(await runner.run(job))
