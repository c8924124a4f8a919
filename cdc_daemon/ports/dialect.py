"""How an engine writes SQL. Text in, text out; no connection in sight.

Identifiers enter SQL only through ``quote``; values only as parameters (``ports.sql``).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
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
    def false(self) -> str:
        """The literal of falsehood."""
        ...

    @property
    def now(self) -> str:
        """The server's clock, advancing within a transaction."""
        ...

    @property
    def materialized(self) -> str:
        """What has a WITH query worked out once; empty where nothing does."""
        ...

    @property
    def close_rows(self) -> int | None:
        """Loaded rows that one statement that closes may look at; None: all of them."""
        ...

    @property
    def migration_lock(self) -> str:
        """A query that lets one transaction migrate at a time; not true if it waited in vain."""
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

    def create_schema(self, schema: str) -> str:
        """A schema, if there is none of that name."""
        ...

    def create_migrations(self, name: QualifiedName) -> str:
        """The table of applied migrations, if it is not there: version, name, applied_at."""
        ...

    def insert_returning(self, table: str, columns: Sequence[str], returned: str) -> str:
        """Insert a row of parameters, in the order of ``columns``; gives its ``returned``."""
        ...

    def insert_absent(self, table: str, columns: Sequence[str]) -> str:
        """Insert a row of parameters unless it is there, whoever else does the same."""
        ...

    def column_type(self, logical: LogicalType) -> str:
        """A column's type in stage and bronze."""
        ...

    def columns_of(self) -> str:
        """A query for a table's or view's columns: name and type, as ``column_type`` writes it.

        Parameters: schema and name. What ``derived`` adds is not among them.
        """
        ...

    def open_keys(self) -> str:
        """A query for law 3's index: unique, in force, over open versions alone.

        Parameters: schema and name of bronze. Rows: index and the name of a column of its key.
        """
        ...

    def select_open_versions(self, spec: TableSpec, key: Sequence[Column], after: datetime) -> str:
        """Key, row hash, recipe, and whether it began after; Arrow drivers take no parameters."""
        ...

    def derived(self, table: SourceTable) -> tuple[tuple[str, str], ...]:
        """Columns of bronze that no source column is: quoted name, and value from alias ``l``."""
        ...

    def key_columns(self, table: SourceTable) -> tuple[str, ...]:
        """The columns of bronze that its indexes know a key by, not quoted."""
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

        Parameters: schema and name of bronze. Rows: name, and the statement or statements that
        make it. Unique ones and those of constraints are never among them (law 3).
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

    def load_table(self, spec: TableSpec, batch: int) -> QualifiedName:
        """Where a batch's changes are loaded to."""
        ...

    def keys_table(self, spec: TableSpec, batch: int) -> QualifiedName:
        """Where keys to look up are loaded to."""
        ...

    def load_tables(self) -> str | None:
        """A query for what ``load_table`` and ``keys_table`` left; None where they cannot stay.

        Parameter: schema of stage. Rows: name.
        """
        ...

    def create_load(self, load: QualifiedName, columns: Sequence[Column]) -> str:
        """The table a batch's changes are loaded into: ``load.changes.CHANGE_COLUMNS`` too."""
        ...

    def create_keys(self, load: QualifiedName, columns: Sequence[Column]) -> str:
        """The table keys are looked up with: key columns and ``_position``."""
        ...

    def drop_load(self, load: QualifiedName) -> str | None:
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

    def close_versions(self, load: QualifiedName, spec: TableSpec, table: SourceTable) -> str:
        """Close what ``load`` closes, by key and hash. Parameters: instant, batch.

        With ``close_rows``, also the number of a loaded row and of a later one: it looks at those
        after the first, up to the second, counted from 1 as they were loaded.
        """
        ...

    def rewrite_versions(self, load: QualifiedName, spec: TableSpec, table: SourceTable) -> str:
        """Give open versions the values of rows loaded as ``W``, by key and hash.

        Parameters: hash version; with ``close_rows``, as ``close_versions``.
        """
        ...
