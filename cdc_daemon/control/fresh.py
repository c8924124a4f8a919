"""What a target without control tables says: nothing is known of any table. Writes nothing."""

from __future__ import annotations

from datetime import datetime
from typing import NoReturn

from cdc_daemon.errors import ControlSchemaError
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.table import TableId, TableSpec
from cdc_daemon.ports.sql import SqlSession


class FreshControl:
    """Implements ``ports.control.StateReader`` and ``ports.target.Batches``, for plans."""

    async def read(self, session: SqlSession, table: TableId) -> TableState:  # noqa: ARG002 - the port's
        """A fresh state."""
        return TableState(table=table)

    async def running(self, session: SqlSession) -> frozenset[int]:  # noqa: ARG002 - the port's
        """No batch was ever begun."""
        return frozenset()

    async def usual(self, spec: TableSpec, limit: int) -> tuple[int, ...]:  # noqa: ARG002 - the port's
        """No batch was ever promoted."""
        return ()

    async def begin(self, spec: TableSpec, window: str, read_at: datetime, run_id: str) -> NoReturn:  # noqa: ARG002 - the port's
        """Refused: there is nowhere to put it on record."""
        raise ControlSchemaError(f"{spec.id}: the target has no control tables")
