"""A target that goes away and comes back, on real databases (laws 1, 7 and 8)."""

from __future__ import annotations

import asyncio
import os

import pytest

from cdc_daemon.model.run import RunOutcome, Status
from tests.laws.daemons import (
    FENCE,
    NAME,
    SECONDS,
    Daemon,
    begun,
    daemons,
    lawful,
    next_run_is_right,
    nobody_holds,
    promotes_commit,
    says,
    written,
)
from tests.laws.places import ENGINES, POSTGRESQL, SQLSERVER, Place
from tests.support.failpoints import Action, Harmful, Verdict
from tests.support.session import Statement
from tests.support.sqlserver import DRIVER

pytestmark = pytest.mark.asyncio

PROMOTES_COMMIT = "COMMIT of promote"
ALL = (
    'INSERT INTO "cdc"."batch"',
    '"_valid_to" IS NULL',
    "_load",
    FENCE,
    'SET "_valid_to" = ',
    'INSERT INTO "bronze"',
    "window_state",
    "COMMIT",
    PROMOTES_COMMIT,
)
POINTS = {
    POSTGRESQL: ALL,
    SQLSERVER: (
        *ALL,
        'CREATE TABLE "stage"."_load_2"',
        *(() if os.environ.get(DRIVER) else ("(bulk rows)",)),  # other drivers copy nothing
        'INSERT INTO "stage"',
    ),
}
AT = [
    pytest.param((engine, engine), at, id=f"{engine}-{at}")
    for engine in ENGINES
    for at in POINTS[engine]
]


def gone(harm: Harmful) -> Action:
    """The target is not there any more, for anybody who comes this way, until it is healed."""

    def act(_: Statement) -> Verdict:
        harm.refuse()
        harm.cut_all()
        return Verdict.RESET

    return act


@pytest.mark.parametrize(("place", "at"), AT, indirect=["place"])
async def test_a_target_that_goes_away_and_comes_back(place: Place, at: str) -> None:
    """Laws 7 and 8: the table fails, nothing is written, and when the target is back it is right."""
    async with daemons(place, place.via) as (daemon,):
        await begun(daemon, loaded=True)
        before = await written(place)
        point = promotes_commit() if at == PROMOTES_COMMIT else says(at)
        rule = place.harm.on_statement(point, gone(place.harm))
        outcome = await _while_gone(daemon)
        assert rule.fired == 1
        assert outcome.error_kind in {"DatabaseUnavailable", "LockLost"}  # the lock went too
        assert await written(place) == before
        await nobody_holds(place.target)
        place.harm.heal()
        await daemon.succeeds()
        await lawful(daemon)


async def test_a_target_that_goes_away_after_the_commit(place: Place) -> None:
    """Laws 1 and 5: the answer was lost, the rows were not: the next run finds nothing to do."""
    async with daemons(place, place.via) as (daemon,):
        await begun(daemon, loaded=True)
        rule = place.harm.on_statement(promotes_commit(), gone(place.harm), after=True)
        await _while_gone(daemon)
        assert rule.fired == 1
        promoted = await written(place)
        await nobody_holds(place.target)
        place.harm.heal()
        await lawful(daemon)
        assert (await daemon.succeeds())[NAME].counts.opened == 0
        assert (await written(place))[:2] == promoted[:2]
        await next_run_is_right(daemon)


async def _while_gone(daemon: Daemon) -> RunOutcome:
    async with asyncio.timeout(SECONDS):
        outcome = await daemon.run()
    assert (outcome.status, outcome.held) == (Status.FAILED, False)
    assert daemon.telemetry.lost  # the end of the run could not be put on record
    return outcome


async def test_a_target_that_is_down_before_the_run(place: Place) -> None:
    """Law 8: a target that cannot be reached fails the table, not the daemon."""
    async with daemons(place, place.via) as (daemon,):
        await begun(daemon, loaded=True)
        place.harm.refuse()
        place.harm.cut_all()
        outcome = await daemon.run()
        assert (outcome.status, outcome.error_kind) == (Status.FAILED, "DatabaseUnavailable")
        place.harm.heal()
        await next_run_is_right(daemon)
