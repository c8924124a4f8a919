"""``ports.target.Target``: what is read of a history, and what promote writes when all is well."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import polars as pl
import pytest

from cdc_daemon.cdc.compare import LATER, VERSION
from cdc_daemon.cdc.row_hash import CURRENT, HASH
from cdc_daemon.errors import IncompatibleChange
from cdc_daemon.model.change import POSITION
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.scd2.invariants import violations
from cdc_daemon.schema.types import Integer
from tests.contract.engines.base import WIDE, Engine, Fed, version_frame
from tests.contract.engines.flow import Flow
from tests.factories import make_frame, make_table

pytestmark = pytest.mark.asyncio

SECOND = timedelta(seconds=1)
A = ("a", "bc", "x", 1, Decimal("1.50"))
A2 = ("a", "bc", "y", 1, Decimal("1.50"))
B = ("ab", "c", None, None, None)
C = ("c", "", "", 0, Decimal(0))


async def test_the_clock_is_an_instant_in_utc_that_goes_on(engine: Engine) -> None:
    """Every instant of the system is one of the target's clock, and knows its zone."""
    await engine.target.ping()
    first, second = await engine.target.now(), await engine.target.now()
    assert first.utcoffset() == timedelta(0)
    assert first <= second


# -- prepare, open_versions, known ------------------------------------------------------------


async def test_a_new_table_is_empty_and_preparing_writes_nothing(flow: Flow) -> None:
    """A table that never ran has no history: epoch 0, and asking leaves no trace."""
    history = await flow.prepare()
    assert history.is_empty
    assert history.state == TableState(table=flow.spec.id)
    assert history.table == flow.table
    assert flow.spec.id not in await flow.engine.states.all()
    assert (await flow.prepare()).is_empty


async def test_a_loaded_table_needs_nothing_more(flow: Flow) -> None:
    """After the first load the fence has moved and no statement is left to be run."""
    promoted = await flow.batch([A, B])
    history = await flow.prepare()
    assert not history.is_empty
    assert (history.ddl, history.indexes) == ((), ())
    assert (history.state.epoch, history.state.last_instant) == (1, promoted.instant)


async def test_a_history_whose_rows_are_all_closed_is_not_empty(flow: Flow) -> None:
    """What was deleted is history too: the next batch is compared, and reopens."""
    await flow.batch([A])
    await flow.batch([])
    assert not (await flow.prepare()).is_empty
    assert (await flow.batch([A])).counts.reopened == 1


async def test_a_new_column_is_absorbed(flow: Flow) -> None:
    """Law 5: a column that is NULL everywhere changes no version; values in it open new ones."""
    await flow.batch([A, B])
    flow.table = make_table({**WIDE.types, "later": Integer(32)}, key=WIDE.key)
    quiet = await flow.batch([(*A, None), (*B, None)])
    assert (quiet.counts.opened, quiet.counts.closed) == (0, 0)
    assert (await flow.batch([(*A, None), (*B, 7)])).counts.updated == 1


@pytest.mark.parametrize(
    "types",
    [
        {name: kind for name, kind in WIDE.types.items() if name != "n"},
        {**WIDE.types, "n": Integer(32)},
    ],
    ids=["gone", "of another type"],
)
async def test_a_column_that_went_or_changed_stops_the_table(flow: Flow, types) -> None:
    """Law 6: history never loses or reinterprets a column in silence; the error names it."""
    await flow.batch([A])
    flow.table = make_table(types, key=WIDE.key)
    with pytest.raises(IncompatibleChange, match=r"\bn\b"):
        await flow.prepare()


async def test_open_versions_are_what_holds_now(flow: Flow) -> None:
    """Keys in carriers, hash and recipe of each open version; closed ones are not among them."""
    await flow.batch([A, B])
    await flow.batch([A2, C])
    frame = await _open(flow, flow.target.clock)
    hashes = {v.key: v.row_hash for v in await flow.versions() if v.valid_to is None}
    assert {row[:2]: row[2] for row in frame.select("c0", "c1", HASH).iter_rows()} == hashes
    assert frame.schema[HASH] == pl.UInt128
    assert frame[VERSION].to_list() == [CURRENT] * 2


async def test_versions_that_began_later_are_marked(flow: Flow) -> None:
    """``_later``: began after the instant that is asked about, to the microsecond."""
    first = await flow.batch([A, B])
    second = await flow.batch([A2, B], first.instant + SECOND)
    for after, later in (
        (first.instant - timedelta(microseconds=1), {("a", "bc"), ("ab", "c")}),
        (first.instant, {("a", "bc")}),
        (second.instant - timedelta(microseconds=1), {("a", "bc")}),
        (second.instant, set()),
    ):
        marked = (await _open(flow, after)).filter(pl.col(LATER))
        assert set(marked.select("c0", "c1").iter_rows()) == later


async def _open(flow: Flow, after) -> pl.DataFrame:
    found = flow.target.open_versions(flow.spec, flow.table.key_columns, after)
    return pl.concat([frame async for frame in found])


async def test_known_keys_have_any_version(flow: Flow) -> None:
    """Operation R: a key is known whether its last version is open or closed, else it is new."""
    await flow.batch([A, B])
    await flow.batch([A])
    key = make_frame(flow.table.key_columns, [("abc", ""), B[:2], ("AB", "c"), A[:2], ("a", "b")])
    begun = await flow.begun()
    keys = key.with_columns(pl.Series(POSITION, [3, 5, 7, 8, 9], dtype=pl.UInt32))
    known = await flow.target.known(begun, keys)
    assert (known.to_list(), known.dtype) == ([5, 8], pl.UInt32)
    assert (await flow.target.known(begun, keys.clear())).len() == 0


# -- promote ------------------------------------------------------------------------------------


async def test_a_first_load_opens_every_row(flow: Flow) -> None:
    """All rows are ``I`` from the instant read; nothing goes to stage."""
    promoted = await flow.batch([A, B])
    assert promoted.instant == flow.target.clock
    assert (promoted.epoch, promoted.counts.inserted, promoted.counts.extracted) == (1, 2, 2)
    assert [(v.row, v.operation, v.valid_from) for v in await flow.versions()] == [
        (A, "I", promoted.instant),
        (B, "I", promoted.instant),
    ]
    assert await flow.feed() == []


async def test_a_first_load_of_nothing_is_a_batch(flow: Flow) -> None:
    """An empty table is promoted as empty; its first row, later on, is ``I`` as any other."""
    assert (await flow.batch([])).epoch == 1
    assert await flow.versions() == []
    await flow.batch([A], flow.target.clock + SECOND)
    assert [v.operation for v in await flow.versions()] == ["I"]


async def test_changes_close_and_open_at_one_instant(flow: Flow) -> None:
    """Law 3: an old version ends where the new one begins; its end says why and by which batch."""
    first = await flow.batch([A, B])
    second = await flow.batch([A2, C], first.instant + SECOND)
    old, new, gone, fresh = await flow.versions()
    assert (old.row, old.valid_to, old.closed_by) == (A, second.instant, "U")
    assert (new.row, new.valid_from, new.operation) == (A2, second.instant, "U")
    assert (gone.row, gone.valid_to, gone.closed_by) == (B, second.instant, "D")
    assert (fresh.row, fresh.valid_from, fresh.operation) == (C, second.instant, "I")
    assert {old.closed_batch, gone.closed_batch, new.batch, fresh.batch} == {second.batch.number}
    assert violations(version_frame(await flow.versions(), WIDE), WIDE.key).total == 0
    counts = second.counts
    assert (counts.updated, counts.deleted, counts.inserted, counts.unchanged) == (1, 1, 1, 0)


async def test_stage_is_fed_with_every_change(flow: Flow) -> None:
    """``D`` rows carry the last known values, the others the new ones, all of the instant."""
    await flow.batch([A, B])
    two = await flow.batch([A2, C])
    three = await flow.batch([A2, B, C])
    assert await flow.feed() == [
        Fed(row=row, operation=operation, batch=by.batch.number, changed_at=by.instant)
        for row, operation, by in ((B, "D", two), (A2, "U", two), (C, "I", two), (B, "R", three))
    ]


async def test_state_and_checkpoint_move_with_the_rows(flow: Flow) -> None:
    """Law 1: epoch, instant, checkpoint and the batch's record say what was promoted."""
    await flow.batch([A, B])
    promoted = await flow.batch([A2], flow.target.clock + SECOND)
    number, state = promoted.batch.number, await flow.engine.states.state(flow.spec.id)
    assert (state.epoch, state.last_batch, state.open_versions) == (2, number, 1)
    assert state.last_instant == promoted.instant
    assert state.last_success is not None
    assert await flow.engine.checkpoint(flow.spec.id) == (number, flow.target.clock, 1)
    assert await flow.engine.status(number) == "promoted"


async def test_nothing_changed_writes_no_row(flow: Flow) -> None:
    """Law 5: stage and bronze stay as they are; epoch, instant and checkpoint move on."""
    await flow.batch([A, B])
    before = await flow.versions(), await flow.feed()
    promoted = await flow.batch([B, A], flow.target.clock + SECOND)
    assert (promoted.counts.unchanged, promoted.counts.opened, promoted.counts.closed) == (2, 0, 0)
    assert (await flow.versions(), await flow.feed()) == before
    assert promoted.epoch == 2
    assert (await flow.engine.states.state(flow.spec.id)).last_instant == flow.target.clock
    assert (await flow.engine.checkpoint(flow.spec.id))[0] == promoted.batch.number


async def test_two_batches_in_one_microsecond_have_two_instants(flow: Flow) -> None:
    """Law 3: no interval is empty, even where the clock stands still: one µs is added."""
    instants = [(await flow.batch([row])).instant for row in (A, A2, A, A2)]
    assert instants == [flow.target.clock + n * timedelta(microseconds=1) for n in range(4)]
    assert [v.row for v in sorted(await flow.versions(), key=lambda v: v.valid_from)] == [
        A,
        A2,
        A,
        A2,
    ]


async def test_stage_keeps_what_its_retention_says(flow: Flow) -> None:
    """``sweep`` removes older rows of the change feed, and nothing from history."""
    now = await flow.engine.target.now()
    await flow.batch([A], now - timedelta(days=40))
    await flow.batch([A2], now - timedelta(days=39))
    kept = await flow.batch([A], now - timedelta(days=1))
    assert await flow.target.sweep(flow.spec) == 1
    assert [fed.batch for fed in await flow.feed()] == [kept.batch.number]
    assert await flow.target.sweep(flow.spec) == 0
    assert len(await flow.versions()) == 3


async def test_tables_do_not_touch_each_other(flow: Flow, specs) -> None:
    """Law 8: a batch of one table leaves state, stage and bronze of another as they were."""
    await flow.batch([A])
    before = await flow.everything()
    mine, flow.spec = flow.spec, replace(specs.fresh(), guards=flow.spec.guards)
    await flow.batch([A2, B])
    await flow.batch([])
    flow.spec = mine
    assert await flow.everything() == before
