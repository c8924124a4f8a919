"""What the control tables need no more is deleted, in bounded pieces, oldest first.

Law 4: a batch that changed its table stays for good, whatever its age: its instant says what held
when. So do batches that run, the last attempt of each table, and the promoted ones that its guards
compare with.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from cdc_daemon.model.config import ConfigSnapshot
from cdc_daemon.model.guard import GuardLimits
from cdc_daemon.model.table import QualifiedName
from cdc_daemon.ports.control import Piece
from cdc_daemon.ports.dialect import TargetDialect
from cdc_daemon.ports.sql import SqlDatabase

PIECE_ROWS = 10_000
"""Looked at in a transaction; as many are deleted at most."""

_WITHOUT_CHANGE = (
    "b.status <> 'running' "
    "AND (b.status <> 'promoted' OR b.inserted + b.updated + b.reopened + b.deleted = 0)"
)
"""As the index ``batch_without_change`` has it."""
_TABLE = "source, schema_name, table_name"


def _same_table(one: str, other: str) -> str:
    return " AND ".join(f"{one}.{name} = {other}.{name}" for name in _TABLE.split(", "))


_OF_TABLE = _same_table("x", "t")


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long what is kept."""

    events: timedelta
    batches: timedelta
    quarantine: timedelta
    """After an entry was resolved."""
    usual: int
    """Promoted batches of each table that are kept, whatever their age."""


def retention(config: ConfigSnapshot) -> Retention:
    """As configured; a table that is configured no more may come back, with the default guards."""
    usual = [GuardLimits().usual_batches, *(t.guards.usual_batches for t in config.tables)]
    return Retention(
        events=timedelta(days=config.control.event_days),
        batches=timedelta(days=config.control.batch_days),
        quarantine=timedelta(days=config.control.quarantine_days),
        usual=max(usual),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rows:
    """Rows of alias ``b`` that may be deleted at some age."""

    table: str
    number: str
    """The column they are numbered by."""
    written: str
    """The column that has their age."""
    which: str
    most: int
    """Rows of a piece."""
    by_age: bool = True
    """Whether younger rows have higher numbers, but for moments."""

    @property
    def piece(self) -> str:
        """Parameter: the number it begins after. The last number, the first age."""
        return (
            "SELECT max(p.number), min(p.written) "
            f"FROM (SELECT b.{self.number} AS number, b.{self.written} AS written "
            f"FROM {self.table} b WHERE {self.which} AND b.{self.number} > $1 "
            f"ORDER BY b.{self.number} OFFSET 0 ROWS FETCH NEXT {self.most:d} ROWS ONLY) p"
        )

    @property
    def old(self) -> str:
        """Parameters: the numbers it begins after and ends with, the instant it lies before."""
        return (
            f"FROM {self.table} b WHERE {self.which} "
            f"AND b.{self.number} > $1 AND b.{self.number} <= $2 AND b.{self.written} < $3"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlHousekeeping:
    """Implements ``ports.control.Housekeeping``."""

    database: SqlDatabase
    dialect: TargetDialect
    control_schema: str
    retention: Retention
    piece_rows: int = PIECE_ROWS

    async def events(self, after: int) -> Piece:
        """Steps and ends of runs, and operators' commands."""
        rows = _Rows(
            table=self._name("pipeline_event"),
            number="event_id",
            written="recorded_at",
            which="1 = 1",
            most=self.piece_rows,
        )
        return await self._piece(rows, f"DELETE {rows.old}", self.retention.events, after)

    async def batches(self, after: int) -> Piece:
        """Attempts that changed nothing."""
        batch, usual = self._name("batch"), self.retention.usual
        rows = _Rows(
            table=batch,
            number="batch_id",
            written="read_at",
            which=_WITHOUT_CHANGE,
            most=self.piece_rows,
        )
        delete = (
            f"WITH old AS (SELECT b.batch_id, b.status, {_TABLE} {rows.old}), "
            f"kept AS {self.dialect.materialized}(SELECT {_TABLE}, "  # once a table, not once a row
            f"(SELECT max(x.batch_id) FROM {batch} x WHERE {_OF_TABLE}) AS last, "
            f"(SELECT x.batch_id FROM {batch} x WHERE {_OF_TABLE} AND x.status = 'promoted' "
            f"ORDER BY x.batch_id DESC OFFSET {usual - 1} ROWS FETCH NEXT 1 ROWS ONLY) AS usual "
            f"FROM (SELECT DISTINCT {_TABLE} FROM old) t) "
            f"DELETE FROM {batch} WHERE batch_id IN ("
            f"SELECT old.batch_id FROM old JOIN kept ON {_same_table('old', 'kept')} "
            "WHERE old.batch_id <> kept.last "
            "AND (old.status <> 'promoted' OR old.batch_id < kept.usual))"
        )
        return await self._piece(rows, delete, self.retention.batches, after)

    async def quarantine(self, after: int) -> Piece:
        """Entries that were resolved, which they are in any order."""
        rows = _Rows(
            table=self._name("quarantine"),
            number="quarantine_id",
            written="resolved_at",
            which="b.resolved_at IS NOT NULL",
            most=self.piece_rows,
            by_age=False,
        )
        delete = (
            f"DELETE FROM {rows.table} WHERE quarantine_id IN (SELECT b.quarantine_id {rows.old})"
        )
        return await self._piece(rows, delete, self.retention.quarantine, after)

    async def _piece(self, rows: _Rows, delete: str, kept: timedelta, after: int) -> Piece:
        """Where numbers and ages agree, there is nothing old after a piece with nothing old."""
        async with self.database.transaction() as session:
            ((alone,),) = await session.fetch(self.dialect.housekeeping_lock, self.control_schema)
            if not alone:
                return Piece(deleted=0, go_on=None)
            ((now,),) = await session.fetch(f"SELECT {self.dialect.now}")
            ((last, oldest),) = await session.fetch(rows.piece, after)
            if last is None or (rows.by_age and oldest >= now - kept):
                return Piece(deleted=0, go_on=None)
            deleted = await session.execute(delete, after, last, now - kept)
            return Piece(deleted=deleted, go_on=last)

    def _name(self, table: str) -> str:
        return self.dialect.qualified(QualifiedName(self.control_schema, table))
