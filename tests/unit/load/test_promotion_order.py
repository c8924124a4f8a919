"""The order of promote's statements, and what makes it give up."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from cdc_daemon.databases.postgresql.dialect import PostgresDialect
from cdc_daemon.errors import ClockSkew, LostRace, StatementFailed
from cdc_daemon.load.promote import Promoter, counts
from cdc_daemon.model.change import Counts
from cdc_daemon.schema.types import Decimal, Integer
from tests.factories import make_spec, make_table

SAME = ("same", 1, None, None, None)
OLD = ("changed", 2, None, None, "old")
NEW = ("changed", 2, None, None, "new")
ADDED = ("added", 3, None, None, None)
GONE = ("gone", 4, None, None, None)
WORDS = {
    "the ddl": "ddl",
    "the index": "index",
    "LOCK TABLE": "lock",
    "DROP INDEX": "drop",
    "CREATE INDEX": "rebuild",
    "COMMENT ON INDEX": "comment",
    "ANALYZE": "analyze",
    'UPDATE "cdc"."table_state" SET epoch': "fence",
    'UPDATE "cdc"."table_state" SET last_instant': "advance",
    'DELETE FROM "cdc"."window_state"': "forget",
    'INSERT INTO "cdc"."window_state"': "checkpoint",
    'UPDATE "cdc"."batch"': "batch",
    "CREATE TEMPORARY TABLE": "create load",
    'UPDATE "bronze"."core_account"': "close",
    'INSERT INTO "bronze"."core_account"': "open",
    'INSERT INTO "stage"."core_account"': "stage",
}
FULL = ["create load", "bulk load", "fence", "ddl", "index", "stage", "close", "open", "stage"]
RECORD = ["forget", "checkpoint", "advance", "batch"]


@dataclass
class Recorder:
    """A database that notes statements, and touches as many rows as it is told to."""

    touches: dict[str, list[int]] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    values: dict[str, tuple] = field(default_factory=dict)
    tables: list[str] = field(default_factory=list)
    refuses: str = ""
    epoch: int = 3
    alone: bool = True
    ended: str = ""

    @asynccontextmanager
    async def transaction(self):
        try:
            yield self
        except BaseException:
            self.ended = "rolled back"
            raise
        self.ended = "committed"

    @asynccontextmanager
    async def session(self):
        yield self

    async def attempt(self, statement):
        await self.execute(statement)
        return self.alone

    async def fetch(self, statement, *values):
        if "pg_index" in statement:
            self.said.append("look")
            return [("a", ["CREATE INDEX a", "COMMENT ON INDEX a"]), ("b", ["CREATE INDEX b"])]
        assert statement.startswith('SELECT epoch FROM "cdc"."table_state"')
        return [(self.epoch,)]

    async def execute(self, statement, *values):
        (word,) = [word for start, word in WORDS.items() if statement.startswith(start)]
        self.said.append(word)
        self.values.setdefault(word, values)
        if word == self.refuses:
            raise StatementFailed("no", code="23505")
        return self.touches.get(word, [1]).pop(0) if self.touches.get(word, [1]) else 0

    async def bulk_load(self, table, columns, extra, frames, *, create=None):
        if create is not None:
            await self.execute(create)
        self.said.append("bulk load")
        self.tables.append(str(table))
        return sum([frame.height async for frame in frames])


def promoter(database) -> Promoter:
    return Promoter(database=database, dialect=PostgresDialect(), control_schema="cdc")


def planned(deleted=1, closed=2, opened=2):
    return {"stage": [deleted, opened], "close": [closed], "open": [opened]}


async def changes(situation, **state):
    return await situation.compared([[SAME, NEW, ADDED]], [[SAME, OLD, GONE]], **state)


@pytest.mark.asyncio
async def test_changes_are_loaded_then_fenced_then_closed_then_opened(situation):
    """Last values are staged before the close, and close comes before open (laws 2 and 3)."""
    database = Recorder(planned())
    promoted = await promoter(database).promote(await changes(situation))
    assert database.said == [*FULL, *RECORD]
    assert database.ended == "committed"
    assert promoted.epoch == 4
    assert promoted.counts == Counts(
        extracted=3, inserted=1, updated=1, reopened=0, deleted=1, unchanged=1
    )


@pytest.mark.asyncio
async def test_nothing_changed_writes_no_row(situation):
    """Only the fence and the record move: no write to stage or bronze (law 5)."""
    database = Recorder()
    await promoter(database).promote(await situation.compared([[SAME]], [[SAME]]))
    assert database.said == ["fence", "ddl", "index", *RECORD]


@pytest.mark.asyncio
async def test_a_first_load_goes_straight_into_bronze(situation):
    """Indexes follow the rows and the fence comes last; stage gets nothing."""
    database = Recorder()
    await promoter(database).promote(await situation.compared([[SAME], [NEW]], first=True))
    assert database.said == ["ddl", "bulk load", "index", "analyze", "fence", *RECORD]
    assert database.tables == [str(make_spec().bronze)]


@pytest.mark.asyncio
async def test_a_first_load_with_values_sent_as_text_goes_through_the_load_table(situation):
    """Where the server has to read values, rows are loaded first and cast on their way."""
    situation.table = make_table({"ID": Integer(64), "N": Decimal()})
    database = Recorder({"open": [2]})
    await promoter(database).promote(
        await situation.compared([[(1, "0.1"), (2, "NaN")]], first=True)
    )
    loaded = ["create load", "bulk load", "ddl", "open", "index", "analyze", "fence"]
    assert database.said == [*loaded, *RECORD]
    assert database.tables == [str(PostgresDialect().load_table(make_spec(), 7))]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("step", "touched"),
    [
        ("fence", [0]),
        ("close", [1]),
        ("close", [3]),
        ("open", [1]),
        ("open", [3]),
        ("stage", [0, 2]),
        ("stage", [1, 1]),
        ("batch", [0]),
    ],
)
async def test_rows_that_differ_from_the_plan_are_a_lost_race(situation, step, touched):
    """Whatever touches other rows than were planned is rolled back whole (law 2)."""
    database = Recorder(planned() | {step: touched})
    with pytest.raises(LostRace):
        await promoter(database).promote(await changes(situation))
    assert database.ended == "rolled back"
    assert database.said[-1] == step


@pytest.mark.asyncio
async def test_a_first_load_that_loses_the_fence_is_rolled_back(situation):
    """Rows streamed into bronze before the fence do not stay without it (law 2)."""
    database = Recorder({"fence": [0]})
    with pytest.raises(LostRace):
        await promoter(database).promote(await situation.compared([[SAME]], first=True))
    assert database.ended == "rolled back"


@pytest.mark.asyncio
@pytest.mark.parametrize(("epoch", "error"), [(4, LostRace), (3, StatementFailed)])
async def test_a_statement_refused_because_of_another_batch_is_a_lost_race(situation, epoch, error):
    """A refusal is somebody else's doing exactly if the epoch moved meanwhile (law 2)."""
    database = Recorder(planned(), refuses="ddl", epoch=epoch)
    with pytest.raises(error):
        await promoter(database).promote(await changes(situation))
    assert database.ended == "rolled back"


@pytest.mark.asyncio
async def test_a_batch_is_of_one_instant_after_the_last(situation):
    """Close, stage, open and the record carry one instant, past the table's last (law 3)."""
    compared = await changes(situation)
    read_at = compared.begun.batch.read_at
    database = Recorder(planned())
    promoted = await promoter(database).promote(
        await _again(situation, last_instant=read_at + timedelta(seconds=1))
    )
    at = read_at + timedelta(seconds=1, microseconds=1)
    assert promoted.instant == at
    for step in ("close", "open", "stage", "advance", "batch"):
        assert at in database.values[step]
    assert read_at in database.values["checkpoint"]
    assert database.values["fence"][-1] == 3


@pytest.mark.asyncio
async def test_a_clock_far_behind_writes_nothing(situation):
    """A last instant far ahead holds the table before a transaction begins."""
    compared = await changes(situation)
    ahead = compared.begun.batch.read_at + timedelta(minutes=5, microseconds=1)
    database = Recorder()
    with pytest.raises(ClockSkew):
        await promoter(database).promote(await _again(situation, last_instant=ahead))
    assert (database.said, database.ended) == ([], "")


@pytest.mark.asyncio
async def test_reopened_keys_are_not_counted_as_new(situation):
    """An inserted position whose key was there before counts as reopened."""
    compared = await situation.compared([[SAME, ADDED, NEW]], reopened=[1])
    seen = counts(compared)
    assert (seen.inserted, seen.reopened, seen.opened, seen.closed) == (2, 1, 3, 0)


async def _again(situation, **state):
    situation.folder = situation.folder / "again"
    situation.folder.mkdir()
    return await changes(situation, **state)
