"""Which rows of a batch the target does not take: found by loading ever smaller pieces.

Law 6: one bad row does not stop a table, and is not lost from sight either. Every trial is rolled
back; it goes as far as the stage, whose columns are those of bronze, without its indexes.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import dataclass

import polars as pl

from cdc_daemon.errors import RowRefused
from cdc_daemon.load.changes import CHANGE_COLUMNS, opening_rows
from cdc_daemon.load.statements import Statements
from cdc_daemon.model.change import POSITION
from cdc_daemon.ports.flow import Compared
from cdc_daemon.ports.sql import SqlDatabase, SqlSession
from cdc_daemon.ports.target import Refusal

MOST = 1_000
"""Rows that are looked for: beyond, it is not the rows that are bad."""


class _RolledBack(Exception):
    """Ends a trial."""


@dataclass(frozen=True, slots=True)
class Isolation:
    """Tries rows out, one batch's."""

    database: SqlDatabase
    statements: Statements

    async def refused(self, compared: Compared) -> tuple[Refusal, ...]:
        """The rows that are not taken.

        Raises:
            RowRefused: they are more than ``MOST``.
        """
        found: list[Refusal] = []
        async with aclosing(opening_rows(compared)) as frames:
            async for frame in frames:
                await self._halve(compared, frame, found)
        return tuple(found)

    async def _halve(self, compared: Compared, rows: pl.DataFrame, found: list[Refusal]) -> None:
        todo = [rows]
        while todo:
            piece = todo.pop()
            error = await self._tried(compared, piece)
            if error is None:
                continue
            if piece.height > 1:
                half = piece.height // 2
                todo += [piece[half:], piece[:half]]
                continue
            found.append(Refusal(piece[POSITION].item(), error.reason, error.column))
            if len(found) > MOST:
                raise error

    async def _tried(self, compared: Compared, rows: pl.DataFrame) -> RowRefused | None:
        try:
            async with _trial(self.database) as session:
                await self._try(session, compared, rows)
        except RowRefused as error:
            return error
        return None

    async def _try(self, session: SqlSession, compared: Compared, rows: pl.DataFrame) -> None:
        say, begun = self.statements, compared.begun
        columns = begun.history.table.columns
        create = say.dialect.create_load(say.load, columns)
        await session.bulk_load(say.load, columns, CHANGE_COLUMNS, _one(rows), create=create)
        for statement in begun.history.ddl:
            await session.execute(statement)
        for stage in (say.stage_opened(), say.stage_rewritten()):
            await session.execute(stage, begun.batch.number, begun.batch.read_at)


@asynccontextmanager
async def _trial(database: SqlDatabase) -> AsyncIterator[SqlSession]:
    """A transaction that comes to nothing."""
    with suppress(_RolledBack):
        async with database.transaction() as session:
            yield session
            raise _RolledBack


async def _one(frame: pl.DataFrame) -> AsyncGenerator[pl.DataFrame, None]:
    yield frame
