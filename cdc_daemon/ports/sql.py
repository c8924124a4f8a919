"""Sessions with a database that speaks SQL: what promote and the control tables are made of.

Parameters are written ``$1`` … ``$n``; an engine that writes them otherwise translates.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import polars as pl

from cdc_daemon.model.table import QualifiedName
from cdc_daemon.ports.statistics import PoolStats
from cdc_daemon.schema.table import Column


class SqlSession(Protocol):
    """One connection, in or out of a transaction."""

    async def execute(self, statement: str, *values: object) -> int:
        """Run one statement; the number of rows it touched."""
        ...

    async def attempt(self, statement: str) -> bool:
        """Run one statement in a transaction; False, and nothing done, where others are in its way.

        The transaction goes on either way.
        """
        ...

    async def fetch(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Run one query; its rows."""
        ...

    async def bulk_load(
        self,
        table: QualifiedName,
        columns: Sequence[Column],
        extra: Sequence[str],
        frames: AsyncGenerator[pl.DataFrame, None],
        *,
        create: str | None = None,
    ) -> int:
        """Load frames into ``table``; the number of rows.

        With ``create``, which makes it, the table is for this session to read and need not be part
        of its transaction.

        A frame holds ``columns`` in their carriers, under their fields, and columns named
        ``extra`` there and in the table: text, numbers, UTC timestamps, 128-bit hashes.
        """
        ...


class SqlDatabase(Protocol):
    """Where sessions come from."""

    def session(self) -> AbstractAsyncContextManager[SqlSession]:
        """A session outside any transaction."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[SqlSession]:
        """A session in a transaction: committed at the end, rolled back on any exception."""
        ...


class PooledDatabase(SqlDatabase, Protocol):
    """The sessions of one connection, bounded as configured."""

    @property
    def sessions(self) -> int:
        """Sessions of this kind at most; others, of the connection's ``pool.max``, read rows."""
        ...

    def stats(self, role: str) -> tuple[PoolStats, ...]:
        """Its sessions by kind, as they are now; at once, and when it is closed, too."""
        ...

    async def aclose(self) -> None:
        """Close every session."""
        ...
