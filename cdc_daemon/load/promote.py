"""The one transaction that makes a batch history: stage, bronze, epoch, checkpoint (law 1).

Changes are loaded first, so that the fence is held only for the statements that need it. The
fence is a compare-and-set of the table's epoch; then what closes, then what opens (law 3: never
two open versions); every statement must touch exactly the rows that were planned, or all of it
is rolled back as a lost race (law 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cdc_daemon.cdc.row_hash import CURRENT
from cdc_daemon.errors import LostRace, StatementFailed
from cdc_daemon.load.changes import CHANGE_COLUMNS, VERSION_COLUMNS, changed_rows, first_versions
from cdc_daemon.load.statements import LOAD, LOAD_TABLE, Statements
from cdc_daemon.model.change import Counts
from cdc_daemon.model.run import Promoted
from cdc_daemon.ports.dialect import TargetDialect
from cdc_daemon.ports.flow import Compared
from cdc_daemon.ports.sql import SqlDatabase, SqlSession
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
        landed = compared.landed
        history = landed.history
        at = instant(landed.job.table.id, landed.batch.read_at, history.state.last_instant)
        try:
            counted = await self._commit(compared, at)
        except StatementFailed as error:
            if await self._epoch(compared) != history.state.epoch:
                raise _lost(compared) from error
            raise
        return Promoted(
            batch=landed.batch, instant=at, counts=counted, epoch=history.state.epoch + 1
        )

    async def _commit(self, compared: Compared, at: datetime) -> Counts:
        history = compared.landed.history
        async with self.database.transaction() as session:
            step = _Promotion(
                session=session,
                compared=compared,
                at=at,
                counts=counts(compared),
                dialect=self.dialect,
                statements=self._statements(compared),
            )
            if history.is_empty:
                await step.first_load()
            else:
                await step.changes()
            await step.checkpoint()
        return step.counts

    async def _epoch(self, compared: Compared) -> int:
        table = compared.landed.job.table.id
        async with self.database.session() as session:
            rows = await session.fetch(
                self._statements(compared).epoch(), table.source, table.schema, table.name
            )
        return int(rows[0][0]) if rows else 0

    def _statements(self, compared: Compared) -> Statements:
        return Statements(
            dialect=self.dialect,
            spec=compared.landed.job.table,
            table=compared.landed.history.table,
            control_schema=self.control_schema,
        )


def _lost(compared: Compared) -> LostRace:
    landed = compared.landed
    epoch = landed.history.state.epoch
    return LostRace(f"{landed.job.table.id}: promoted by somebody else since epoch {epoch}")


def counts(compared: Compared) -> Counts:
    """What promote is going to do, in rows."""
    changes = compared.changes
    reopened = compared.reopened.len()
    return Counts(
        extracted=compared.landed.digests.height,
        inserted=changes.inserted.len() - reopened,
        updated=changes.updated.height,
        reopened=reopened,
        deleted=changes.deleted.len(),
        unchanged=changes.unchanged,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Promotion:
    """One promote under way, inside its transaction."""

    session: SqlSession
    compared: Compared
    at: datetime
    counts: Counts
    dialect: TargetDialect
    statements: Statements

    @property
    def _id(self) -> tuple[str, str, str]:
        table = self.compared.landed.job.table.id
        return table.source, table.schema, table.name

    async def first_load(self) -> None:
        """All rows are new: straight into bronze, indexes after them, nothing into stage."""
        landed = self.compared.landed
        history, columns = landed.history, landed.history.table.columns
        for statement in history.ddl:
            await self.session.execute(statement)
        if self.dialect.loads_directly(columns):
            rows = first_versions(landed, self.at)
            bronze = landed.job.table.bronze
            loaded = await self.session.bulk_load(bronze, columns, VERSION_COLUMNS, rows)
        else:
            await self._load()
            loaded = await self._open()
        self._exactly("load", loaded, self.counts.opened)
        for statement in history.indexes:
            await self.session.execute(statement)
        await self._fence()

    async def changes(self) -> None:
        """Load what changed, then close and open under the fence."""
        history, batch = self.compared.landed.history, self.compared.landed.batch.number
        if not self.compared.changes.is_empty:
            await self._load()
        await self._fence()
        for statement in (*history.ddl, *history.indexes):
            await self.session.execute(statement)
        if self.compared.changes.is_empty:
            return  # law 5: no write to stage or bronze
        run, say = self.session.execute, self.statements
        staged = await run(say.stage_deleted(), batch, self.at)
        self._exactly("stage deletes", staged, self.counts.deleted)
        closed = await run(say.close_versions(), self.at, batch)
        self._exactly("close", closed, self.counts.closed)
        self._exactly("open", await self._open(), self.counts.opened)
        staged = await run(say.stage_opened(), batch, self.at)
        self._exactly("stage", staged, self.counts.opened)

    async def _open(self) -> int:
        batch = self.compared.landed.batch.number
        return await self.session.execute(self.statements.open_versions(), self.at, CURRENT, batch)

    async def _load(self) -> None:
        table = self.compared.landed.history.table
        await self.session.execute(self.dialect.create_load(LOAD, table.columns))
        loaded = await self.session.bulk_load(
            LOAD_TABLE, table.columns, CHANGE_COLUMNS, changed_rows(self.compared)
        )
        self._exactly("load", loaded, self.counts.opened + self.counts.deleted)

    async def _fence(self) -> None:
        epoch = self.compared.landed.history.state.epoch
        if await self.session.execute(self.statements.fence(), *self._id, epoch) != 1:
            raise _lost(self.compared)

    async def checkpoint(self) -> None:
        """Moves only here, with the rows it covers (law 1)."""
        run, say = self.session.execute, self.statements
        batch, n = self.compared.landed.batch, self.counts
        await run(say.forget_window(), *self._id, batch.window.name)
        await run(
            say.checkpoint(),
            *(*self._id, batch.window.name, batch.number, batch.read_at, n.extracted),
        )
        grown = n.opened - n.closed
        await run(say.advance(), *self._id, self.at, batch.number, grown, batch.read_at)
        rows = (n.extracted, n.inserted, n.updated, n.reopened, n.deleted, n.unchanged)
        if await run(say.batch(), batch.number, self.at, *rows) != 1:
            raise LostRace(f"batch {batch.number} was abandoned: another process took the table")

    def _exactly(self, step: str, seen: int, planned: int) -> None:
        if seen != planned:
            raise LostRace(
                f"{self.compared.landed.job.table.id}: {step} touched {seen} rows, not {planned}"
            )
