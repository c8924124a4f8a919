"""When indexes are dropped around a batch, in which order, and what `plan` says of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cdc_daemon.errors import StatementFailed
from cdc_daemon.load import indexes
from cdc_daemon.load.indexes import LEAST_OPENED, rebuild_ddl, rebuilds
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.ports.flow import History, Index
from tests.factories import TABLE, make_table
from tests.unit.load.test_promotion_order import RECORD, Recorder, changes, planned, promoter

SEEN = (
    Index(drop="DROP INDEX a", create=("CREATE INDEX a", "COMMENT ON INDEX a")),
    Index(drop="DROP INDEX b", create=("CREATE INDEX b",)),
)
DROPPED = ["lock", "look", "drop", "drop"]
REBUILT = ["rebuild", "comment", "rebuild", "analyze"]
WRITTEN = ["stage", "close", "open", "stage"]
FIRST = ("same", 1, None, None, None)


def history(opened=100_000, **other) -> History:
    """A history of so many open versions, with two secondary indexes."""
    given = {"is_empty": False, "secondary": SEEN, "rebuild_above": 0.5} | other
    state = TableState(table=TABLE, epoch=3, open_versions=opened)
    return History(state=state, table=make_table(), **given)


@pytest.mark.parametrize(
    ("found", "opened", "rebuilt"),
    [
        (history(), 50_001, True),
        (history(), 50_000, False),
        (history(rebuild_above=0.1), 10_001, True),
        (history(rebuild_above=2.0), 200_000, False),
        (history(rebuild_above=2.0), 200_001, True),
        (history(rebuild_above=None), 1_000_000, False),
        (history(secondary=()), 1_000_000, False),
        (history(0), LEAST_OPENED, True),
        (history(0), LEAST_OPENED - 1, False),
        (history(100), LEAST_OPENED - 1, False),
        (history(0, is_empty=True), 1, True),
        (history(0, is_empty=True), 0, False),
        (history(0, is_empty=True, rebuild_above=None), 1_000_000, False),
        (history(0, is_empty=True, secondary=()), 1_000_000, False),
    ],
)
def test_indexes_are_rebuilt_on_a_first_load_or_above_the_ratio(found, opened, rebuilt):
    """Versions opened by versions open before; never for a few, never where told never."""
    assert rebuilds(found, opened) is rebuilt
    drops, creates = ("DROP INDEX a", "DROP INDEX b"), (*SEEN[0].create, *SEEN[1].create)
    assert rebuild_ddl(found, opened) == ((*drops, *creates) if rebuilt else ())


@pytest.fixture
def of_a_few(monkeypatch):
    """Batches of a few rows count."""
    monkeypatch.setattr(indexes, "LEAST_OPENED", 1)


@pytest.mark.asyncio
async def test_indexes_go_under_the_fence_and_are_back_before_the_checkpoint(situation, of_a_few):
    """Fence, drop, close, open, rebuild, statistics, checkpoint: one transaction (law 7)."""
    database = Recorder(planned())
    await promoter(database).promote(await changes(situation, secondary=SEEN, open_versions=3))
    ready = ["create load", "bulk load", "fence", "ddl", "index"]
    assert database.said == [*ready, *DROPPED, *WRITTEN, *REBUILT, *RECORD]
    assert database.ended == "committed"


@pytest.mark.asyncio
async def test_at_the_ratio_nothing_is_dropped(situation, of_a_few):
    """Two versions opened of four is a half, which is not above it: no lock, no statistics."""
    database = Recorder(planned())
    await promoter(database).promote(await changes(situation, secondary=SEEN, open_versions=4))
    assert not {*DROPPED, *REBUILT} & {*database.said}


@pytest.mark.asyncio
async def test_somebody_at_the_table_keeps_its_indexes(situation, of_a_few):
    """No batch waits for a reader or makes one wait: it goes on with the indexes in place."""
    database = Recorder(planned(), alone=False)
    await promoter(database).promote(await changes(situation, secondary=SEEN, open_versions=3))
    assert [word for word in database.said if word in {*DROPPED, *REBUILT}] == ["lock"]
    assert database.ended == "committed"


@pytest.mark.asyncio
async def test_an_index_that_cannot_be_rebuilt_rolls_everything_back(situation, of_a_few):
    """No batch leaves a table without an index it had (law 7)."""
    database = Recorder(planned(), refuses="rebuild")
    compared = await changes(situation, secondary=SEEN, open_versions=3)
    with pytest.raises(StatementFailed):
        await promoter(database).promote(compared)
    assert (database.said[-1], database.ended) == ("rebuild", "rolled back")


@pytest.mark.asyncio
async def test_a_first_load_into_a_table_with_indexes_drops_them_first(situation):
    """They go before the first row and are made after the unique one, of all rows at once."""
    database = Recorder()
    compared = await situation.compared([[FIRST], []], first=True, secondary=SEEN)
    await promoter(database).promote(compared)
    loaded = ["ddl", *DROPPED, "bulk load", "index", *REBUILT, "fence"]
    assert database.said == [*loaded, *RECORD]


@pytest.mark.asyncio
async def test_a_first_load_without_rows_touches_no_index(situation):
    """A table that stays empty is not locked, rebuilt and analysed with every batch (law 5)."""
    database = Recorder()
    await promoter(database).promote(await situation.compared([[]], first=True, secondary=SEEN))
    assert database.said == ["ddl", "bulk load", "index", "fence", *RECORD]


@pytest.mark.asyncio
async def test_a_target_that_gathers_statistics_by_itself_is_not_asked_to(situation):
    """An engine's dialect may have no statement for it."""
    database = Recorder()
    silent = replace(promoter(database), dialect=_Silent())
    await silent.promote(await situation.compared([[FIRST]], first=True))
    assert "analyze" not in database.said


class _Silent(type(promoter(Recorder()).dialect)):
    """A dialect without statistics."""

    __slots__ = ()

    def gather_statistics(self, spec, table):
        return None
