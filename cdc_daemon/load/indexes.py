"""Which indexes of bronze are dropped while a batch loads, when, and that they come back.

Law 3: its unique index is never among them. All of it is part of promote's transaction, so that
whatever ends a batch early leaves every index as it was (law 7).
"""

from __future__ import annotations

from dataclasses import dataclass

from cdc_daemon.model.table import TableSpec
from cdc_daemon.ports.dialect import TargetDialect
from cdc_daemon.ports.flow import History, Index
from cdc_daemon.ports.sql import SqlSession
from cdc_daemon.schema.table import SourceTable

LEAST_OPENED = 10_000
"""Versions. Fewer are put into any index in less time than its readers should be kept waiting."""


def rebuilds(history: History, opened: int) -> bool:
    """Whether a batch that opens so many versions drops the secondary indexes meanwhile.

    On a first load it always does: there, one row stands for all those that are still to come.
    """
    if not history.secondary or history.rebuild_above is None or not opened:
        return False
    if history.is_empty:
        return True
    most = history.rebuild_above * history.state.open_versions
    return opened >= LEAST_OPENED and opened > most


def rebuild_ddl(history: History, opened: int) -> tuple[str, ...]:
    """What that comes to, in statements."""
    indexes = history.secondary if rebuilds(history, opened) else ()
    drops = (index.drop for index in indexes)
    return (*drops, *(statement for index in indexes for statement in index.create))


async def secondary(
    session: SqlSession, dialect: TargetDialect, spec: TableSpec
) -> tuple[Index, ...]:
    """The indexes that are there now and may be dropped."""
    bronze = spec.bronze
    rows = await session.fetch(dialect.secondary_indexes(), bronze.schema, bronze.name)
    return tuple(
        Index(
            drop=dialect.drop_index(spec, name),
            create=(create,) if isinstance(create, str) else tuple(create),
        )
        for name, create in rows
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuild:
    """The indexes of one table, inside promote's transaction."""

    session: SqlSession
    dialect: TargetDialect
    spec: TableSpec
    table: SourceTable

    async def dropped(self, history: History, opened: int) -> tuple[Index, ...]:
        """Drop them, if it is worth it and nobody is at the table.

        A batch neither waits for a reader nor makes others wait behind it: it takes longer then.
        """
        if not rebuilds(history, opened):
            return ()
        if not await self.session.attempt(self.dialect.lock_alone(self.spec)):
            return ()
        # as they are now, under the lock: others may have changed them since ``prepare``
        found = await secondary(self.session, self.dialect, self.spec)
        for index in found:
            await self.session.execute(index.drop)
        return found

    async def built(self, dropped: tuple[Index, ...]) -> None:
        """Make them again; then tell the planner of the rows that came, for the next close."""
        for index in dropped:
            for statement in index.create:
                await self.session.execute(statement)
        if statistics := self.dialect.gather_statistics(self.spec, self.table):
            await self.session.execute(statistics)
