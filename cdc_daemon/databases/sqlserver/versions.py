"""The open versions of a history in SQL Server."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import polars as pl

from cdc_daemon.databases.sqlserver.database import SqlServerDatabase
from cdc_daemon.databases.sqlserver.pieces import decoded, versions_of
from cdc_daemon.databases.sqlserver.types import stored
from cdc_daemon.schema.table import Column


@dataclass(frozen=True, slots=True)
class SqlServerVersions:
    """Reads what ``dialect.select_open_versions`` selects; a ``VersionReader``."""

    database: SqlServerDatabase

    async def versions(
        self, select: str, key: Sequence[Column]
    ) -> AsyncGenerator[pl.DataFrame, None]:
        """Frames of the key's columns in their carriers, hash, recipe, and later or not."""
        columns = [stored(column) for column in key]
        async with self.database.reader(columns) as reader:
            frames = decoded(reader, select, versions_of, columns, work="read")
            async with aclosing(frames):
                async for frame in frames:
                    yield frame
