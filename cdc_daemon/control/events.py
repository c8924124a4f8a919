"""``pipeline_event``, and the end of batches that did not come to promote."""

from __future__ import annotations

import json
from dataclasses import dataclass

from cdc_daemon.control.states import identity
from cdc_daemon.model.event import Event
from cdc_daemon.model.table import QualifiedName
from cdc_daemon.ports.dialect import TargetDialect
from cdc_daemon.ports.sql import SqlDatabase


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlEvents:
    """Implements ``ports.control.EventLog``."""

    database: SqlDatabase
    dialect: TargetDialect
    control_schema: str

    def _name(self, table: str) -> str:
        return self.dialect.qualified(QualifiedName(self.control_schema, table))

    async def record(self, event: Event) -> None:
        """Append one event."""
        async with self.database.session() as session:
            await session.execute(
                f"INSERT INTO {self._name('pipeline_event')} (source, schema_name, table_name, "
                "run_id, batch_id, kind, status, started_at, seconds, error_kind, error, detail) "
                "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
                *identity(event.table),
                event.run_id,
                event.batch,
                event.kind,
                event.status,
                event.started_at,
                event.seconds,
                event.error_kind,
                event.error,
                json.dumps({**event.rows, **event.detail}),
            )

    async def finish(self, batch: int, status: str, error_kind: str | None) -> None:
        """Close the record of a batch that is still said to run."""
        async with self.database.session() as session:
            await session.execute(
                f"UPDATE {self._name('batch')} SET status = $2, error_kind = $3, "
                f"finished_at = {self.dialect.now} WHERE batch_id = $1 AND status = 'running'",
                batch,
                status,
                error_kind,
            )
