"""A database that is read."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import polars as pl

from cdc_daemon.model.table import TableSpec
from cdc_daemon.schema.table import Column, SourceTable


class DoesNotFit(Exception):
    """A value of field ``column`` does not fit its carrier: read again with it as text."""

    def __init__(self, column: str) -> None:
        super().__init__(column)
        self.column = column


class Reading(Protocol):
    """One snapshot of one table. Catalog, count and rows are of the same instant."""

    @property
    def table(self) -> SourceTable:
        """The columns and the key, as of the snapshot."""
        ...

    async def count(self) -> int | None:
        """Rows in the snapshot; None where the engine gave none (law 10)."""
        ...

    def batches(self, columns: Sequence[Column]) -> AsyncGenerator[pl.DataFrame, None]:
        """The rows, once, in carriers (``schema.carrier``), under their fields.

        Close it (``contextlib.aclosing``): until then it holds a session.

        Raises:
            DoesNotFit: a value needs its column carried as text; begin again.
            Unrepresentable: a value cannot be carried at all.
        """
        ...

    async def table_now(self) -> SourceTable:
        """The columns and the key as they are now. Ends the snapshot: ask it last."""
        ...


class Source(Protocol):
    """Tables, one snapshot at a time."""

    def read(self, spec: TableSpec) -> AbstractAsyncContextManager[Reading]:
        """Open a snapshot of the table.

        Raises:
            TableNotFound, NoKey, UnsupportedType: named, before anything is read.
        """
        ...

    async def ping(self) -> None:
        """Connect and ask for nothing.

        Raises:
            DatabaseUnavailable, AccessDenied: as the database answers.
        """
        ...
