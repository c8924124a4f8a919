"""A table with rules that is read, read again, or given up: counted once, closed, off the loop."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from cdc_daemon.cdc.compare import CAPTURED_SCHEMA
from cdc_daemon.cdc.row_hash import key_digest
from cdc_daemon.extract.apart import APART_SCHEMA, Apart
from cdc_daemon.extract.digests import Digests
from cdc_daemon.extract.extractor import Extractor, bound
from cdc_daemon.extract.landing import Landing
from cdc_daemon.model.table import RuleSpec
from cdc_daemon.ports.source import DoesNotFit
from cdc_daemon.schema.table import SourceTable
from cdc_daemon.schema.types import Integer, Text
from cdc_daemon.transformation import NullTransformer, Rule
from cdc_daemon.transformation.configured import NO_RULES, Made, TableRules, built
from tests.factories import make_frame, make_spec, make_table

TABLE = make_table({"K": Text(), "V": Text(), "N": Integer(64)}, key=("K",))
GOOD, BAD = "ann@example.com", "no address"
Row = tuple[str, str, int]


def rule(use: str, column: str | None = None, **options: Any) -> RuleSpec:
    return RuleSpec(use=use, origin="a line", column=column, options=options)


MASK = rule("mask", "V", kind="email", unmatched="reject")
KEEP = rule("filter", keep={"column": "N", "equals": 1})


@dataclass
class Readings:
    """A table that gives other rows each time it is read: implements ``ports.source.Reading``."""

    each: list[Sequence[Row]]
    table: SourceTable
    unfit: str = ""
    closed: int = 0

    async def batches(self, columns):
        as_text = {column.field for column in columns if column.as_text}
        try:
            for row in self.each.pop(0):
                yield make_frame(columns, [row])
            if self.unfit and self.unfit not in as_text:
                raise DoesNotFit(self.unfit)
        finally:
            self.closed += 1


def extractor(reading: Readings, folder: Path, *rules: RuleSpec) -> Extractor:
    made, issues = built(rules, lambda _: "")
    assert not issues
    folder.mkdir()
    return Extractor(
        spec=make_spec(),
        reading=reading,
        rules=made,
        resolved=made.bind(make_spec(), reading.table),
        apart=Apart(Digests(Landing(folder), APART_SCHEMA)),
        max_key_bytes=900,
    )


@pytest.mark.asyncio
@pytest.mark.parametrize("why", ["a duplicate", "no fit"])
async def test_a_table_that_is_read_again_is_counted_once(tmp_path, why):
    """Without a snapshot a row came twice, once set apart; or a value took its column as text."""
    rows = [("a", GOOD, 1), ("b", BAD, 1), ("c", GOOD, 2), ("d", GOOD, 1)]
    table, first = replace(TABLE, snapshot=False), [("a", BAD, 1), *rows]
    unfit = "c1" if why == "no fit" else ""
    reading = Readings([rows if unfit else first, rows], table, unfit)
    extracting = extractor(reading, tmp_path / "apart", MASK, KEEP)
    landing, found = Landing(tmp_path), Digests(Landing(tmp_path / "apart"), CAPTURED_SCHEMA)
    shape = await extracting.land_unique(landing, found)
    summary = extracting.apart.summary()
    assert (found.rows, landing.rows, summary.rejected, summary.filtered) == (2, 2, 1, 1)
    assert [one.key for one in summary.rejections] == [
        key_digest(make_frame(TABLE.columns, [("b", BAD, 1)]), TABLE.key_columns).item()
    ]
    assert (reading.closed, shape.columns[1].as_text) == (2, bool(unfit))


@pytest.mark.asyncio
async def test_who_stops_in_between_leaves_no_reading_open(tmp_path):
    """A batch that is cancelled, or whose disk is full, holds no session of the source."""
    reading = Readings([[("a", GOOD, 1), ("b", GOOD, 1), ("c", GOOD, 1)]], TABLE)
    extracting = extractor(reading, tmp_path / "apart", MASK)
    resolved = await bound(extracting.rules, extracting.spec, TABLE)
    async with aclosing(extracting.rows(resolved)) as frames:
        await anext(frames)
    assert reading.closed == 1


@pytest.mark.asyncio
async def test_rules_are_tried_out_beside_the_event_loop():
    """They take their time for a wide table: the loop goes on meanwhile (DESIGN 4)."""
    tried_in: list[int] = []

    class Noting(NullTransformer):
        def output(self, column):
            tried_in.append(threading.get_ident())
            return super().output(column)

    spec = rule("a plug-in", "V")
    rules = TableRules((Made(spec, (Rule(action=Noting(), column="V"),)),))
    resolved = await bound(rules, make_spec(), TABLE)
    assert not resolved.changes_nothing
    assert tried_in
    assert threading.get_ident() not in tried_in
    assert (await bound(NO_RULES, make_spec(), TABLE)).changes_nothing
