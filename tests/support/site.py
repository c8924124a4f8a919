"""A source, a target and a configuration file: what the command line works on in tests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.databases import Database
from tests.support.process import Completed, Daemon, cdc

SOURCE_PASSWORD = "TEST_SOURCE_PASSWORD"
TARGET_PASSWORD = "TEST_TARGET_PASSWORD"


@dataclass(frozen=True, slots=True)
class Site:
    """Source ``src``, target ``wh``; passwords come from the environment."""

    source: Database
    target: Database
    folder: Path

    @property
    def path(self) -> Path:
        """The configuration file."""
        return self.folder / "cdc-daemon.yaml"

    @property
    def env(self) -> dict[str, str]:
        """What the child needs to know the passwords."""
        return {SOURCE_PASSWORD: self.source.password, TARGET_PASSWORD: self.target.password}

    def configure(
        self,
        *tables: str | Mapping[str, Any],
        source_via: Database | None = None,
        target_via: Database | None = None,
        **sections: Any,
    ) -> None:
        """Writes the file; a table is a name in schema ``public``, or its own keys."""
        document = {
            "connections": {
                "src": _connection(source_via or self.source, SOURCE_PASSWORD),
                "wh": _connection(target_via or self.target, TARGET_PASSWORD),
            },
            "target": {"connection": "wh"},
            "tables": [_table(table) for table in tables],
            **sections,
        }
        self.path.write_text(json.dumps(document, indent=1), encoding="utf-8")

    def run(self, *arguments: str, env: Mapping[str, str] | None = None) -> Completed:
        """A command, run to its end."""
        return cdc(arguments, self.path, {**self.env, **(env or {})})

    def watch(self, *arguments: str) -> Daemon:
        """A command to be watched; enter it."""
        return Daemon(arguments, self.path, self.env)

    def versions(self, table: str) -> list[tuple[Any, ...]]:
        """Batch, operation and end of every version of a table, the open ones last."""
        return self.target.fetch(
            f"SELECT _batch_id, _operation, _closed_by FROM bronze.src_{table} "
            "ORDER BY _is_current, _batch_id"
        )

    def batches(self) -> list[tuple[Any, ...]]:
        """Table and status of every batch on record."""
        return self.target.fetch("SELECT table_name, status FROM cdc.batch ORDER BY batch_id")

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Table, status and detail of the events of a kind."""
        rows = self.target.fetch(
            "SELECT table_name, status, detail::text FROM cdc.pipeline_event "
            f"WHERE kind = '{kind}' ORDER BY event_id"
        )
        return [
            {"table": table, "status": status, **json.loads(detail)}
            for table, status, detail in rows
        ]


def _connection(database: Database, password: str) -> dict[str, Any]:
    return {
        "engine": "postgresql",
        "host": database.host,
        "port": database.port,
        "database": database.name,
        "user": database.user,
        "password": {"env": password},
    }


def _table(table: str | Mapping[str, Any]) -> dict[str, Any]:
    given = {"name": table} if isinstance(table, str) else table
    return {"source": "src", "schema": "public", **given}
