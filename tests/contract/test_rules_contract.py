"""Rules of transformation in the flow, into every engine: what lands, what is left as it was."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
import pytest_asyncio

from cdc_daemon.cdc.row_hash import key_digest
from cdc_daemon.errors import (
    DuplicateKey,
    GuardTripped,
    LostRace,
    NoHistory,
    NullKey,
    RowRejected,
    RulesDoNotFit,
)
from cdc_daemon.memory.source import MemoryTable
from cdc_daemon.model.change import CLOSES
from cdc_daemon.model.guard import Guard
from cdc_daemon.model.run import Job, Promoted
from cdc_daemon.model.table import RuleChange, RuleSpec, TableId
from cdc_daemon.model.window import REPLAY
from cdc_daemon.orchestration.plan import plan
from cdc_daemon.scd2.invariants import violations
from cdc_daemon.schema.types import Integer
from cdc_daemon.transformation.configured import built
from tests.contract.engines.base import WIDE, Row, version_frame
from tests.contract.engines.flow import Flow, Silent
from tests.factories import make_frame, make_table
from tests.laws.bench import replayed

pytestmark = pytest.mark.asyncio

SECOND = timedelta(seconds=1)
KEY = b"a key of at least sixteen bytes".decode()
A = ("a", "1", "ann@example.com", 1, Decimal("1.50"))
B = ("b", "2", "bob@example.com", 2, Decimal("2.50"))
C = ("c", "3", "12", 3, None)
D = ("d", "4", None, None, None)
MASKED_A = ("a", "1", "a**@example.com", 1, Decimal("1.50"))
MASKED_B = ("b", "2", "b**@example.com", 2, Decimal("2.50"))


def rule(use: str, column: str | None = None, **options: Any) -> RuleSpec:
    return RuleSpec(use=use, origin=f"the rule of {column}", column=column, options=options)


MASK = rule("mask", "v", kind="email")
NUMBER = rule("when", "v", when={"column": "n", "equals": 3}, then={"use": "convert", "to": "text"})


def hashed(column: str, key: str = KEY) -> RuleSpec:
    return rule("hash", column, key=key, truncate=32)


def refusing(unmatched: str = "reject") -> RuleSpec:
    """A mask that rejects what is no address of an e-mail."""
    return rule("mask", "v", kind="email", unmatched=unmatched)


@dataclass(slots=True)
class Ruled:
    """A table whose rules a test changes from batch to batch."""

    flow: Flow

    def has(self, *rules: RuleSpec, choice: RuleChange = RuleChange.ASK, **guards: float) -> None:
        """From now on."""
        made, issues = built(rules, lambda _: KEY)
        assert not issues
        spec = self.flow.spec
        limits = replace(spec.guards, **guards)
        self.flow.spec = replace(spec, rules=rules, on_rule_change=choice, guards=limits)
        self.flow.pipeline = replace(self.flow.pipeline, rules={spec.id: made})

    async def run(self, rows: Sequence[Row], **job: Any) -> Promoted:
        """A batch, by all the steps of a run."""
        flow = self.flow
        flow.target.clock += SECOND
        frame = make_frame(flow.table.columns, rows)
        flow.source.tables[flow.spec.id] = MemoryTable(flow.table, frame)
        return await flow.pipeline.run(Job(table=flow.spec, **job), Silent())

    async def open_rows(self) -> list[Row]:
        return await self.flow.open_rows()

    async def quarantined(self) -> list[tuple[int | None, str | None, str]]:
        found = await self.flow.pipeline.quarantine.open(self.flow.spec.id)
        return [(r.key, r.column, r.reason) for r in (one.rejection for one in found)]

    def digest(self, row: Row) -> int:
        """Of its key as it is."""
        frame = make_frame(self.flow.table.columns, [row])
        return int(key_digest(frame, self.flow.table.key_columns).item())

    async def replayed(self, first: Sequence[Row]) -> list[Row]:
        return replayed(first, await self.flow.feed())

    async def lawful(self) -> None:
        """Law 3."""
        versions = version_frame(await self.flow.versions(), self.flow.shape)
        assert violations(versions, self.flow.shape.key).total == 0


@pytest_asyncio.fixture
async def ruled(flow: Flow) -> AsyncIterator[Ruled]:
    """A table that has no rules yet."""
    yield Ruled(flow)


# -- what lands ---------------------------------------------------------------------------------


async def test_what_is_masked_lands_masked(ruled: Ruled) -> None:
    """The result is what is kept, hashed and compared: the same source changes nothing (law 5)."""
    ruled.has(MASK)
    await ruled.run([A, B])
    assert await ruled.open_rows() == [MASKED_A, MASKED_B]
    quiet = await ruled.run([A, B])
    assert (quiet.counts.unchanged, quiet.counts.opened) == (2, 0)
    changed = await ruled.run([(*A[:2], "carla@example.com", *A[3:]), B])
    assert changed.counts.updated == 1
    assert (await ruled.open_rows())[0][2] == "c****@example.com"


async def test_a_dropped_column_is_not_there(ruled: Ruled) -> None:
    """Neither in bronze nor in its hash: what changes in it changes nothing."""
    ruled.has(rule("drop", "m"))
    await ruled.run([A])
    quiet = await ruled.run([(*A[:4], Decimal(99))])
    assert quiet.counts.unchanged == 1


async def test_a_hashed_key_is_a_key(ruled: Ruled) -> None:
    """Rows are found again by the hash of their key; the digest of the clear one is nowhere."""
    ruled.has(hashed("a"))
    await ruled.run([A, B])
    assert (await ruled.run([A])).counts.deleted == 1
    assert [len(row[0]) for row in await ruled.open_rows()] == [32]


async def test_rules_that_do_not_fit_stop_the_table_before_it_is_read(ruled: Ruled) -> None:
    """Fail closed: a misspelt column would land in clear; everything wrong is told at once."""
    ruled.has(rule("mask", "emial", kind="email"), RuleSpec(use="null", origin="x:3", pattern="q"))
    with pytest.raises(RulesDoNotFit) as caught:
        await ruled.run([A])
    assert "'emial'" in str(caught.value)
    assert "the rule at x:3 is for no column" in str(caught.value)
    assert await ruled.flow.versions() == []


async def test_a_rule_for_many_tables_may_be_for_none_of_a_tables_columns(ruled: Ruled) -> None:
    """What is written for many tables is no mistake in one that has no such column."""
    ruled.has(replace(rule("mask", "other", kind="email"), shared=True))
    await ruled.run([A])
    assert await ruled.open_rows() == [A]


# -- what is left as it was ---------------------------------------------------------------------


async def test_a_rejected_row_is_set_apart_and_others_go_on(ruled: Ruled) -> None:
    """Fail closed, law 6: it does not land, is on record by its key, and comes when it can."""
    ruled.has(refusing())
    first = await ruled.run([A, C])
    assert (first.counts.inserted, first.counts.quarantined, first.counts.extracted) == (1, 1, 2)
    assert await ruled.open_rows() == [MASKED_A]
    assert await ruled.quarantined() == [(ruled.digest(C), "v", "unrecognised")]
    await ruled.run([A, (*C[:2], "cc@example.com", *C[3:])])
    assert len(await ruled.open_rows()) == 2
    assert await ruled.quarantined() == []


async def test_a_key_in_quarantine_is_neither_changed_nor_deleted(ruled: Ruled) -> None:
    """Law 10: its version stays open; a row that is really gone is closed in the same batch."""
    ruled.has(refusing())
    await ruled.run([A, B])
    promoted = await ruled.run([(*A[:2], "no address", *A[3:]), D])
    assert (promoted.counts.updated, promoted.counts.deleted) == (0, 1)
    assert [row[:2] for row in await ruled.open_rows()] == [A[:2], D[:2]]
    await ruled.lawful()


async def test_where_a_key_is_unknown_nothing_is_deleted(ruled: Ruled) -> None:
    """Law 10: whose row it is that cannot be told, nobody knows."""
    ruled.has(rule("mask", "a", kind="email", unmatched="reject"), choice=RuleChange.VERSION)
    addresses = [(f"{row[0]}{row[0]}@x.org", *row[1:]) for row in (A, B)]
    await ruled.run(addresses)
    promoted = await ruled.run([addresses[0], ("no address", *B[1:])])
    assert (promoted.counts.deleted, promoted.counts.quarantined) == (0, 1)
    assert await ruled.quarantined() == [(None, "a", "unrecognised")]
    assert (await ruled.run(addresses[:1])).counts.deleted == 1


async def test_a_filtered_row_is_not_a_deleted_one(ruled: Ruled) -> None:
    """Law 10: its version stays as it is, and changes of it are not seen."""
    ruled.has(rule("filter", keep={"column": "n", "equals": 1}), choice=RuleChange.VERSION)
    await ruled.run([A, (*B[:3], 1, B[4])])
    promoted = await ruled.run([A, (*B[:2], "new", 2, B[4])])
    assert (promoted.counts.deleted, promoted.counts.updated, promoted.counts.filtered) == (0, 0, 1)
    assert len(await ruled.open_rows()) == 2


async def test_a_filter_may_say_that_its_rows_count_as_deleted(ruled: Ruled) -> None:
    """Then, and only then, their versions end."""
    keep = rule("filter", keep={"column": "n", "equals": 1}, deletes=True)
    ruled.has(keep, choice=RuleChange.VERSION)
    await ruled.run([A, (*B[:3], 1, B[4])])
    assert (await ruled.run([A, B])).counts.deleted == 1


async def test_a_key_is_the_key_of_one_row_even_if_that_is_set_apart(ruled: Ruled) -> None:
    """Which of the two would hold cannot be told."""
    ruled.has(refusing())
    with pytest.raises(DuplicateKey):
        await ruled.run([A, (*A[:2], "no address", *A[3:])])


async def test_a_row_without_a_key_stops_the_table(ruled: Ruled) -> None:
    """Unless a share of them is allowed; then they are set apart, and nothing is deleted."""
    keyless = ("x", None, *B[2:])
    with pytest.raises(NullKey):
        await ruled.run([A, B, keyless])
    ruled.has(max_null_key_share=0.5)
    await ruled.run([A, B])
    promoted = await ruled.run([A, keyless])
    assert promoted.counts.quarantined == 1
    assert (promoted.counts.deleted, await ruled.quarantined()) == (0, [(None, "b", "null_key")])
    with pytest.raises(NullKey, match=r"2 row\(s\).*50\.00%"):
        await ruled.run([A, keyless, keyless])


async def test_a_rule_may_stop_the_table(ruled: Ruled) -> None:
    """``on_failure: fail``: the error names the column and no value (law 9)."""
    stop = rule("convert", "b", to="integer", on_failure="fail")
    ruled.has(stop)
    with pytest.raises(RowRejected) as caught:
        await ruled.run([("a", "secret", *A[2:])])
    assert "column b" in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_a_rule_that_rejects_everything_is_an_accident(ruled: Ruled) -> None:
    """The guard holds the table whatever its size; what was found is on record all the same."""
    ruled.has(refusing())
    for rows in ([C], [C, (*A[:2], "x", *A[3:])]):
        with pytest.raises(GuardTripped) as caught:
            await ruled.run(rows)
        assert caught.value.guards == (Guard.QUARANTINE.value,)
    assert len(await ruled.quarantined()) == 2
    ruled.has(refusing(), min_rows=2, max_quarantine_share=0.4)
    with pytest.raises(GuardTripped):
        await ruled.run([A, C])
    await ruled.run([A, B, C])


# -- changed rules ------------------------------------------------------------------------------


async def test_a_changed_rule_asks_first(ruled: Ruled) -> None:
    """Never a surprise of a million versions: the table is held, and nothing was written."""
    await ruled.run([A, B])
    before = await ruled.flow.versions()
    ruled.has(MASK)
    with pytest.raises(GuardTripped, match=r"the rules of v changed, and with them 2 rows") as told:
        await ruled.run([A, B])
    assert told.value.guards == (Guard.RULES.value,)
    assert await ruled.flow.versions() == before


async def test_a_changed_rule_that_changes_nothing_asks_nobody(ruled: Ruled) -> None:
    """A mask for a column that is empty everywhere; from then on it is known."""
    bare = (*A[:2], None, *A[3:])
    await ruled.run([bare])
    ruled.has(MASK)
    assert (await ruled.run([bare])).counts.unchanged == 1
    assert (await ruled.run([A])).counts.updated == 1


@pytest.mark.parametrize("by", ["configuration", "guard"])
async def test_new_versions_from_now_on(ruled: Ruled, by: str) -> None:
    """The old values stay in closed versions, as they were captured (law 4)."""
    await ruled.run([A, B])
    ruled.has(MASK, choice=RuleChange.VERSION if by == "configuration" else RuleChange.ASK)
    accepted = frozenset() if by == "configuration" else frozenset({Guard.RULES})
    promoted = await ruled.run([A, B], accepted=accepted)
    assert (promoted.counts.updated, promoted.counts.rewritten) == (2, 0)
    assert [v.row for v in await ruled.flow.versions()] == [A, MASKED_A, B, MASKED_B]
    assert (await ruled.run([A, B])).counts.unchanged == 2


@pytest.mark.parametrize("by", ["configuration", "guard"])
async def test_open_versions_are_rewritten_in_place(ruled: Ruled, by: str) -> None:
    """What differs by the rule alone keeps its version; what changed at the source does not."""
    await ruled.run([A, B])
    begun = {v.key: v.valid_from for v in await ruled.flow.versions()}
    ruled.has(MASK, choice=RuleChange.REWRITE if by == "configuration" else RuleChange.ASK)
    accepted = frozenset() if by == "configuration" else frozenset({Guard.REWRITE})
    changed_b = (*B[:3], 77, B[4])
    promoted = await ruled.run([A, changed_b, C], accepted=accepted)
    counts = promoted.counts
    assert (counts.rewritten, counts.updated, counts.inserted) == (1, 1, 1)
    masked_c = (*C[:2], "**", *C[3:])
    assert (
        [v.row for v in await ruled.flow.versions()]
        == [
            MASKED_A,
            B,  # as it was captured: a version that is closed is not touched
            (*MASKED_B[:3], 77, B[4]),
            masked_c,
        ]
    )
    rewritten = (await ruled.flow.versions())[0]
    assert (rewritten.valid_from, rewritten.operation) == (begun[rewritten.key], "I")
    assert sorted(await ruled.replayed([A, B])) == sorted(await ruled.open_rows())
    assert (await ruled.run([A, changed_b, C])).counts.unchanged == 3
    await ruled.lawful()


async def test_a_new_column_tells_what_changed_at_the_source(ruled: Ruled) -> None:
    """Where it is NULL, the rule alone made the difference; where it is not, the source did."""
    await ruled.run([A, B])
    ruled.has(MASK, choice=RuleChange.REWRITE)
    ruled.flow.table = make_table({**WIDE.types, "later": Integer(32)}, key=WIDE.key)
    counts = (await ruled.run([(*A, None), (*B, 7)])).counts
    assert (counts.rewritten, counts.updated) == (1, 1)


async def test_a_rotated_key_asks_first(ruled: Ruled) -> None:
    """The same rule under another key is another rule; its version alone tells nothing."""
    ruled.has(hashed("v"))
    await ruled.run([A, B])
    ruled.has(hashed("v", "another key of sixteen bytes"))
    with pytest.raises(GuardTripped):
        await ruled.run([A, B])
    assert (await ruled.run([A, B], accepted={Guard.REWRITE})).counts.rewritten == 2


async def test_keys_under_another_rule_cannot_be_rewritten(ruled: Ruled) -> None:
    """Every key would be another one: that is new versions, or nothing."""
    ruled.has(hashed("a"), choice=RuleChange.REWRITE)
    await ruled.run([A, B])
    ruled.has(hashed("a", "another key of sixteen bytes"), choice=RuleChange.REWRITE)
    with pytest.raises(GuardTripped, match="under other keys"):
        await ruled.run([A, B])
    counts = (await ruled.run([A, B], accepted={Guard.RULES})).counts
    assert (counts.inserted, counts.deleted) == (2, 2)


# -- replay -------------------------------------------------------------------------------------


async def test_a_replay_carries_the_rows_in_quarantine_alone(ruled: Ruled) -> None:
    """By the ordinary way through compare; other rows are not touched, and nothing is deleted."""
    ruled.has(refusing())
    await ruled.run([A, B, C])
    before = await ruled.flow.engine.checkpoint(ruled.flow.spec.id)
    good = (*C[:2], "cc@example.com", *C[3:])
    changed = (*A[:3], 99, A[4])
    keys = frozenset(one[0] for one in await ruled.quarantined())
    promoted = await ruled.run([changed, good], replay=keys, window=REPLAY)
    assert (promoted.counts.inserted, promoted.counts.updated, promoted.counts.deleted) == (1, 0, 0)
    assert [row[:2] for row in await ruled.open_rows()] == [A[:2], B[:2], C[:2]]
    assert await ruled.quarantined() == []
    assert await ruled.flow.engine.checkpoint(ruled.flow.spec.id) == before
    assert await ruled.flow.engine.batches.usual(ruled.flow.spec, 9) == (3,)
    await ruled.lawful()


async def test_a_replayed_row_that_is_still_bad_stays(ruled: Ruled) -> None:
    """Only what was found good leaves the quarantine."""
    ruled.has(refusing())
    await ruled.run([A, C])
    promoted = await ruled.run([A, C], replay=frozenset({ruled.digest(C)}), window=REPLAY)
    assert (promoted.counts.opened, promoted.counts.quarantined) == (0, 1)
    assert await ruled.quarantined() == [(ruled.digest(C), "v", "unrecognised")]


async def test_there_is_no_replay_before_the_first_load(ruled: Ruled) -> None:
    """It would be taken for the first load, of a few rows."""
    ruled.has(refusing())
    with pytest.raises(NoHistory):
        await ruled.run([A], replay=frozenset({1}), window=REPLAY)


async def test_a_replay_by_transformed_keys_counts_its_own_rows_alone(ruled: Ruled) -> None:
    """What else is in the table, rows without a key among it, is passed over before all."""
    keyless = [("x", None, f"x{n}@example.com", 5, None) for n in range(3)]
    ruled.has(hashed("a"), refusing(), choice=RuleChange.VERSION, max_null_key_share=0.6)
    await ruled.run([A, B, C, *keyless])
    keys = frozenset(one[0] for one in await ruled.quarantined() if one[0] is not None)
    good = (*C[:2], "cc@example.com", *C[3:])
    counts = (await ruled.run([A, B, good, *keyless], replay=keys, window=REPLAY)).counts
    assert (counts.extracted, counts.inserted, counts.quarantined) == (1, 1, 0)
    assert await ruled.quarantined() == [(None, "b", "null_key")]


async def test_a_rewrite_that_is_released_begins_no_other_keys(ruled: Ruled) -> None:
    """Who asked for a rewrite is asked again; a release without one begins new versions."""
    await ruled.run([A, B])
    ruled.has(hashed("a"))
    states, table = ruled.flow.engine.states, ruled.flow.spec.id
    rules, rewrite = frozenset({Guard.RULES}), frozenset({Guard.REWRITE})
    for also, passes in ((rewrite, False), (frozenset[Guard](), True)):
        await states.hold(table, "the rules of a changed", rules)
        await states.release(table, also)
        if passes:
            assert (await ruled.run([A, B])).counts.inserted == 2
        else:
            with pytest.raises(GuardTripped, match="under other keys"):
                await ruled.run([A, B])


async def test_a_version_that_is_no_longer_there_is_not_rewritten(ruled: Ruled) -> None:
    """Law 2: by the hash that was seen, or not at all; the race is lost, and nothing written."""
    await ruled.run([A, B])
    ruled.has(MASK, choice=RuleChange.REWRITE)
    before, flow = await ruled.flow.versions(), ruled.flow
    job = Job(table=flow.spec)
    async with flow.pipeline.compared(job, Silent(), numbered=True) as compared:
        other = compared.changes.rewritten.with_columns(pl.lit(1, pl.UInt128).alias(CLOSES))
        changes = replace(compared.changes, rewritten=other)
        with pytest.raises(LostRace):
            await flow.target.promote(replace(compared, changes=changes))
    assert await flow.versions() == before


async def test_a_plan_puts_nothing_on_record(ruled: Ruled) -> None:
    """It says what would go to quarantine, and how many rows; nothing is there afterwards."""
    ruled.has(refusing())
    await ruled.run([A, B])
    flow = ruled.flow
    before = await flow.everything()
    frame = make_frame(flow.table.columns, [A, C])
    flow.source.tables[flow.spec.id] = MemoryTable(flow.table, frame)
    found = await plan(flow.pipeline, Job(table=flow.spec), Deaf(), show_keys=False)
    assert (found.counts.quarantined, found.counts.deleted) == (1, 1)
    assert [one.key for one in found.rejections] == [ruled.digest(C)]
    assert await flow.everything() == before
    assert await ruled.quarantined() == []


class Deaf:
    """Implements ``ports.telemetry.Progress``."""

    def started(self, table: TableId) -> None:
        """Not shown."""

    def step(self, table: TableId, name: str) -> None:
        """Not shown."""

    def rows(self, table: TableId, n: int, total: int | None) -> None:
        """Not shown."""

    def finished(self, table: TableId, status: str, summary: str) -> None:
        """Not shown."""
