"""dbt: ``dbt snapshot`` with the check strategy over all columns, deletes invalidated.

dbt works inside one database, so that the source table is copied there first, unmeasured.
"""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.floor import dump, restore
from tests.benchmarks.measured import Bench
from tests.benchmarks.peers.environments import environment_with
from tests.benchmarks.results import Run
from tests.benchmarks.tables import Shape
from tests.support.databases import Database

# dbt-core 1.12 wants a parser that pip must fetch from elsewhere than its index
PACKAGES = ("dbt-postgres==1.11.0", "dbt-core==1.11.16", "psycopg2-binary==2.9.13")
_SNAPSHOTS = "snapshots"
_STAGING = "staging"
_PASSWORD = "BENCHMARK_PASSWORD"
_THREADS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Dbt:
    """Implements ``Peer``."""

    bench: Bench
    target: Database
    programs: Path
    folder: Path
    name: str = "dbt"

    def prepare(self, shape: Shape) -> None:
        """Writes the project, and copies the source table as it is now."""
        for file, content in _project(self.target, shape).items():
            path = self.folder / file
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(content, indent=1), encoding="utf-8")  # JSON is YAML
        table = f"{_STAGING}.{shape.name}"
        self.target.execute(f"CREATE SCHEMA IF NOT EXISTS {_STAGING}")
        self.target.execute(f"DROP TABLE IF EXISTS {table}")
        self.target.execute(f"CREATE TABLE {table} ({shape.definition()})")
        rows = self.folder / "rows.copy"
        asyncio.run(dump(self.bench.source, shape.name, rows))
        asyncio.run(restore(self.target, shape.name, rows, _STAGING))
        rows.unlink()
        self.target.execute(f"ALTER TABLE {table} ADD PRIMARY KEY ({', '.join(shape.key)})")

    def run(self, shape: Shape, step: str) -> Run:
        """One ``dbt snapshot``."""
        place = str(self.folder)
        options = ("--project-dir", place, "--profiles-dir", place, "--no-use-colors")
        cost, written = self.bench.step(
            (str(self.programs / "dbt"), "snapshot", *options),
            os.environ
            | {
                _PASSWORD: self.target.password,
                "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
                "DO_NOT_TRACK": "1",
            },
            target=self.target,
            schemas=(_SNAPSHOTS,),
            folder=self.folder,
        )
        return Run(
            case=shape.name, step=step, tool=self.name, rows=shape.rows, cost=cost, written=written
        )

    def kept(self, shape: Shape) -> tuple[int, int]:
        """All versions, and the open ones."""
        table = f"{_SNAPSHOTS}.{shape.name}_history"
        sql = f"SELECT count(*), count(*) FILTER (WHERE dbt_valid_to IS NULL) FROM {table}"
        versions, open_ones = self.target.fetch(sql)[0]
        return versions, open_ones


def make(bench: Bench, target: Database, environments: Path, folder: Path) -> Dbt:
    """With its environment.

    Raises:
        ProgramFailed: it cannot be installed.
    """
    programs = environment_with(PACKAGES, "dbt", environments)
    return Dbt(bench=bench, target=target, programs=programs, folder=folder)


def _project(database: Database, shape: Shape) -> dict[str, Any]:
    """Its files, by name."""
    profile = {
        "type": "postgres",
        "host": database.host,
        "port": database.port,
        "user": database.user,
        "password": f"{{{{ env_var('{_PASSWORD}') }}}}",
        "dbname": database.name,
        "schema": _SNAPSHOTS,
        "threads": _THREADS,
    }
    snapshot = {
        "name": f"{shape.name}_history",
        "relation": f"source('{_STAGING}', '{shape.name}')",
        "config": {
            "unique_key": shape.key[0] if len(shape.key) == 1 else list(shape.key),
            "strategy": "check",
            "check_cols": "all",
            "hard_deletes": "invalidate",
        },
    }
    source = {"name": _STAGING, "schema": _STAGING, "tables": [{"name": shape.name}]}
    return {
        "dbt_project.yml": {
            "name": "benchmark",
            "version": "1.0.0",
            "profile": "benchmark",
            "snapshot-paths": ["snapshots"],
            "model-paths": ["models"],
        },
        "profiles.yml": {"benchmark": {"target": "run", "outputs": {"run": profile}}},
        "models/sources.yml": {"sources": [source]},
        "snapshots/history.yml": {"snapshots": [snapshot]},
    }
