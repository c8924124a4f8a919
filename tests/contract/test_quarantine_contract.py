"""``ports.quarantine.QuarantineDesk``: what is on record of rows that could not be carried."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from cdc_daemon.model.rejection import Quarantined, Rejection
from cdc_daemon.model.run import Batch
from cdc_daemon.model.table import TableId, TableSpec
from cdc_daemon.model.window import WHOLE
from tests.contract.engines.base import Engine, Specs

pytestmark = pytest.mark.asyncio

READ_AT = datetime(2026, 1, 1, tzinfo=UTC)
MANY = 2_500
"""More than a statement names."""
BAD = Rejection(reason="failed", column="a", key=7)


@pytest.fixture
def spec(specs: Specs) -> TableSpec:
    """A table of the test's own."""
    return specs.fresh()


def batch(table: TableId, number: int) -> Batch:
    return Batch(number=number, table=table, window=WHOLE, read_at=READ_AT)


def rejections(found: Sequence[Quarantined]) -> list[Rejection]:
    return [one.rejection for one in found]


def keyed(count: int, first: int = 0) -> list[Rejection]:
    """One for each of so many keys, which are all over the range of digests."""
    return [
        Rejection(reason="failed", column="a", key=n * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128)
        for n in range(first, first + count)
    ]


async def test_what_a_batch_left_out_is_open(engine: Engine, spec: TableSpec) -> None:
    """Each rejection is an entry, oldest first, with all that is known of it and nothing else."""
    found = [
        Rejection(reason="failed", column="a", key=0),
        Rejection(reason="too_long", column=None, key=2**128 - 1),
        Rejection(reason="failed", column="o\"d' é", key=None, rows=5),
    ]
    await engine.quarantine.record(batch(spec.id, 3), found[:2])
    await engine.quarantine.record(batch(spec.id, 3), found[2:])
    entries = await engine.quarantine.open(spec.id)
    assert set(rejections(entries[:2])) == set(found[:2])
    assert rejections(entries[2:]) == found[2:]
    assert [one.number for one in entries] == sorted({one.number for one in entries})
    assert {(one.first_batch, one.last_batch, one.resolved) for one in entries} == {(3, 3, None)}
    assert all(one.first_seen <= one.last_seen for one in entries)
    assert all(one.first_seen.utcoffset() is not None for one in entries)


async def test_nothing_found_is_nothing_on_record(engine: Engine, spec: TableSpec) -> None:
    """A batch that carried every row leaves no trace here."""
    await engine.quarantine.record(batch(spec.id, 1), ())
    assert await engine.quarantine.open(spec.id) == ()
    assert spec.id not in await engine.quarantine.tables()


async def test_what_is_found_again_is_the_same_entry(engine: Engine, spec: TableSpec) -> None:
    """Number, first batch and first instant stay; last batch and last instant go on."""
    await engine.quarantine.record(batch(spec.id, 1), [BAD])
    (before,) = await engine.quarantine.open(spec.id)
    await engine.quarantine.record(batch(spec.id, 4), [BAD])
    (after,) = await engine.quarantine.open(spec.id)
    assert (after.number, after.first_batch, after.last_batch) == (before.number, 1, 4)
    assert after.first_seen == before.first_seen <= before.last_seen <= after.last_seen
    assert after.rejection == BAD


async def test_a_batch_on_record_twice_is_on_record_once(engine: Engine, spec: TableSpec) -> None:
    """Law 5: recording again what a batch found changes neither entries nor rows."""
    found = [BAD, Rejection(reason="failed", column="a", key=None, rows=9)]
    await engine.quarantine.record(batch(spec.id, 1), found)
    await engine.quarantine.record(batch(spec.id, 1), found)
    assert set(rejections(await engine.quarantine.open(spec.id))) == set(found)


@pytest.mark.parametrize(
    "other",
    [
        Rejection(reason="other", column="a", key=7),
        Rejection(reason="failed", column="A", key=7),
        Rejection(reason="failed", column="a ", key=7),
        Rejection(reason="failed", column=None, key=7),
        Rejection(reason="failed", column="a", key=8),
        Rejection(reason="failed", column="a", key=None),
    ],
)
async def test_key_column_and_reason_tell_entries_apart(
    engine: Engine, spec: TableSpec, other: Rejection
) -> None:
    """Two rejections that differ in any of them are two entries, to the letter."""
    await engine.quarantine.record(batch(spec.id, 1), [BAD])
    await engine.quarantine.record(batch(spec.id, 2), [other])
    assert rejections(await engine.quarantine.open(spec.id)) == [BAD, other]


async def test_rows_without_a_key_are_counted_anew(engine: Engine, spec: TableSpec) -> None:
    """One entry a column and reason, with the rows that the last batch left out."""
    ids = [Rejection(reason="null_key", column="id", rows=rows) for rows in (2, 3, 4)]
    other = Rejection(reason="null_key", column="part", rows=1)
    await engine.quarantine.record(batch(spec.id, 1), [ids[0], other, ids[1]])
    entries = await engine.quarantine.open(spec.id)
    rows = {one.rejection.column: one.rejection.rows for one in entries}
    assert rows == {"id": 5, "part": 1}
    await engine.quarantine.record(batch(spec.id, 2), [ids[2]])
    again = await engine.quarantine.open(spec.id)
    assert {one.rejection.column: one.rejection.rows for one in again} == {"id": 4, "part": 1}
    assert [one.number for one in again] == [one.number for one in entries]


async def test_what_is_not_found_again_is_resolved(engine: Engine, spec: TableSpec) -> None:
    """``settle`` resolves exactly what the batch did not find, once, and keeps it on record."""
    bad, good, unknown = *keyed(2), Rejection(reason="null_key", column="id", rows=3)
    await engine.quarantine.record(batch(spec.id, 1), [bad, good, unknown])
    await engine.quarantine.record(batch(spec.id, 2), [bad])
    assert await engine.quarantine.settle(batch(spec.id, 2)) == 2
    assert rejections(await engine.quarantine.open(spec.id)) == [bad]
    assert await engine.quarantine.settle(batch(spec.id, 2)) == 0
    kept = await engine.quarantine.entries(spec.id, 10, resolved=True)
    resolved = {one.rejection: one.resolved for one in kept}
    assert resolved.pop(bad) is None
    assert set(resolved) == {good, unknown}
    assert all(at is not None and at.utcoffset() is not None for at in resolved.values())


async def test_a_batch_that_read_some_keys_resolves_those_alone(
    engine: Engine, spec: TableSpec
) -> None:
    """A replay says nothing of keys it did not ask for, nor of rows whose key is unknown."""
    unknown = Rejection(reason="null_key", column="id", rows=3)
    found = keyed(3)
    await engine.quarantine.record(batch(spec.id, 1), [*found, unknown])
    assert await engine.quarantine.settle(batch(spec.id, 2), frozenset()) == 0
    asked = frozenset(one.key for one in found[:2] if one.key is not None) | {4711}
    assert await engine.quarantine.settle(batch(spec.id, 2), asked) == 2
    assert set(rejections(await engine.quarantine.open(spec.id))) == {found[2], unknown}


async def test_an_older_batch_resolves_nothing_newer(engine: Engine, spec: TableSpec) -> None:
    """What a later batch found is not undone by an earlier one that ends after it."""
    await engine.quarantine.record(batch(spec.id, 5), [BAD])
    assert await engine.quarantine.settle(batch(spec.id, 4)) == 0
    assert await engine.quarantine.settle(batch(spec.id, 5)) == 0
    assert rejections(await engine.quarantine.open(spec.id)) == [BAD]


async def test_what_comes_back_is_a_new_entry(engine: Engine, spec: TableSpec) -> None:
    """A resolved entry stays resolved: its story is told by the batches of its own time."""
    await engine.quarantine.record(batch(spec.id, 1), [BAD])
    await engine.quarantine.settle(batch(spec.id, 2))
    await engine.quarantine.record(batch(spec.id, 3), [BAD])
    new, old = await engine.quarantine.entries(spec.id, 10, resolved=True)
    assert (new.first_batch, new.resolved) == (3, None)
    assert (old.last_batch, old.resolved is None) == (1, False)
    assert new.number > old.number


async def test_tables_are_apart(engine: Engine, spec: TableSpec) -> None:
    """Nothing done to a table touches one of the same name in another schema or source."""
    _, schema, name = spec.id.source, spec.id.schema, spec.id.name
    others = [TableId("another", schema, name), TableId(spec.id.source, "another", name)]
    for table in others:
        await engine.quarantine.record(batch(table, 1), [BAD])
    await engine.quarantine.record(batch(spec.id, 2), [BAD])
    await engine.quarantine.settle(batch(spec.id, 9))
    assert await engine.quarantine.purge(spec.id, resolved_only=False) == 1
    tables = await engine.quarantine.tables()
    assert (spec.id in tables, set(others) <= tables) == (False, True)
    for table in others:
        (one,) = await engine.quarantine.open(table)
        assert (one.first_batch, one.last_batch) == (1, 1)


async def test_many_are_as_good_as_few(engine: Engine, spec: TableSpec) -> None:
    """More entries than one statement can name are added, seen again and resolved like few."""
    found = keyed(MANY)
    await engine.quarantine.record(batch(spec.id, 1), found)
    both = [*found[: MANY - 100], *keyed(200, first=MANY)]
    await engine.quarantine.record(batch(spec.id, 2), both)
    entries = await engine.quarantine.open(spec.id)
    last = {one.rejection: (one.first_batch, one.last_batch) for one in entries}
    assert len(entries) == len(last) == MANY + 200
    assert {last[one] for one in found[: MANY - 100]} == {(1, 2)}
    assert {last[one] for one in found[MANY - 100 :]} == {(1, 1)}
    assert {last[one] for one in both[MANY - 100 :]} == {(2, 2)}
    asked = frozenset(one.key for one in found if one.key is not None)
    assert await engine.quarantine.settle(batch(spec.id, 3), asked) == MANY
    assert await engine.quarantine.settle(batch(spec.id, 3)) == 200


async def test_the_newest_entries_are_shown_first(engine: Engine, spec: TableSpec) -> None:
    """No more than asked for, and resolved ones only where they are asked for."""
    found = keyed(4)
    for number, one in enumerate(found, 1):
        await engine.quarantine.record(batch(spec.id, number), [one])
    await engine.quarantine.settle(batch(spec.id, 9), frozenset({found[3].key or 0}))
    shown = await engine.quarantine.entries(spec.id, 2, resolved=False)
    assert rejections(shown) == [found[2], found[1]]
    everything = await engine.quarantine.entries(spec.id, 100, resolved=True)
    assert rejections(everything) == found[::-1]


async def test_the_summary_counts_what_is_open(engine: Engine, spec: TableSpec) -> None:
    """By column and reason: entries, their rows, and since when; nothing that is resolved."""
    unknown = Rejection(reason="failed", column="a", rows=5)
    gone = Rejection(reason="gone", column="a", key=1)
    await engine.quarantine.record(batch(spec.id, 1), [*keyed(3), gone])
    other = Rejection(reason="too_long", column=None, key=1)
    await engine.quarantine.record(batch(spec.id, 2), [*keyed(3), unknown, other])
    await engine.quarantine.settle(batch(spec.id, 2))
    nameless, failed = [one for one in await engine.quarantine.summary() if one.table == spec.id]
    assert (failed.column, failed.reason, failed.entries, failed.rows) == ("a", "failed", 4, 8)
    assert (nameless.column, nameless.reason, nameless.entries) == (None, "too_long", 1)
    entries = await engine.quarantine.open(spec.id)
    assert failed.first_seen == entries[0].first_seen
    assert failed.last_seen == max(one.last_seen for one in entries if one.rejection.column)
    assert failed.first_seen <= nameless.first_seen


async def test_resolved_entries_are_purged_or_all_of_them(engine: Engine, spec: TableSpec) -> None:
    """What is open stays unless it is asked for, and comes back if it is found again."""
    await engine.quarantine.record(batch(spec.id, 1), keyed(5))
    await engine.quarantine.record(batch(spec.id, 2), keyed(2))
    await engine.quarantine.settle(batch(spec.id, 2))
    assert await engine.quarantine.purge(spec.id, resolved_only=True) == 3
    assert await engine.quarantine.purge(spec.id, resolved_only=True) == 0
    assert len(await engine.quarantine.open(spec.id)) == 2
    assert await engine.quarantine.purge(spec.id, resolved_only=False) == 2
    assert spec.id not in await engine.quarantine.tables()
    await engine.quarantine.record(batch(spec.id, 3), keyed(1))
    (one,) = await engine.quarantine.open(spec.id)
    assert one.first_batch == 3
