"""The demo from the first batch to the proof, over databases that are there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cdc_daemon.bootstrap import App
from cdc_daemon.cli.demo_shop import queries
from cdc_daemon.cli.demo_shop.play import Act, play, verify
from cdc_daemon.cli.demo_shop.show import Teller
from cdc_daemon.cli.demo_shop.story import WAREHOUSE
from cdc_daemon.cli.opened import opened
from cdc_daemon.model.config import LoggingSpec
from cdc_daemon.settings.load import load


async def tell(config: Path, teller: Teller) -> bool:
    """Play the story and show it as it goes; whether all that was shown has been found true.

    Raises:
        CdcError: a database was lost.
    """
    snapshot = load(config, {})  # the reader's own variables have no say in the demo
    # a line for each batch would say again what the tables show
    async with opened(replace(snapshot, logging=LoggingSpec(level="ERROR"))) as wired:
        acts: list[Act] = []
        async for act in play(wired):
            teller.act(act)
            if act.failures:
                teller.failed(act)
                return False
            acts.append(act)
        return await _looked_back(wired, tuple(acts), teller)


async def _looked_back(wired: App, acts: tuple[Act, ...], teller: Teller) -> bool:
    warehouse = wired.databases[WAREHOUSE]
    teller.history(await queries.ask(warehouse, queries.HISTORY))
    first, second = (queries.TIME_TRAVEL.format(at=act.at) for act in acts[:2])
    answers = (
        ("batch 1", await queries.ask(warehouse, first)),
        ("batch 2", await queries.ask(warehouse, second)),
        ("now", await queries.ask(warehouse, queries.NOW)),
    )
    teller.time_travel(first, answers)
    teller.feed(await queries.ask(warehouse, queries.FEED))
    return teller.proof(acts, await verify(wired, acts))
