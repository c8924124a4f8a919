"""The one transaction that makes a batch history: stage, bronze, epoch, checkpoint (law 1).

Changes are loaded first, so that the fence is held only for the statements that need it. The
fence is a compare-and-set of the table's epoch; then what closes, then what opens (law 3: never
two open versions); every statement must touch exactly the rows that were planned, or all of it
is rolled back as a lost race (law 2).
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from cdc_daemon.cdc.row_hash import CURRENT
from cdc_daemon.errors import LostRace, StatementFailed
from cdc_daemon.load.changes import (
    CHANGE_COLUMNS,
    VERSION_COLUMNS,
    arriving_of,
    changed_rows,
    counts,
    first_changes,
    first_versions,
    peeked,
)
from cdc_daemon.load.indexes import Rebuild
from cdc_daemon.load.statements import Statements
from cdc_daemon.model.change import Counts
from cdc_daemon.model.run import Promoted
from cdc_daemon.model.window import REPLAY
from cdc_daemon.ports.dialect import TargetDialect
from cdc_daemon.ports.flow import Arriving, Begun, Compared, Index
from cdc_daemon.ports.sql import SqlDatabase, SqlSession
from cdc_daemon.ports.work import spent
from cdc_daemon.scd2.instant import instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Promoter:
    """Promotes compared batches into one target."""

    database: SqlDatabase
    dialect: TargetDialect
    control_schema: str

    async def promote(self, compared: Compared) -> Promoted:
        """Write the batch, or nothing at all.

        Raises:
            LostRace: somebody else promoted the table since it was compared.
            ClockSkew: the table's last instant is far ahead of ``read_at``.
        """
        if compared.begun.history.is_empty:
            return await self.first_load(arriving_of(compared))
        planned = counts(compared)
        async with self._transaction(compared.begun) as step:
            await step.changes(compared, planned)
            await step.checkpoint(planned)
        return step.promoted(planned)

    async def first_load(self, arriving: Arriving) -> Promoted:
        """Write all rows as they come, or nothing at all.

        Raises:
            LostRace, ClockSkew: as ``promote``.
        """
        async with aclosing(arriving.rows), self._transaction(arriving.begun) as step:
            planned = await step.first_load(arriving)
            await step.checkpoint(planned)
        return step.promoted(planned)

    @asynccontextmanager
    async def _transaction(self, begun: Begun) -> AsyncIterator[_Promotion]:
        history, table = begun.history, begun.job.table
        at = instant(table.id, begun.batch.read_at, history.state.last_instant)
        try:
            async with self.database.transaction() as session:
                yield _Promotion(
                    session=session,
                    begun=begun,
                    at=at,
                    dialect=self.dialect,
                    statements=self.statements(begun),
                )
        except StatementFailed as error:
            if await self._epoch(begun) != history.state.epoch:
                raise _lost(begun) from error
            raise

    async def _epoch(self, begun: Begun) -> int:
        table = begun.job.table.id
        async with self.database.session() as session:
            rows = await session.fetch(
                self.statements(begun).epoch(), table.source, table.schema, table.name
            )
        return int(rows[0][0]) if rows else 0

    def statements(self, begun: Begun) -> Statements:
        """What a batch runs."""
        return Statements(
            dialect=self.dialect,
            spec=begun.job.table,
            table=begun.history.table,
            control_schema=self.control_schema,
            load=self.dialect.load_table(begun.job.table, begun.batch.number),
        )


def _loaded(planned: Counts) -> int:
    return planned.opened + planned.deleted + planned.rewritten


def _lost(begun: Begun) -> LostRace:
    epoch = begun.history.state.epoch
    return LostRace(f"{begun.job.table.id}: promoted by somebody else since epoch {epoch}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Promotion:
    """One promote under way, inside its transaction."""

    session: SqlSession
    begun: Begun
    at: datetime
    dialect: TargetDialect
    statements: Statements

    def promoted(self, planned: Counts) -> Promoted:
        """What has become of the batch, once committed."""
        epoch = self.begun.history.state.epoch + 1
        return Promoted(batch=self.begun.batch, instant=self.at, counts=planned, epoch=epoch)

    @property
    def _rebuild(self) -> Rebuild:
        return Rebuild(
            session=self.session,
            dialect=self.dialect,
            spec=self.begun.job.table,
            table=self.begun.history.table,
        )

    @property
    def _id(self) -> tuple[str, str, str]:
        table = self.begun.job.table.id
        return table.source, table.schema, table.name

    async def first_load(self, arriving: Arriving) -> Counts:
        """All rows are new: straight into bronze, indexes after them, nothing into stage."""
        history, columns = self.begun.history, self.begun.history.table.columns
        if not self.dialect.loads_directly(columns):
            return await self._first_load_apart(arriving)
        await self._run(history.ddl)
        gone: tuple[Index, ...] = ()
        if history.secondary:
            some, arriving = await peeked(arriving)
            gone = await self._rebuild.dropped(history, int(some))
        rows = first_versions(arriving, self.at)
        bronze = self.begun.job.table.bronze
        loaded = await self.session.bulk_load(bronze, columns, VERSION_COLUMNS, rows)
        planned = await arriving.verdict()
        self._exactly("load", loaded, planned.opened)
        await self._indexed(loaded, gone)
        return planned

    async def _first_load_apart(self, arriving: Arriving) -> Counts:
        """The same by way of a load table: values that must be cast, or a load of its own session.

        Loaded before anything else: what follows takes locks that the other session may wait for.
        """
        history = self.begun.history
        loaded = await self._load(first_changes(arriving))
        planned = await arriving.verdict()
        self._exactly("load", loaded, planned.opened)
        with spent("promote"):
            await self._run(history.ddl)
            gone = await self._rebuild.dropped(history, min(loaded, 1))
            self._exactly("open", await self._open(), planned.opened)
            await self._dropped_load()
        await self._indexed(loaded, gone)
        return planned

    async def _indexed(self, loaded: int, gone: tuple[Index, ...]) -> None:
        with spent("promote"):
            await self._run(self.begun.history.indexes)
            if loaded:
                await self._rebuild.built(gone)
            await self._fence()

    async def _run(self, statements: Sequence[str]) -> None:
        for statement in statements:
            await self.session.execute(statement)

    async def changes(self, compared: Compared, planned: Counts) -> None:
        """Load what changed, then close and open under the fence."""
        history = self.begun.history
        if not compared.changes.is_empty:
            loaded = await self._load(changed_rows(compared))
            self._exactly("load", loaded, _loaded(planned))
        with spent("promote"):
            await self._fence()
            await self._run((*history.ddl, *history.indexes))
            if not compared.changes.is_empty:  # law 5: else no write to stage or bronze
                gone = await self._rebuild.dropped(history, planned.opened)
                await self._close_and_open(planned)
                if gone:
                    await self._rebuild.built(gone)
                await self._dropped_load()

    async def _close_and_open(self, planned: Counts) -> None:
        run, say, batch = self.session.execute, self.statements, self.begun.batch.number
        staged = await run(say.stage_deleted(), batch, self.at)
        self._exactly("stage deletes", staged, planned.deleted)
        if planned.rewritten:  # before the close, which then finds other hashes there
            await self._rewrite(planned)
        close = self.statements.close_versions()
        closed = await self._in_pieces(close, planned, self.at, batch)
        self._exactly("close", closed, planned.closed)
        self._exactly("open", await self._open(), planned.opened)
        staged = await run(say.stage_opened(), batch, self.at)
        self._exactly("stage", staged, planned.opened)

    async def _rewrite(self, planned: Counts) -> None:
        say, batch = self.statements, self.begun.batch.number
        rewritten = await self._in_pieces(say.rewrite_versions(), planned, CURRENT)
        self._exactly("rewrite", rewritten, planned.rewritten)
        staged = await self.session.execute(say.stage_rewritten(), batch, self.at)
        self._exactly("stage rewrites", staged, planned.rewritten)

    async def _in_pieces(self, statement: str, planned: Counts, *values: object) -> int:
        """Where the engine would lock the whole table for many rows at once."""
        step = self.dialect.close_rows
        if step is None:
            return await self.session.execute(statement, *values)
        touched = 0
        for first in range(0, _loaded(planned), step):
            touched += await self.session.execute(statement, *values, first, first + step)
        return touched

    async def _open(self) -> int:
        batch = self.begun.batch.number
        return await self.session.execute(self.statements.open_versions(), self.at, CURRENT, batch)

    async def _load(self, rows: AsyncGenerator[pl.DataFrame, None]) -> int:
        columns, load = self.begun.history.table.columns, self.statements.load
        create = self.dialect.create_load(load, columns)
        return await self.session.bulk_load(load, columns, CHANGE_COLUMNS, rows, create=create)

    async def _dropped_load(self) -> None:
        if drop := self.dialect.drop_load(self.statements.load):
            await self.session.execute(drop)

    async def _fence(self) -> None:
        epoch = self.begun.history.state.epoch
        if await self.session.execute(self.statements.fence(), *self._id, epoch) != 1:
            raise _lost(self.begun)

    async def checkpoint(self, n: Counts) -> None:
        """Moves only here, with the rows it covers (law 1)."""
        run, say, batch = self.session.execute, self.statements, self.begun.batch
        grown = n.opened - n.closed
        if batch.window == REPLAY:  # a few rows: neither a checkpoint nor a pass
            await run(say.advance_by_replay(), *self._id, self.at, batch.number, grown)
        else:
            await run(say.forget_window(), *self._id, batch.window.name)
            await run(
                say.checkpoint(),
                *(*self._id, batch.window.name, batch.number, batch.read_at, n.extracted),
            )
            rules = json.dumps(dict(self.begun.rules), sort_keys=True)
            await run(say.advance(), *self._id, self.at, batch.number, grown, batch.read_at, rules)
        changed = (n.inserted, n.updated, n.reopened, n.deleted, n.unchanged, n.rewritten)
        rows = (n.extracted, *changed, n.quarantined, n.filtered)
        if await run(say.batch(), batch.number, self.at, *rows) != 1:
            raise LostRace(f"batch {batch.number} was abandoned: another process took the table")

    def _exactly(self, step: str, seen: int, planned: int) -> None:
        if seen != planned:
            raise LostRace(f"{self.begun.job.table.id}: {step} touched {seen} rows, not {planned}")
