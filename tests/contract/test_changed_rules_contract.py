"""Changed rules and replays, into every engine: never a surprise, never more than was asked for."""

from __future__ import annotations

from dataclasses import replace

import polars as pl
import pytest

from cdc_daemon.errors import (
    GuardTripped,
    IncompatibleChange,
    LostRace,
    NoHistory,
)
from cdc_daemon.memory.source import MemoryTable
from cdc_daemon.model.change import CLOSES
from cdc_daemon.model.guard import Guard
from cdc_daemon.model.run import Job
from cdc_daemon.model.table import RuleChange, TableId
from cdc_daemon.model.window import REPLAY
from cdc_daemon.orchestration.plan import plan
from cdc_daemon.schema.types import Integer
from tests.contract.engines.base import WIDE
from tests.contract.engines.flow import Silent
from tests.contract.ruled import (
    MASK,
    MASKED_A,
    MASKED_B,
    A,
    B,
    C,
    Ruled,
    hashed,
    refusing,
    rule,
)
from tests.factories import make_frame, make_table

pytestmark = pytest.mark.asyncio


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


async def test_a_rule_that_changes_a_columns_type_says_so(ruled: Ruled) -> None:
    """Law 6: history never reinterprets a column; the remedy speaks of the rule, not the source."""
    await ruled.run([A])
    ruled.has(rule("convert", "n", to="text"), choice=RuleChange.VERSION)
    with pytest.raises(IncompatibleChange, match=r"\bn\b") as caught:
        await ruled.run([A])
    assert "take the rule away" in caught.value.remedy


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
