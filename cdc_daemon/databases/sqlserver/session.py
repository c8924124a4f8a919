"""One ODBC connection as a session of ours: statements, queries, bulk loads."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from cdc_daemon.databases.sqlserver.bulk import Bulk, load_rows
from cdc_daemon.databases.sqlserver.set_options import lock_timeout
from cdc_daemon.databases.sqlserver.wire import Wire
from cdc_daemon.errors import Conflict, StatementFailed
from cdc_daemon.model.config import ConnectionSpec
from cdc_daemon.model.table import QualifiedName
from cdc_daemon.ports.cleanup import to_its_end
from cdc_daemon.schema.table import Column

_SAVE = "SAVE TRANSACTION cdc_attempt"
_UNDO = "ROLLBACK TRANSACTION cdc_attempt"
_LENIENT = "SET XACT_ABORT OFF; SET LOCK_TIMEOUT 0"


@dataclass(frozen=True, slots=True)
class SqlServerSession:
    """Implements ``ports.sql.SqlSession``."""

    wire: Wire
    spec: ConnectionSpec
    bulk: Bulk

    async def execute(self, statement: str, *values: object) -> int:
        """Run one statement, or several; the number of rows the last one touched."""
        return await self.wire.execute(statement, *values)

    async def fetch(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one query; its rows, instants in UTC."""
        return await self.wire.fetch(statement, *values)

    async def attempt(self, statement: str) -> bool:
        """Run one statement behind a savepoint; False where a lock or a limit refuses it.

        Raises:
            Conflict: the server has ended the whole transaction (a deadlock).
        """
        await self.wire.execute(f"{_SAVE}; {_LENIENT}")
        try:
            await self.wire.execute(statement)
        except Conflict as conflict:
            try:
                await self.wire.execute(_UNDO)
            except StatementFailed:  # there is nothing left to go back to
                raise conflict from None
            return False
        finally:
            await to_its_end(self._strict())
        return True

    async def rolled_back(self) -> None:
        """End whatever transaction is open; a connection that is gone has none."""
        await self.wire.rolled_back()

    async def bulk_load(
        self,
        table: QualifiedName,
        columns: Sequence[Column],
        extra: Sequence[str],
        frames: AsyncGenerator[pl.DataFrame, None],
        *,
        create: str | None = None,
    ) -> int:
        """Load frames into ``table``.

        With ``create``, in sessions of their own, committed: ``table`` is made by it first.
        Without, by INSERT statements in this one.
        """
        if create is not None:
            return await self.bulk.load(create, table, columns, extra, frames)
        return await load_rows(self.wire, table, columns, extra, frames)

    async def _strict(self) -> None:
        if not self.wire.broken:
            await self.wire.execute(f"SET XACT_ABORT ON; {lock_timeout(self.spec)}")
