"""Rules of transformation in the flow, into every engine: what lands, what is left as it was."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from cdc_daemon.errors import (
    DuplicateKey,
    GuardTripped,
    NullKey,
    RowRejected,
    RulesDoNotFit,
)
from cdc_daemon.model.guard import Guard
from cdc_daemon.model.table import RuleChange, RuleSpec
from tests.contract.ruled import (
    MASK,
    MASKED_A,
    MASKED_B,
    A,
    B,
    C,
    D,
    Ruled,
    hashed,
    refusing,
    rule,
)

pytestmark = pytest.mark.asyncio


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
