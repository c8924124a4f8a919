"""What is carried and what is set apart: every row once, and keys as they would have landed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdc_daemon.cdc.row_hash import HASH, KEY, key_digest, row_hash_v1
from cdc_daemon.errors import NullKey, RowRejected
from cdc_daemon.extract.apart import APART_SCHEMA, MOST, Apart
from cdc_daemon.extract.carrying import NULL_KEY, Carrying
from cdc_daemon.extract.digests import Digests
from cdc_daemon.extract.landing import Landing
from cdc_daemon.model.guard import GuardLimits
from cdc_daemon.model.table import RuleSpec
from cdc_daemon.schema.types import Integer, Text
from cdc_daemon.transformation.configured import built
from tests.factories import make_frame, make_spec, make_table

TABLE = make_table({"K": Text(), "V": Text(), "N": Integer(64)}, key=("K",))
SECRET = "a key of at least sixteen bytes"
GOOD, BAD = "ann@example.com", "no address"
Row = tuple[str | None, str | None, int | None]


def rule(use: str, column: str | None = None, **options: Any) -> RuleSpec:
    return RuleSpec(use=use, origin="a line", column=column, options=options)


MASK = rule("mask", "V", kind="email", unmatched="reject")
KEEP = rule("filter", keep={"column": "N", "equals": 1})
DELETE = rule("filter", keep={"column": "N", "equals": 1}, deletes=True)
HASHED_KEY = rule("hash", "K", key=SECRET, truncate=32)
MASKED_KEY = rule("mask", "K", kind="email", unmatched="reject")


@dataclass
class Outcome:
    """What became of rows."""

    rows: pl.DataFrame
    apart: Apart


def carrying(*rules: RuleSpec, only: Sequence[int] | None = None, nulls: float = 0.0) -> Carrying:
    spec = make_spec(guards=GuardLimits(max_null_key_share=nulls))
    made, issues = built(rules, lambda _: SECRET)
    assert not issues
    return Carrying(
        spec=spec,
        rules=made.bind(spec, TABLE),
        max_key_bytes=900,
        only=None if only is None else pl.Series(only, dtype=pl.UInt128),
    )


async def carried(work: Carrying, folder: Path, *pieces: Sequence[Row]) -> Outcome:
    async def frames():
        for rows in pieces:
            yield make_frame(TABLE.columns, rows)

    folder.mkdir(exist_ok=True)  # noqa: ASYNC240 - a test
    apart = Apart(Digests(Landing(folder), APART_SCHEMA))
    found = [frame async for frame in work.each(frames(), apart)]
    return Outcome(pl.concat(found), apart)


def digests(*keys: str) -> list[int]:
    frame = make_frame(TABLE.columns, [(key, None, None) for key in keys])
    return key_digest(frame, TABLE.key_columns).to_list()


@pytest.mark.asyncio
async def test_what_is_carried_is_hashed_as_it_lands(tmp_path):
    """Row hash and key digest are those of the transformed values (law 5)."""
    work = carrying(MASK, HASHED_KEY)
    rows = (await carried(work, tmp_path, [("a", GOOD, 1)], [("b", None, 2)])).rows
    table = work.rules.table
    assert rows[HASH].equals(row_hash_v1(rows, table.columns))
    assert rows[KEY].equals(key_digest(rows, table.key_columns))
    assert rows["c1"].to_list() == ["a**@example.com", None]


@pytest.mark.asyncio
async def test_a_rejected_row_is_told_by_column_reason_and_key(tmp_path):
    """Law 9: nothing else of it is left; its key is set apart (law 10)."""
    done = await carried(carrying(MASK), tmp_path, [("a", GOOD, 1), ("b", BAD, 1)])
    (one,) = done.apart.summary().rejections
    assert (one.column, one.reason, one.key) == ("V", "unrecognised", *digests("b"))
    assert done.apart.keys.part(0, 1)[KEY].to_list() == digests("b")
    assert done.rows["c0"].to_list() == ["a"]
    assert not done.apart.summary().unknown


@pytest.mark.asyncio
async def test_the_key_of_a_rejected_row_is_that_it_would_have_landed_with(tmp_path):
    """A key that is transformed is known by its result: only that is in history."""
    done = await carried(carrying(MASK, HASHED_KEY), tmp_path, [("a", BAD, 1)])
    good = await carried(carrying(MASK, HASHED_KEY), tmp_path / "good", [("a", GOOD, 1)])
    assert done.apart.summary().rejections[0].key == good.rows[KEY].item()


@pytest.mark.asyncio
async def test_keys_that_are_told_are_not_mixed_up_with_those_that_are_not(tmp_path):
    """Where some keys of a frame cannot be told, each other row still has its own."""
    rows = [("bad", BAD, 1), ("bob@x.org", BAD, 1), ("worse", GOOD, 1), ("cyd@x.org", BAD, 1)]
    done = await carried(carrying(MASK, MASKED_KEY), tmp_path, rows)
    summary = done.apart.summary()
    assert (summary.rejected, summary.unknown) == (4, True)
    by_key = {one.key: one for one in summary.rejections}
    assert {by_key[key].column for key in digests("b**@x.org", "c**@x.org")} == {"V"}
    assert {(r.column, r.rows) for r in summary.rejections if r.key is None} == {("K", 2), ("V", 1)}


@pytest.mark.asyncio
async def test_a_filtered_row_keeps_its_key_apart_unless_it_counts_as_deleted(tmp_path):
    """Law 10: only a filter that says so lets a key be taken for deleted."""
    rows = [("a", None, 1), ("b", None, 2), ("c", None, None)]
    kept = (await carried(carrying(KEEP), tmp_path / "keep", rows)).apart
    assert sorted(kept.keys.part(0, 1)[KEY]) == sorted(digests("b", "c"))
    gone = (await carried(carrying(DELETE), tmp_path / "delete", rows)).apart
    assert (gone.filtered, gone.keys.rows, gone.summary().unknown) == (2, 0, False)


@pytest.mark.asyncio
async def test_rows_without_a_key_are_counted_once_where_some_are_allowed(tmp_path):
    """Beside a row that its rule rejects, and over several frames, they are one entry."""
    pieces = [[(None, GOOD, 1), ("b", BAD, 1), (None, None, 1)], [(None, None, 1)]]
    apart = (await carried(carrying(MASK, nulls=0.9), tmp_path, *pieces)).apart
    assert (apart.rejected, apart.keyless, apart.summary().unknown) == (4, 3, True)
    rows = {one.reason: one.rows for one in apart.summary().rejections}
    assert rows == {"unrecognised": 1, NULL_KEY: 3}
    with pytest.raises(NullKey):
        await carried(carrying(), tmp_path, pieces[0])


@pytest.mark.asyncio
async def test_a_rule_that_is_to_stop_the_table_names_no_value(tmp_path):
    """The column and how many rows; law 9."""
    stop = rule("convert", "V", to="integer", on_failure="fail")
    with pytest.raises(RowRejected, match=r"2 row\(s\): column V: ") as caught:
        await carried(carrying(stop), tmp_path, [("a", BAD, 1), ("b", "1", 1), ("c", BAD, 1)])
    assert BAD not in str(caught.value)


@pytest.mark.asyncio
@pytest.mark.parametrize("key_rule", [None, HASHED_KEY])
async def test_a_replay_counts_nothing_of_rows_that_it_passes_over(tmp_path, key_rule):
    """Whether keys are transformed or not: rejected, filtered and keyless rows of others too."""
    rules = [MASK, KEEP, *([key_rule] if key_rule else [])]
    wanted = [("a", GOOD, 1), ("b", BAD, 1), ("c", GOOD, 2)]
    others = [("d", GOOD, 1), ("e", BAD, 1), ("f", GOOD, 2), (None, GOOD, 1)]
    first = await carried(carrying(*rules), tmp_path / "first", wanted)
    keys = [*first.rows[KEY], *first.apart.keys.part(0, 1)[KEY]]
    assert len(keys) == 3
    work = carrying(*rules, only=keys, nulls=0.01)
    again = await carried(work, tmp_path / "again", [*others, *wanted])
    assert again.rows.equals(first.rows)
    assert again.apart.summary() == first.apart.summary()
    assert (again.apart.rows, again.apart.keyless) == (2, 0)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.lists(
            st.tuples(
                st.sampled_from(("ann@x.org", "bob@x.org", "odd", None)),
                st.sampled_from((GOOD, BAD, None)),
                st.sampled_from((1, 2, None)),
            ),
            max_size=8,
        ),
        min_size=1,
        max_size=3,
    ),
    st.sets(st.sampled_from((MASK.column, "filter", "key")), max_size=3),
)
def test_every_row_is_carried_rejected_or_filtered(pieces, chosen):
    """Each exactly once, as plain Python has it; and a key that is not told makes ``unknown``."""
    found = {"V": MASK, "filter": KEEP, "key": MASKED_KEY}
    work = carrying(*(found[name] for name in sorted(chosen)), nulls=1.0)
    fates = {"carried": 0, "rejected": 0, "filtered": 0}
    unknown = False
    for key, value, number in (row for rows in pieces for row in rows):
        keyless = key is None or ("key" in chosen and key == "odd")
        if "filter" in chosen and number != 1:
            fates["filtered"] += 1
            unknown |= keyless
        elif keyless or ("V" in chosen and value == BAD):
            fates["rejected"] += 1
            unknown |= keyless
        else:
            fates["carried"] += 1
    with TemporaryDirectory() as folder:
        done = asyncio.run(carried(work, Path(folder), *pieces))
    apart = done.apart
    assert fates == {
        "carried": done.rows.height,
        "rejected": apart.rejected,
        "filtered": apart.filtered,
    }
    assert apart.summary().unknown == unknown
    assert sum(fates.values()) == sum(map(len, pieces))


def test_a_frame_of_rejected_rows_costs_what_a_frame_costs():
    """Law 11: of 50,000 rejections those are made that are kept, and the rest is counted."""
    frame = make_frame(TABLE.columns, [(str(n), BAD, 1) for n in range(50_000)])
    work = carrying(MASK)
    began = time.thread_time()
    rows, left = work._carried(frame)
    assert time.thread_time() - began < 1.0
    assert left is not None
    assert (rows.height, left.rejected, left.keys.len()) == (0, 50_000, 50_000)
    assert (len(left.rejections), left.unlisted) == (MOST, 50_000 - MOST)


def test_a_table_without_rules_gets_its_frame_back():
    """Nothing is transformed, set apart or copied where no rule is for the table."""
    work = carrying()
    frame = make_frame(TABLE.columns, [("a", "b", 1)])
    rows, left = work._carried(frame)
    assert left is None
    assert rows.drop(KEY, HASH).equals(frame)
    assert replace(work, only=None)._wanted(frame) is frame
