"""A target that refuses rows: a first load begins once more, and what cannot be found is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import pytest

from cdc_daemon.errors import RowRefused
from cdc_daemon.extract.landing import LandingArea
from cdc_daemon.load.changes import opening_rows
from cdc_daemon.memory.control import MemoryControl
from cdc_daemon.memory.source import MemorySource, MemoryTable
from cdc_daemon.memory.target import MemoryTarget
from cdc_daemon.model.change import POSITION
from cdc_daemon.model.run import Job
from cdc_daemon.model.table import RuleSpec
from cdc_daemon.ports.target import Refusal
from cdc_daemon.transformation.configured import built
from tests.contract.engines.flow import Silent, pipeline
from tests.factories import make_frame, make_spec, make_table

pytestmark = pytest.mark.asyncio
TABLE = make_table()
GOOD = tuple((n, f"p{n:02}@x.org") for n in range(20))
BAD, WORSE = (30, "bad@x.org"), (31, "cad@x.org")
REJECTED = (32, "no address")
MASKED_BAD, MASKED_WORSE = "b**@x.org", "c**@x.org"
STEPS = ["EXTRACT", "CDC_PROMOTION", "SCD2_PROMOTION"]


@dataclass(slots=True)
class Choosy(MemoryTarget):
    """Refuses rows by their names, of which it may not find all."""

    hates: frozenset[str] = frozenset()
    finds: frozenset[str] = frozenset()
    late: bool = False
    """Whether it refuses a first load only when the guards were asked."""

    async def first_load(self, arriving):
        seen: set[str] = set()

        async def rows():
            async for frame in arriving.rows:
                seen.update(frame["c1"])
                if not self.late:
                    self._refuse(seen)
                yield frame

        async def verdict():
            counts = await arriving.verdict()
            self._refuse(seen)
            return counts

        return await MemoryTarget.first_load(self, replace(arriving, rows=rows(), verdict=verdict))

    async def promote(self, compared):
        if not compared.begun.history.is_empty:
            async for frame in opening_rows(compared):
                self._refuse(set(frame["c1"]))
        return await MemoryTarget.promote(self, compared)

    async def refused(self, compared):
        return tuple(
            [
                Refusal(position, "refused_22021")
                async for frame in opening_rows(compared)
                for position, name in frame.select(POSITION, "c1").iter_rows()
                if name in self.finds
            ]
        )

    def _refuse(self, names: set[str]) -> None:
        if self.hates & names:
            raise RowRefused("the first one", code="22021")


@dataclass
class Steps(Silent):
    """Notes the steps."""

    said: list[str] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self.said.append(name)
        yield


@dataclass
class Case:
    """One table with a mask that rejects what is no address."""

    target: Choosy
    landings: LandingArea
    observer: Steps = field(default_factory=Steps)

    def __post_init__(self) -> None:
        options = {"kind": "email", "unmatched": "reject"}
        rule = RuleSpec(use="mask", origin="a line", column="NAME", options=options)
        made, issues = built([rule], lambda _: "")
        assert not issues
        self.spec = make_spec(rules=(rule,))
        self.source = MemorySource()
        flow = pipeline(self.source, self.target, self.target.control, self.landings)
        self.flow = replace(flow, rules={self.spec.id: made})

    async def run(self, *rows):
        self.source.tables[self.spec.id] = MemoryTable(TABLE, make_frame(TABLE.columns, rows))
        return (await self.flow.run(Job(table=self.spec), self.observer)).counts

    async def quarantined(self) -> list[str]:
        found = await self.flow.quarantine.open(self.spec.id)
        return sorted(one.rejection.reason for one in found)


@pytest.fixture
def case(tmp_path):
    landings = LandingArea(str(tmp_path))
    yield Case(Choosy(MemoryControl()), landings)
    landings.close()


@pytest.mark.parametrize("late", [False, True])
async def test_a_first_load_counts_each_row_once(case, late):
    """Law 6: it is read again; what was set apart the first time is not counted with it."""
    case.target.hates = case.target.finds = frozenset({MASKED_BAD})
    case.target.late = late
    counts = await case.run(*GOOD, BAD, REJECTED)
    assert (counts.extracted, counts.inserted, counts.quarantined) == (22, 20, 2)
    assert await case.quarantined() == ["refused_22021", "unrecognised"]
    assert case.observer.said == ([*STEPS, *STEPS] if late else ["EXTRACT", *STEPS])


async def test_where_no_row_is_found_the_error_is_told(case):
    """It was not a row, or none that can be found: the target's own error, and nothing written."""
    await case.run(*GOOD)
    before = case.target.bronze
    case.target.hates = frozenset({MASKED_BAD})
    with pytest.raises(RowRefused, match="the first one"):
        await case.run(*GOOD, BAD, REJECTED)
    assert case.target.bronze == before
    assert await case.quarantined() == ["unrecognised"]


async def test_a_target_is_asked_once(case):
    """Where it refuses what is left, too, the batch ends; what was found is on record."""
    await case.run(*GOOD)
    case.target.hates = frozenset({MASKED_BAD, MASKED_WORSE})
    case.target.finds = frozenset({MASKED_WORSE})
    with pytest.raises(RowRefused):
        await case.run(*GOOD, BAD, WORSE)
    assert await case.quarantined() == ["refused_22021"]


async def test_later_batches_leave_versions_as_they_are(case):
    """Law 10: a row that changed into one that is refused keeps its version, and is counted."""
    await case.run(*GOOD)
    case.target.hates = case.target.finds = frozenset({MASKED_BAD})
    counts = await case.run((0, BAD[1]), *GOOD[1:-1])
    assert (counts.updated, counts.deleted, counts.unchanged, counts.quarantined) == (0, 1, 18, 1)
    open_rows = [v.row for v in case.target.bronze[case.spec.id] if v.valid_to is None]
    assert len(open_rows) == 19
    assert await case.run(*GOOD[:-1]) == replace(counts, quarantined=0, deleted=0, unchanged=19)
    assert await case.quarantined() == []
