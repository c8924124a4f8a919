"""``quarantine``: what tells the rows that could not be carried.

Law 9: a key by its digest, a column, a word for the reason; never a value of a row.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import polars as pl

from cdc_daemon.control.recording import Identity, digits, recording
from cdc_daemon.control.states import identity
from cdc_daemon.model.rejection import Quarantined, Rejection
from cdc_daemon.model.run import Batch
from cdc_daemon.model.table import QualifiedName, TableId
from cdc_daemon.ports.dialect import TargetDialect
from cdc_daemon.ports.quarantine import Cause
from cdc_daemon.ports.sql import SqlDatabase, SqlSession

T = TypeVar("T")

_AT_ONCE = 1_000
"""Entries that a statement names; SQL Server takes 2,100 parameters."""
_TABLE = "source, schema_name, table_name"
_OF_TABLE = "source = $1 AND schema_name = $2 AND table_name = $3"
_OPEN = f"{_OF_TABLE} AND resolved_at IS NULL"
_COLUMNS = (
    "quarantine_id, key_digest, column_name, reason, row_count, first_batch_id, last_batch_id, "
    "first_seen_at, last_seen_at, resolved_at"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlQuarantine:
    """Implements ``ports.quarantine.QuarantineDesk``."""

    database: SqlDatabase
    dialect: TargetDialect
    control_schema: str

    async def record(self, batch: Batch, found: Sequence[Rejection]) -> None:
        """All that a batch left out, in one transaction: rows of an entry seen again are those
        of this batch.
        """
        if not found:
            return
        async with self.database.transaction() as session:
            known = await self._known(session, batch.table)
            decided = await asyncio.to_thread(recording, found, known)
            await self._add(session, batch, decided.new)
            for rows, numbers in decided.seen.items():
                for chunk in _chunks(numbers):
                    await session.execute(
                        f"UPDATE {self._name} SET last_batch_id = $1, row_count = $2, "
                        f"last_seen_at = {self.dialect.now} "
                        f"WHERE quarantine_id IN ({_marks(chunk, after=2)})",
                        batch.number,
                        rows,
                        *chunk,
                    )

    async def settle(self, batch: Batch, keys: frozenset[int] | None = None) -> int:
        """Resolve what was last seen by an earlier batch than this one."""
        chunks = [()] if keys is None else _chunks(sorted(map(digits, keys)))
        resolved = 0
        async with self.database.transaction() as session:
            for chunk in chunks:
                among = f" AND key_digest IN ({_marks(chunk, after=4)})" if chunk else ""
                resolved += await session.execute(
                    f"UPDATE {self._name} SET resolved_at = {self.dialect.now} "
                    f"WHERE {_OPEN} AND last_batch_id < $4{among}",
                    *identity(batch.table),
                    batch.number,
                    *chunk,
                )
        return resolved

    async def open(self, table: TableId) -> tuple[Quarantined, ...]:
        """What is not resolved, oldest first."""
        return await self._entries(table, f"WHERE {_OPEN} ORDER BY quarantine_id")

    async def entries(
        self, table: TableId, limit: int, *, resolved: bool
    ) -> tuple[Quarantined, ...]:
        """The newest entries, newest first."""
        among = _OF_TABLE if resolved else _OPEN
        newest = f"ORDER BY quarantine_id DESC OFFSET 0 ROWS FETCH NEXT {limit:d} ROWS ONLY"
        return await self._entries(table, f"WHERE {among} {newest}")

    async def summary(self) -> tuple[Cause, ...]:
        """What is open, by table, column and reason."""
        async with self.database.session() as session:
            rows = await session.fetch(
                f"SELECT {_TABLE}, column_name, reason, count(*), sum(row_count), "
                f"min(first_seen_at), max(last_seen_at) FROM {self._name} "
                f"WHERE resolved_at IS NULL GROUP BY {_TABLE}, column_name, reason"
            )
        causes = map(_cause, rows)
        return tuple(sorted(causes, key=lambda one: (one.table, one.column or "", one.reason)))

    async def tables(self) -> frozenset[TableId]:
        """Those with an entry, open or resolved."""
        async with self.database.session() as session:
            rows = await session.fetch(f"SELECT DISTINCT {_TABLE} FROM {self._name}")
        return frozenset(TableId(*row) for row in rows)

    async def purge(self, table: TableId, *, resolved_only: bool) -> int:
        """Delete entries of a table."""
        which = " AND resolved_at IS NOT NULL" if resolved_only else ""
        async with self.database.session() as session:
            return await session.execute(
                f"DELETE FROM {self._name} WHERE {_OF_TABLE}{which}", *identity(table)
            )

    async def _known(self, session: SqlSession, table: TableId) -> dict[Identity, int]:
        rows = await session.fetch(
            f"SELECT key_digest, column_name, reason, quarantine_id FROM {self._name} "
            f"WHERE {_OPEN}",
            *identity(table),
        )
        return {Identity(*same): number for *same, number in rows}

    async def _add(self, session: SqlSession, batch: Batch, new: Mapping[Identity, int]) -> None:
        if new:
            frame = await asyncio.to_thread(_frame, batch, new)
            await session.bulk_load(self._table, (), frame.columns, _one(frame))

    async def _entries(self, table: TableId, which: str) -> tuple[Quarantined, ...]:
        async with self.database.session() as session:
            rows = await session.fetch(
                f"SELECT {_COLUMNS} FROM {self._name} {which}", *identity(table)
            )
        return tuple(map(_quarantined, rows))

    @property
    def _table(self) -> QualifiedName:
        return QualifiedName(self.control_schema, "quarantine")

    @property
    def _name(self) -> str:
        return self.dialect.qualified(self._table)


def _chunks(entries: Sequence[T]) -> Iterator[Sequence[T]]:
    return (entries[at : at + _AT_ONCE] for at in range(0, len(entries), _AT_ONCE))


def _marks(chunk: Sequence[object], *, after: int) -> str:
    return ", ".join(f"${after + n}" for n in range(1, len(chunk) + 1))


def _frame(batch: Batch, new: Mapping[Identity, int]) -> pl.DataFrame:
    """Rows of the table; what is not among its columns has a default."""
    source, schema, table = identity(batch.table)
    found = pl.DataFrame(
        [(*same, rows) for same, rows in new.items()],
        schema={
            "key_digest": pl.String,
            "column_name": pl.String,
            "reason": pl.String,
            "row_count": pl.Int64,
        },
        orient="row",
    )
    return found.with_columns(
        source=pl.lit(source),
        schema_name=pl.lit(schema),
        table_name=pl.lit(table),
        first_batch_id=pl.lit(batch.number, pl.Int64),
        last_batch_id=pl.lit(batch.number, pl.Int64),
    )


async def _one(frame: pl.DataFrame) -> AsyncGenerator[pl.DataFrame, None]:
    yield frame


def _cause(row: tuple[Any, ...]) -> Cause:
    source, schema, name, column, reason, entries, rows, first, last = row
    return Cause(
        table=TableId(source, schema, name),
        column=column,
        reason=reason,
        entries=entries,
        rows=int(rows),  # a sum may come as a decimal
        first_seen=first,
        last_seen=last,
    )


def _quarantined(row: tuple[Any, ...]) -> Quarantined:
    number, key, column, reason, rows, first, last, first_seen, last_seen, resolved = row
    digest = None if key is None else int(key, 16)
    return Quarantined(
        number=number,
        rejection=Rejection(reason=reason, column=column, key=digest, rows=rows),
        first_batch=first,
        last_batch=last,
        first_seen=first_seen,
        last_seen=last_seen,
        resolved=resolved,
    )
