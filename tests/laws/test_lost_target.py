"""A target that goes away and comes back, on real PostgreSQL (laws 1, 7 and 8)."""

from __future__ import annotations

import asyncio

import pytest

from cdc_daemon.model.run import RunOutcome, Status
from tests.laws.daemons import (
    FENCE,
    SECONDS,
    TABLE,
    begun,
    daemons,
    lawful,
    next_run_is_right,
    written,
)
from tests.support.databases import Database
from tests.support.failpoints import Action, Verdict
from tests.support.proxy import Proxy
from tests.support.rig import Rig
from tests.support.session import Statement

pytestmark = pytest.mark.asyncio


def gone(proxy: Proxy) -> Action:
    """The target is not there any more, for anybody, until the proxy is healed."""

    def act(_: Statement) -> Verdict:
        proxy.refuse()
        proxy.cut_all()
        return Verdict.RESET

    return act


@pytest.mark.parametrize(
    "at",
    [
        'INSERT INTO "cdc"."batch"',
        '"_valid_to" IS NULL',
        "_cdc_load",
        FENCE,
        'UPDATE "bronze"',
        'INSERT INTO "bronze"',
        "window_state",
        "COMMIT",
    ],
)
async def test_a_target_that_goes_away_and_comes_back(
    source_db: Database, target_db: Database, target_proxy: Proxy, at: str
) -> None:
    """Laws 7 and 8: the table fails, nothing is written, and when the target is back it is right."""
    via = target_db.through(target_proxy.port)
    async with daemons(source_db, target_db, via) as (rig,):
        await begun(rig, loaded=True)
        before = await written(rig)
        rule = target_proxy.on_statement(at, gone(target_proxy))
        outcome = await _while_gone(rig)
        assert rule.fired == 1
        assert outcome.error_kind in {"DatabaseUnavailable", "LockLost"}  # the lock went too
        assert await written(rig) == before
        target_proxy.heal()
        await rig.succeeds()
        await lawful(rig)


async def test_a_target_that_goes_away_after_the_commit(
    source_db: Database, target_db: Database, target_proxy: Proxy
) -> None:
    """Laws 1 and 5: the answer was lost, the rows were not: the next run finds nothing to do."""
    via = target_db.through(target_proxy.port)
    async with daemons(source_db, target_db, via) as (rig,):
        await begun(rig, loaded=True)
        marked: list[Statement] = []
        target_proxy.on_statement("status = 'promoted'", marked.append)
        target_proxy.on_statement(
            lambda s: bool(marked) and s.connection == marked[0].connection and s.sql == "COMMIT;",
            gone(target_proxy),
            after=True,
        )
        await _while_gone(rig)
        await lawful(rig)
        promoted = await written(rig)
        target_proxy.heal()
        assert (await rig.succeeds())[TABLE].counts.opened == 0
        assert (await written(rig))[:2] == promoted[:2]


async def _while_gone(rig: Rig) -> RunOutcome:
    async with asyncio.timeout(SECONDS):
        outcome = await rig.run()
    assert (outcome.status, outcome.held) == (Status.FAILED, False)
    assert rig.telemetry.lost  # the end of the run could not be put on record
    return outcome


async def test_a_target_that_is_down_before_the_run(
    source_db: Database, target_db: Database, target_proxy: Proxy
) -> None:
    """Law 8: a target that cannot be reached fails the table, not the daemon."""
    via = target_db.through(target_proxy.port)
    async with daemons(source_db, target_db, via) as (rig,):
        await begun(rig, loaded=True)
        target_proxy.refuse()
        target_proxy.cut_all()
        outcome = await rig.run()
        assert (outcome.status, outcome.error_kind) == (Status.FAILED, "DatabaseUnavailable")
        target_proxy.heal()
        await next_run_is_right(rig)
