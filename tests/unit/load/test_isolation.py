"""Rows that are refused are found by halving, each trial rolled back."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import polars as pl
import pytest

from cdc_daemon.databases.postgresql.dialect import PostgresDialect
from cdc_daemon.errors import LostRace, RowRefused
from cdc_daemon.load import isolate
from cdc_daemon.load.isolate import Isolation
from cdc_daemon.load.promote import Promoter
from cdc_daemon.model.change import POSITION
from cdc_daemon.ports.target import Refusal

OLD = [(f"r{n}", n, None, None, "old") for n in range(40)]
NEW = [(*row[:4], "new") for row in OLD]


@dataclass
class Picky:
    """A database that does not load some positions, or not some operations into stage."""

    bad: frozenset[int] = frozenset()
    bad_staged: str = ""
    loads: int = 0
    ended: list[str] = field(default_factory=list)
    _loaded: pl.DataFrame = field(default_factory=pl.DataFrame)

    @asynccontextmanager
    async def transaction(self):
        try:
            yield self
        except BaseException:
            self.ended.append("rolled back")
            raise
        self.ended.append("committed")

    async def bulk_load(self, table, columns, extra, frames, *, create=None):
        self.loads += 1
        self._loaded = pl.concat([frame async for frame in frames])
        if self.bad & set(self._loaded[POSITION]):
            raise RowRefused("no", code="22021")
        return self._loaded.height

    async def execute(self, statement, *values):
        rewrites = "'W'" in statement
        operations = {"W"} if rewrites else {"I", "U", "R"}
        staged = self._loaded.filter(pl.col("_operation").is_in(operations))
        if statement.startswith("INSERT") and self.bad_staged in set(staged["_operation"]):
            raise RowRefused("no", code="22P02")
        return staged.height


def isolation(database, compared) -> Isolation:
    promoter = Promoter(database=database, dialect=PostgresDialect(), control_schema="cdc")
    return Isolation(database, promoter.statements(compared.begun))


@pytest.mark.asyncio
@pytest.mark.parametrize("bad", [{0}, {39}, {7, 8}, {0, 13, 20, 39}, set()])
@pytest.mark.parametrize("first", [True, False])
async def test_just_those_are_found(situation, bad, first):
    """In any piece, first or last, in far fewer trials than there are rows."""
    pieces = [NEW[:15], NEW[15:]]
    compared = await situation.compared(pieces, () if first else [OLD], first=first)
    database = Picky(frozenset(bad))
    found = await isolation(database, compared).refused(compared)
    assert found == tuple(Refusal(n, "refused_22021") for n in sorted(bad))
    assert database.loads <= 2 + 12 * len(bad)
    assert set(database.ended) == {"rolled back"}


@pytest.mark.asyncio
async def test_rows_that_rewrite_their_versions_are_tried_out_too(situation):
    """Law 6: a value that only the cast into stage refuses is found whatever its row does."""
    compared = await situation.compared([NEW[:4]], [OLD[:4]])
    some = pl.Series([1], dtype=pl.UInt32)
    compared = replace(compared, changes=compared.changes.rewriting(some))
    found = await isolation(Picky(bad_staged="W"), compared).refused(compared)
    assert found == (Refusal(1, "refused_22P02"),)


@pytest.mark.asyncio
async def test_there_is_an_end_to_looking(situation, monkeypatch):
    """Beyond so many it is not the rows: the error is that of a row."""
    monkeypatch.setattr(isolate, "MOST", 3)
    compared = await situation.compared([NEW], first=True)
    with pytest.raises(RowRefused):
        await isolation(Picky(frozenset(range(9))), compared).refused(compared)
    few = await isolation(Picky(frozenset(range(3))), compared).refused(compared)
    assert len(few) == 3


@pytest.mark.asyncio
async def test_another_failure_is_told_as_it_is(situation):
    """A race lost, or a database that is gone, says nothing of rows."""

    class Gone(Picky):
        async def execute(self, statement, *values):
            raise LostRace("gone")

    compared = await situation.compared([NEW], first=True)
    with pytest.raises(LostRace):
        await isolation(Gone(), compared).refused(compared)
