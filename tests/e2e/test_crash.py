"""Law 7: ``kill -9`` between any two statements of a batch loses nothing.

The process is killed at every statement that it sends to either database: before the server has
it, and after the server has done it and the process does not know. Then it runs again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cdc_daemon.model.run import Status
from tests.conftest import CreateDatabase
from tests.support.kills import (
    Child,
    Chosen,
    Lane,
    Point,
    all_points,
    all_states,
    kill_at,
    points,
    promotes,
    spread,
)
from tests.support.scenarios import (
    CHANGES,
    FIRST_LOAD,
    FIRST_LOAD_AS_TEXT,
    NO_CHANGE,
    Kind,
    Scene,
    scene,
    told,
)

SIDE_BY_SIDE = 8
"""Lanes of one process."""
PROCESSES = 2


@pytest.mark.parametrize(
    ("kind", "chosen"),
    [
        pytest.param(FIRST_LOAD, all_states, id="first load"),
        pytest.param(CHANGES, all_points, id="changes"),
        pytest.param(NO_CHANGE, promotes, id="no change"),
        pytest.param(FIRST_LOAD, all_points, id="first load, all", marks=pytest.mark.long),
        pytest.param(
            FIRST_LOAD_AS_TEXT,
            all_points,
            id="first load through a load table, all",
            marks=pytest.mark.long,
        ),
        pytest.param(NO_CHANGE, all_points, id="no change, all", marks=pytest.mark.long),
    ],
)
def test_kill_between_any_two_statements(
    kind: Kind, chosen: Chosen, create_database: CreateDatabase, tmp_path: Path
) -> None:
    """After a kill at any statement and another run, all is as if there had been no kill."""
    with scene(kind, create_database, tmp_path, width=SIDE_BY_SIDE * PROCESSES) as stage:
        todo = points(stage.lanes[0], stage.template, chosen)
        with ThreadPoolExecutor(PROCESSES) as threads:
            works = [
                threads.submit(_kill_all, stage, stage.lanes[n::PROCESSES], todo[n::PROCESSES])
                for n in range(PROCESSES)
            ]
        left = [place for work in works for place in work.result()]
    assert len(left) == len(todo) > 2 * SIDE_BY_SIDE
    assert any(left)  # a killed process does leave a folder, and the next removes it


def _kill_all(stage: Scene, team: Sequence[Lane], share: Sequence[Point]) -> list[bool]:
    """Kills at each of the points; whether each left a landing folder behind."""
    left: list[bool] = []
    rounds = spread(share, len(team))
    waiting = Child()
    for n, some in enumerate(rounds):
        stops = list(zip(team, some, strict=False))
        with waiting as child:
            if n + 1 < len(rounds):
                waiting = Child()  # does its imports meanwhile
            kill_at(stops, stage.template, child)
        left += [bool(lane.landed()) for lane, _ in stops]
        asyncio.run(_all_recover(stage, stops))
    return left


async def _all_recover(stage: Scene, stops: Sequence[tuple[Lane, Point]]) -> None:
    await asyncio.gather(*(_recovers(stage, lane, point) for lane, point in stops))


async def _recovers(stage: Scene, lane: Lane, point: Point) -> None:
    statement = next(s for s in lane.proxy.statements if s.number == point.number)
    place = f"{point}: {statement.sql}"
    (outcome,) = await lane.again()
    assert (outcome.status, outcome.error) == (Status.SUCCEEDED, None), place
    history, promises = await told(stage.kind, lane.target)
    assert promises == [], place
    assert history == stage.expected, place
    assert lane.landed() == [], place
