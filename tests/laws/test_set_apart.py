"""Laws 3, 4, 6 and 10 where rules reject, filter and change rows, and rows are replayed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdc_daemon.cdc.row_hash import key_digest
from cdc_daemon.extract import digests
from cdc_daemon.extract.digests import FEW
from cdc_daemon.extract.landing import LandingArea
from cdc_daemon.memory.source import MemoryTable
from cdc_daemon.model.change import Counts
from cdc_daemon.model.guard import Guard
from cdc_daemon.model.run import Job
from cdc_daemon.model.table import RuleChange, RuleSpec
from cdc_daemon.model.window import REPLAY, WHOLE
from cdc_daemon.scd2.invariants import violations
from cdc_daemon.transformation.configured import built
from tests.contract.engines.base import WIDE, Row, Specs, Version, version_frame
from tests.contract.engines.flow import Flow, Silent
from tests.contract.engines.memory import memory_engine
from tests.factories import make_frame
from tests.laws.histories import LAWS

MASKED = {"ann@x.org": "a**@x.org", "bob@x.org": "b**@x.org", None: None}
"""What the mask makes of values; others it rejects."""
VALUES = (*MASKED, "no address", "nor this")
KEYS = (("a", "1"), ("a", "2"), ("b", "1"), ("c", ""))
LIMITS = frozenset({Guard.QUARANTINE, Guard.EMPTY})
"""What no history here is about."""


@dataclass(frozen=True, slots=True)
class Moment:
    """One batch: the rows it finds, the rules it has, and whether it reads quarantine alone."""

    rows: tuple[Row, ...]
    masks: bool
    filters: str
    """``no``, ``keep`` or ``delete``: what becomes of rows whose ``n`` is not 1."""
    choice: RuleChange
    replays: bool

    @property
    def rules(self) -> tuple[RuleSpec, ...]:
        found = []
        if self.filters != "no":
            deletes = {"deletes": True} if self.filters == "delete" else {}
            keep = {"keep": {"column": "n", "equals": 1}}
            found.append(RuleSpec(use="filter", origin="f", options={**keep, **deletes}))
        if self.masks:
            options = {"kind": "email", "unmatched": "reject"}
            found.append(RuleSpec(use="mask", origin="m", column="v", options=options))
        return tuple(found)

    def fate(self, row: Row) -> str:
        """What becomes of a row that is read."""
        if self.filters != "no" and row[3] != 1:
            return "filtered" if self.filters == "keep" else "deleted"
        return "rejected" if self.masks and row[2] not in MASKED else "carried"

    def landed(self, row: Row) -> Row:
        """A row that is carried, as it lands."""
        return (*row[:2], MASKED[row[2]], *row[3:]) if self.masks else row


contents = st.dictionaries(
    st.sampled_from(KEYS),
    st.tuples(
        st.sampled_from(VALUES),
        st.sampled_from((1, 1, 2, None)),
        st.sampled_from((None, Decimal("1.50"))),
    ),
    max_size=len(KEYS),
).map(lambda found: tuple((*key, *row) for key, row in found.items()))
moments = st.builds(
    Moment,
    contents,
    st.booleans(),
    st.sampled_from(("no", "keep", "delete")),
    st.sampled_from((RuleChange.VERSION, RuleChange.REWRITE)),
    st.sampled_from((False, False, True)),
)


@dataclass(slots=True)
class Model:
    """What holds, in plain Python: open rows, keys ever seen, keys in quarantine."""

    open: dict[Row, Row] = field(default_factory=dict)
    seen: set[Row] = field(default_factory=set)
    held: set[Row] = field(default_factory=set)
    last: Moment | None = None
    """The last batch that read the whole table."""

    @property
    def wanted(self) -> set[Row]:
        """What a replay reads: not all that is in quarantine."""
        return set(sorted(self.held)[: (len(self.held) + 1) // 2])

    def reads(self, moment: Moment) -> list[Row]:
        return [row for row in moment.rows if not moment.replays or row[:2] in self.wanted]

    def live(self, moment: Moment) -> Counts:
        """The batch becomes history; what it counts."""
        rows, n = self.reads(moment), dict.fromkeys(Counts.__dataclass_fields__, 0)
        fates = {row[:2]: moment.fate(row) for row in rows}
        n["extracted"] = len(rows)
        n["quarantined"] = sum(fate == "rejected" for fate in fates.values())
        n["filtered"] = sum(fate in {"filtered", "deleted"} for fate in fates.values())
        for row in rows:
            if fates[row[:2]] == "carried":
                n[self._carry(moment, moment.landed(row))] += 1
        for key in list(self.open):
            if not moment.replays and fates.get(key, "deleted") == "deleted":
                n["deleted"] += 1
                del self.open[key]
        self.held -= self.wanted if moment.replays else self.held
        self.held |= {key for key, fate in fates.items() if fate == "rejected"}
        if not moment.replays:
            self.last = moment
        return Counts(**n)

    def _carry(self, moment: Moment, row: Row) -> str:
        key, was = row[:2], self.open.get(row[:2])
        what = "inserted" if key not in self.seen else "reopened"
        if was is not None:
            what = "updated"
            by_rule = self.last is not None and self.last.masks != moment.masks
            if by_rule and was[3:] == row[3:] and moment.choice is RuleChange.REWRITE:
                what = "rewritten"
            if was == row:
                what = "unchanged"
        self.open[key] = row
        self.seen.add(key)
        return what


@dataclass(slots=True)
class Life:
    """A flow in memory beside its model."""

    flow: Flow
    model: Model = field(default_factory=Model)

    async def go_on(self, moment: Moment) -> None:
        flow = self.flow
        if moment.replays and not (self.model.seen and self.model.held):
            return  # there is nothing to replay, or into
        before = await flow.versions()
        held = frozenset(self._of(sorted(self.model.wanted)))
        made, issues = built(moment.rules, lambda _: "")
        assert not issues
        spec = replace(flow.spec, rules=moment.rules, on_rule_change=moment.choice)
        flow.pipeline = replace(flow.pipeline, rules={spec.id: made})
        frame = make_frame(flow.table.columns, moment.rows)
        flow.source.tables[spec.id] = MemoryTable(flow.table, frame)
        flow.target.clock += timedelta(seconds=1)
        replay, window = (held, REPLAY) if moment.replays else (None, WHOLE)
        job = Job(table=spec, accepted=LIMITS, replay=replay, window=window)
        read = self.model.reads(moment)
        promoted = await flow.pipeline.run(job, Silent())
        after = await flow.versions()
        assert promoted.counts == self.model.live(moment)
        self._balanced(promoted.counts)
        self._left_alone(before, after, {r[:2] for r in read if moment.fate(r) in APART})
        assert sorted(map(repr, await flow.open_rows())) == sorted(
            map(repr, self.model.open.values())
        )
        assert set(await self._digests()) == set(self._of(sorted(self.model.held)))
        assert violations(version_frame(after, WIDE), WIDE.key).total == 0

    def _balanced(self, n: Counts) -> None:
        """Law 6: every row that was read is carried, rejected or filtered."""
        carried = n.opened + n.unchanged + n.rewritten
        assert n.extracted == carried + n.quarantined + n.filtered

    def _left_alone(
        self, before: Sequence[Version], after: Sequence[Version], apart: set[Row]
    ) -> None:
        """Law 10: keys that are set apart are neither closed nor changed."""
        of_before, of_after = (
            [one for one in versions if one.key in apart] for versions in (before, after)
        )
        assert of_before == of_after

    async def _digests(self) -> list[int | None]:
        found = await self.flow.pipeline.quarantine.open(self.flow.spec.id)
        return [one.rejection.key for one in found]

    def _of(self, keys: Sequence[Row]) -> list[int]:
        frame = make_frame(self.flow.table.columns, [(*key, None, None, None) for key in keys])
        return key_digest(frame, self.flow.table.key_columns).to_list()


APART = frozenset({"rejected", "filtered"})


@pytest.mark.parametrize(("few", "examples"), [(FEW, 70), (1, 8)], ids=["whole", "in parts"])
def test_what_is_set_apart_stays_and_the_rest_is_what_was_carried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int, examples: int
) -> None:
    """As plain Python has it: open rows, every count, and the keys in quarantine."""
    specs = Specs()
    monkeypatch.setattr(digests, "FEW", few)

    async def live(history: Sequence[Moment]) -> None:
        async with memory_engine() as engine:
            with closing(LandingArea(str(tmp_path))) as landings:
                life = Life(Flow.over(engine, specs.fresh(), landings))
                for moment in history:
                    await life.go_on(moment)

    @settings(LAWS, max_examples=examples)
    @given(st.lists(moments, min_size=1, max_size=6))
    def law(history: list[Moment]) -> None:
        asyncio.run(live(history))

    law()
