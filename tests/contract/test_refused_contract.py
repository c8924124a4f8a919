"""Rows that a target does not take: found by trying, set apart, and never the end of a table."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from math import nan

import pytest
import pytest_asyncio

from cdc_daemon.cdc.row_hash import key_digest
from cdc_daemon.errors import GuardTripped, RowRefused
from cdc_daemon.extract.landing import LandingArea
from cdc_daemon.load import isolate
from cdc_daemon.memory.source import MemoryTable
from cdc_daemon.model.change import Counts
from cdc_daemon.model.guard import Guard
from cdc_daemon.model.run import Job
from cdc_daemon.schema.types import Float, Integer, Text
from tests.contract.engines.base import Engine, Row, Shape, Specs
from tests.contract.engines.flow import Flow, Silent
from tests.factories import make_frame

pytestmark = pytest.mark.asyncio

SHAPE = Shape(types={"id": Integer(64), "t": Text(), "x": Float(64)}, key=("id",))
SECOND = timedelta(seconds=1)
REFUSED = {"postgresql": ("a\0b", 1.0, "refused_22021"), "sqlserver": ("b", nan, "no_such_value")}
"""Values that the engine does not have, and the reason that is told; memory has all of them."""


@dataclass(slots=True)
class Trying:
    """A table of three columns into one engine."""

    flow: Flow
    bad: tuple[str, float]
    reason: str

    def row(self, key: int) -> Row:
        """One that is refused."""
        return (key, *self.bad)

    async def run(self, rows: Sequence[Row]) -> Counts:
        """A batch, by all the steps of a run."""
        flow = self.flow
        flow.target.clock += SECOND
        frame = make_frame(flow.table.columns, rows)
        flow.source.tables[flow.spec.id] = MemoryTable(flow.table, frame)
        return (await flow.pipeline.run(Job(table=flow.spec), Silent())).counts

    async def kept(self) -> dict[int, str]:
        """What holds now, by key."""
        return {row[0]: row[1] for row in await self.flow.open_rows()}

    async def quarantined(self) -> dict[int | None, str]:
        """Reasons by key digest."""
        found = await self.flow.pipeline.quarantine.open(self.flow.spec.id)
        return {one.rejection.key: one.rejection.reason for one in found}

    def digests(self, *keys: int) -> dict[int, str]:
        """As ``quarantined`` has them."""
        frame = make_frame(self.flow.table.columns, [(key, "", 0.0) for key in keys])
        found = key_digest(frame, self.flow.table.key_columns)
        return dict.fromkeys(found.to_list(), self.reason)


@pytest_asyncio.fixture
async def trying(engine: Engine, specs: Specs, tmp_path) -> AsyncIterator[Trying | None]:
    """None where the engine takes everything."""
    landings = LandingArea(str(tmp_path))
    if engine.name in REFUSED:
        *bad, reason = REFUSED[engine.name]
        flow = Flow.over(engine, specs.fresh(), landings, SHAPE)
        yield Trying(flow, (bad[0], bad[1]), reason)
    else:
        yield None
    landings.close()


async def test_a_first_load_leaves_out_what_the_target_does_not_take(trying: Trying | None) -> None:
    """Law 6: with its reason, by its key; every other row is there."""
    if trying is None:
        return
    rows = [(n, f"row {n}", 0.5) if n % 40 else trying.row(n) for n in range(1, 101)]
    counts = await trying.run(rows)
    assert (counts.extracted, counts.inserted, counts.quarantined) == (100, 98, 2)
    assert await trying.kept() == {n: f"row {n}" for n in range(1, 101) if n % 40}
    assert await trying.quarantined() == trying.digests(40, 80)


async def test_a_batch_leaves_versions_open_that_it_cannot_replace(trying: Trying | None) -> None:
    """Law 10: nothing is closed for a row that cannot be opened; others change as they should."""
    if trying is None:
        return
    await trying.run([(1, "one", 0.5), (2, "two", 0.5), (3, "three", 0.5)])
    counts = await trying.run([trying.row(1), (2, "TWO", 0.5), trying.row(4)])
    assert (counts.updated, counts.deleted, counts.quarantined) == (1, 1, 2)
    assert await trying.kept() == {1: "one", 2: "TWO"}
    assert await trying.quarantined() == trying.digests(1, 4)
    assert (await trying.run([(1, "one", 0.5), (2, "TWO", 0.5)])).unchanged == 2
    assert await trying.quarantined() == {}


async def test_too_many_of_them_are_an_accident(trying: Trying | None) -> None:
    """The guard holds the table; what was found is on record."""
    if trying is None:
        return
    spec = trying.flow.spec
    limits = replace(spec.guards, min_rows=3, max_quarantine_share=0.5)
    trying.flow.spec = replace(spec, guards=limits)
    await trying.run([(1, "one", 0.5)])
    with pytest.raises(GuardTripped) as caught:
        await trying.run([trying.row(1), trying.row(2), (3, "three", 0.5)])
    assert caught.value.guards == (Guard.QUARANTINE.value,)
    assert await trying.kept() == {1: "one"}
    assert len(await trying.quarantined()) == 2


async def test_where_all_are_refused_the_search_ends(
    trying: Trying | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond so many it is not the rows that are bad: the error is told as it is."""
    if trying is None:
        return
    monkeypatch.setattr(isolate, "MOST", 20)
    with pytest.raises(RowRefused):
        await trying.run([trying.row(n) for n in range(30)])
    assert await trying.kept() == {}
