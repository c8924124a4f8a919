"""Law 7: a stop in good order, at any statement of a batch, leaves nothing half done.

A signal cancels the command's task (``test_cli_signals`` has the signals themselves); here that
happens while each of its statements is on its way to the server, or its answer on the way back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cdc_daemon.model.run import Status
from tests.conftest import CreateDatabase
from tests.support.child import once
from tests.support.databases import Database
from tests.support.failpoints import nth
from tests.support.histories import History
from tests.support.kills import Chosen, Lane, Point, all_points, points, promotes, spread
from tests.support.scenarios import CHANGES, FIRST_LOAD, TABLE, Kind, Scene, scene, told
from tests.support.session import Statement

SIDE_BY_SIDE = 8


def under_way(statement: Statement, point: Point) -> bool:
    """Statements that change something, cancelled before they are done."""
    return promotes(statement, point) and not point.after


@pytest.mark.parametrize(
    ("kind", "chosen"),
    [
        pytest.param(CHANGES, under_way, id="changes"),
        pytest.param(FIRST_LOAD, all_points, id="first load, all", marks=pytest.mark.long),
        pytest.param(CHANGES, all_points, id="changes, all", marks=pytest.mark.long),
    ],
)
def test_stop_at_any_statement(
    kind: Kind, chosen: Chosen, create_database: CreateDatabase, tmp_path: Path
) -> None:
    """A batch that is cancelled is history or not, is on record as ended, and holds nothing."""
    with scene(kind, create_database, tmp_path, width=SIDE_BY_SIDE) as stage:
        todo = points(stage.lanes[0], stage.template, chosen)
        assert len(todo) > 2 * SIDE_BY_SIDE
        assert asyncio.run(_stop_at_all(stage, todo)) == []


async def _stop_at_all(stage: Scene, todo: Sequence[Point]) -> list[str]:
    """What was wrong at each point where something was."""
    wrong: list[str] = []
    before = await _history(stage, stage.template)
    with ThreadPoolExecutor(SIDE_BY_SIDE) as threads:
        for some in spread(todo, SIDE_BY_SIDE):
            stops = list(zip(stage.lanes, some, strict=False))
            for lane, _ in stops:
                lane.renew(stage.template)
            found = await asyncio.gather(*(_stopped(stage, *s, threads, before) for s in stops))
            wrong += [f"{what}, {place}" for all_wrong, place in found for what in all_wrong]
    return wrong


async def _history(stage: Scene, target: Database) -> History | None:
    """None where there is no bronze table."""
    async with target.connect() as connection:
        if await connection.fetchval(f"SELECT to_regclass('bronze.src_{TABLE}')") is None:
            return None
    return (await told(stage.kind, target))[0]


async def _stopped(
    stage: Scene, lane: Lane, point: Point, threads: ThreadPoolExecutor, before: History | None
) -> tuple[list[str], str]:
    ended, statement = await _cancel_at(lane, point, threads)
    wrong = [] if ended is None else [f"ended with {ended!r}"]
    if lane.landed():
        wrong.append("left rows on disk")
    if not await _statuses(lane) <= {"cancelled", "promoted"}:
        wrong.append(f"left batches {await _statuses(lane)}")
    if await _history(stage, lane.target) not in (before, stage.expected):
        wrong.append("left half a batch")
    (outcome,) = await lane.again()
    if outcome.status is not Status.SUCCEEDED:
        wrong.append(f"went on with {outcome}")
    history, promises = await told(stage.kind, lane.target)
    if promises or history != stage.expected:
        wrong.append(f"came to another history: {promises}")
    return wrong, f"{point} of {statement.sql}"


async def _cancel_at(
    lane: Lane, point: Point, threads: ThreadPoolExecutor
) -> tuple[BaseException | None, Statement]:
    """Cancels a run while a statement is held, which then goes on; with what error it ended."""
    hold = lane.proxy.hold(nth(point.number), after=point.after)
    running = asyncio.create_task(once(lane.proxied))
    await asyncio.get_running_loop().run_in_executor(threads, hold.wait)
    running.cancel()
    await asyncio.sleep(0)
    hold.release()
    await asyncio.wait([running])
    statement = next(s for s in lane.proxy.statements if s.number == point.number)
    return None if running.cancelled() else running.exception(), statement


async def _statuses(lane: Lane) -> set[str]:
    """Of all batches there are."""
    async with lane.target.connect() as connection:
        if await connection.fetchval("SELECT to_regclass('cdc.batch')") is None:
            return set()
        rows: Sequence[tuple[str]] = await connection.fetch("SELECT status FROM cdc.batch")
        return {status for (status,) in rows}
