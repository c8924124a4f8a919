"""How an engine writes SQL. Text in, text out; no connection in sight.

Identifiers enter SQL only through ``quote``; values only as parameters (``ports.sql``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cdc_daemon.model.table import QualifiedName, TableSpec
from cdc_daemon.schema.table import Column, SourceTable
from cdc_daemon.schema.types import LogicalType


class TargetDialect(Protocol):
    """What the history and its changes look like in one engine's SQL."""

    @property
    def name(self) -> str:
        """The engine, as configuration calls it."""
        ...

    @property
    def true(self) -> str:
        """The literal of truth."""
        ...

    @property
    def now(self) -> str:
        """The server's clock, advancing within a transaction."""
        ...

    @property
    def migration_lock(self) -> str:
        """A statement that lets one transaction migrate at a time."""
        ...

    @property
    def housekeeping_lock(self) -> str:
        """A query that says whether this transaction alone keeps house in a control schema, $1."""
        ...

    @property
    def max_identifier_bytes(self) -> int:
        """The longest name of a table or column."""
        ...

    @property
    def max_key_bytes(self) -> int:
        """The longest key, as canonical text and 8 bytes a column, that an index takes."""
        ...

    def quote(self, identifier: str) -> str:
        """One identifier."""
        ...

    def qualified(self, name: QualifiedName) -> str:
        """A table with its schema."""
        ...

    def column_type(self, logical: LogicalType) -> str:
        """A column's type in stage and bronze."""
        ...

    def create_bronze(self, spec: TableSpec, table: SourceTable) -> str:
        """The table of versions, with the constraints of law 3, without indexes."""
        ...

    def create_stage(self, spec: TableSpec, table: SourceTable) -> str:
        """The change feed."""
        ...

    def create_stage_index(self, spec: TableSpec) -> str:
        """By ``_changed_at``: for retention, and for readers that follow the feed."""
        ...

    def create_view(self, spec: TableSpec, names: Sequence[str]) -> str:
        """The mirror: the open versions, columns ``names`` only."""
        ...

    def add_column(self, name: QualifiedName, column: Column) -> str:
        """A column, NULL for all rows so far."""
        ...

    def create_indexes(self, spec: TableSpec, table: SourceTable) -> tuple[str, ...]:
        """Unique over open versions, and (key, ``_valid_from``)."""
        ...

    def secondary_indexes(self) -> str:
        """A query for the indexes that may be dropped and built anew as they are.

        Parameters: schema and name of bronze. Rows: name, and the statements that make it. Unique
        ones and those of constraints are never among them (law 3).
        """
        ...

    def drop_index(self, spec: TableSpec, name: str) -> str:
        """Of bronze, by name."""
        ...

    def lock_alone(self, spec: TableSpec) -> str:
        """Take bronze for this transaction alone; fails at once where somebody is there."""
        ...

    def gather_statistics(self, spec: TableSpec, table: SourceTable) -> str | None:
        """What the planner must know of bronze for the next batch; None where it knows by itself.

        It never fails for a lock, and runs in a transaction.
        """
        ...

    def create_load(self, load: str, columns: Sequence[Column]) -> str:
        """The table a batch's changes are loaded into: ``load.changes.CHANGE_COLUMNS`` too."""
        ...

    def create_keys(self, load: str, columns: Sequence[Column]) -> str:
        """The table keys are looked up with: key columns and ``_position``."""
        ...

    def drop_load(self, load: str) -> str | None:
        """What removes it; None where the end of the transaction does."""
        ...

    def loads_directly(self, columns: Sequence[Column]) -> bool:
        """Whether frames go into bronze as they are, with no cast on the way."""
        ...

    def loaded_value(self, column: Column) -> str:
        """A loaded column as its type in bronze, read from alias ``l``."""
        ...

    def same_key(self, table: SourceTable) -> str:
        """The join of bronze ``b`` and loaded rows ``l``."""
        ...

    def close_versions(self, load: str, spec: TableSpec, table: SourceTable) -> str:
        """Close what ``load`` closes, by key and hash. Parameters: instant, batch."""
        ...
