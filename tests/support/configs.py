"""Configuration files for tests, as a person would write them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.support.databases import Database

SOURCE = "src"
TARGET = "wh"


def write(
    path: Path,
    *,
    source: Database,
    target: Database,
    tables: Iterable[str],
    landing: Path,
    schema: str = "public",
    workers: int = 4,
) -> Path:
    """A configuration of ``tables`` of one schema; the landing folder is made."""
    landing.mkdir(parents=True, exist_ok=True)
    document = {
        "connections": {SOURCE: _connection(source), TARGET: _connection(target)},
        "target": {"connection": TARGET},
        "runtime": {"landing_dir": str(landing)},
        "lanes": {"small": {"workers": workers, "queue_size": 64}},
        "tables": [{"source": SOURCE, "schema": schema, "name": name} for name in tables],
    }
    path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return path


def _connection(database: Database) -> Mapping[str, Any]:
    return {
        "engine": "postgresql",
        "host": database.host,
        "port": database.port,
        "database": database.name,
        "user": database.user,
        "password": database.password,
    }
