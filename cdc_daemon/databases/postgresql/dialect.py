"""How PostgreSQL writes a history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cdc_daemon.databases.postgresql.indexes import SECONDARY_INDEXES
from cdc_daemon.databases.postgresql.tables import COLUMNS_OF, OPEN_KEYS
from cdc_daemon.databases.postgresql.types import (
    ENGINE,
    column_type,
    is_sent_as_text,
    is_text,
    read_expression,
)
from cdc_daemon.model.table import QualifiedName, TableSpec
from cdc_daemon.schema.naming import shortened
from cdc_daemon.schema.table import Column, SourceTable
from cdc_daemon.schema.types import LogicalType, Text

_VERSION_COLUMNS = """
    "_valid_from" timestamp with time zone NOT NULL,
    "_valid_to" timestamp with time zone,
    "_is_current" boolean NOT NULL,
    "_operation" character(1) NOT NULL CHECK ("_operation" IN ('I', 'U', 'R')),
    "_closed_by" character(1),
    "_row_hash" bytea NOT NULL,
    "_hash_version" smallint NOT NULL,
    "_batch_id" bigint NOT NULL,
    "_closed_batch_id" bigint,
    CHECK ("_valid_to" > "_valid_from"),
    CHECK ("_is_current" = ("_valid_to" IS NULL)),
    CHECK (("_closed_by" IS NULL) = ("_valid_to" IS NULL) AND "_closed_by" IN ('U', 'D'))
"""


_LOAD = QualifiedName("", "_cdc_load")


@dataclass(frozen=True, slots=True)
class PostgresDialect:
    """Implements ``ports.dialect.TargetDialect``."""

    name: str = ENGINE
    true: str = "true"
    false: str = "false"
    materialized: str = "MATERIALIZED "
    close_rows: int | None = None
    now: str = "clock_timestamp()"
    migration_lock: str = "SELECT true FROM (SELECT pg_advisory_xact_lock(7165411)) AS held"
    housekeeping_lock: str = "SELECT pg_try_advisory_xact_lock(7165411, hashtext($1))"
    max_identifier_bytes: int = 63
    max_key_bytes: int = 2_648  # nbtree takes 2,704, with headers and `_valid_from`

    def quote(self, identifier: str) -> str:
        """Double quotes, doubled within; PostgreSQL itself refuses NUL in a statement."""
        return '"' + identifier.replace('"', '""') + '"'

    def qualified(self, name: QualifiedName) -> str:
        """``"schema"."table"``; a temporary table has no schema."""
        return ".".join(self.quote(part) for part in (name.schema, name.name) if part)

    def create_schema(self, schema: str) -> str:
        """A schema, if there is none of that name."""
        return f"CREATE SCHEMA IF NOT EXISTS {self.quote(schema)}"

    def create_migrations(self, name: QualifiedName) -> str:
        """The table of applied migrations, if it is not there."""
        return (
            f"CREATE TABLE IF NOT EXISTS {self.qualified(name)} (version integer PRIMARY KEY, "
            "name text NOT NULL, applied_at timestamp with time zone NOT NULL)"
        )

    def insert_returning(self, table: str, columns: Sequence[str], returned: str) -> str:
        """With RETURNING."""
        return f"{_insert(table, columns)} RETURNING {returned}"

    def insert_absent(self, table: str, columns: Sequence[str]) -> str:
        """The primary key tells."""
        return f"{_insert(table, columns)} ON CONFLICT DO NOTHING"

    def column_type(self, logical: LogicalType) -> str:
        """As ``format_type`` prints it."""
        return column_type(logical)

    def _definition(self, column: Column, key: Sequence[str]) -> str:
        definition = f"{self.quote(column.target_name)} {column_type(column.type)}"
        if column.name not in key:
            return definition
        # law 3: a byte-wise collation, so that no upgrade of a locale breaks the unique index
        collation = ' COLLATE "C"' if is_text(column.type) else ""
        return f"{definition}{collation} NOT NULL"

    def columns_of(self) -> str:
        """From ``pg_attribute``."""
        return COLUMNS_OF

    def open_keys(self) -> str:
        """From ``pg_index``; one that is deferrable, or not valid, does not keep law 3."""
        return OPEN_KEYS

    def select_open_versions(self, spec: TableSpec, key: Sequence[Column], after: datetime) -> str:
        """The instant is ours, and COPY takes no parameters."""
        values = ", ".join(read_expression(self.quote(c.target_name), _stored(c)) for c in key)
        return (
            f'SELECT {values}, "_row_hash", "_hash_version", '
            f"\"_valid_from\" > '{after.isoformat()}'::timestamptz "
            f'FROM {self.qualified(spec.bronze)} WHERE "_valid_to" IS NULL'
        )

    def derived(self, table: SourceTable) -> tuple[tuple[str, str], ...]:  # noqa: ARG002 - others do
        """None: keys compare by their bytes as they are."""
        return ()

    def key_columns(self, table: SourceTable) -> tuple[str, ...]:
        """Those of the source."""
        return tuple(c.target_name for c in table.key_columns)

    def create_bronze(self, spec: TableSpec, table: SourceTable) -> str:
        """The table of versions."""
        columns = "".join(f"\n    {self._definition(c, table.key)}," for c in table.columns)
        return f"CREATE TABLE {self.qualified(spec.bronze)} ({columns}{_VERSION_COLUMNS})"

    def create_stage(self, spec: TableSpec, table: SourceTable) -> str:
        """The change feed."""
        columns = "".join(f"\n    {self._definition(c, table.key)}," for c in table.columns)
        return f"""CREATE TABLE {self.qualified(spec.stage)} ({columns}
    "_operation" character(1) NOT NULL,
    "_batch_id" bigint NOT NULL,
    "_changed_at" timestamp with time zone NOT NULL
)"""

    def create_stage_index(self, spec: TableSpec) -> str:
        """Rows come in the order of time, so that the index grows at its end."""
        name = shortened(f"{spec.stage.name}_changed", self.max_identifier_bytes)
        return f'CREATE INDEX {self.quote(name)} ON {self.qualified(spec.stage)} ("_changed_at")'

    def create_view(self, spec: TableSpec, names: Sequence[str]) -> str:
        """The mirror of the source."""
        columns = ", ".join(self.quote(name) for name in names)
        return (
            f"CREATE OR REPLACE VIEW {self.qualified(spec.current_view)} AS SELECT {columns} "
            f'FROM {self.qualified(spec.bronze)} WHERE "_valid_to" IS NULL'
        )

    def add_column(self, name: QualifiedName, column: Column) -> str:
        """A nullable column: no rewrite of the table."""
        definition = self._definition(column, ())
        return f"ALTER TABLE {self.qualified(name)} ADD COLUMN {definition}"

    def create_indexes(self, spec: TableSpec, table: SourceTable) -> tuple[str, ...]:
        """Law 3's unique index, and the one that finds a key's versions."""
        bronze, key = self.qualified(spec.bronze), self._key(table)
        unique, versions = (
            self.quote(shortened(f"{spec.bronze.name}{end}", self.max_identifier_bytes))
            for end in ("_open_key", "_key_from")
        )
        return (
            f'CREATE UNIQUE INDEX {unique} ON {bronze} ({key}) WHERE "_valid_to" IS NULL',
            f'CREATE INDEX {versions} ON {bronze} ({key}, "_valid_from")',
        )

    def secondary_indexes(self) -> str:
        """Those that this role can make again with nothing lost; the catalog says how."""
        return SECONDARY_INDEXES

    def drop_index(self, spec: TableSpec, name: str) -> str:
        """An index is in its table's schema."""
        return f"DROP INDEX {self.qualified(QualifiedName(spec.bronze.schema, name))}"

    def lock_alone(self, spec: TableSpec) -> str:
        """What DROP INDEX takes, but without others queueing behind the wait for it."""
        return f"LOCK TABLE ONLY {self.qualified(spec.bronze)} IN ACCESS EXCLUSIVE MODE NOWAIT"

    def gather_statistics(self, spec: TableSpec, table: SourceTable) -> str | None:
        """Of the columns that the next close joins and filters by."""
        bronze, key = self.qualified(spec.bronze), self._key(table)
        return f'ANALYZE (SKIP_LOCKED) {bronze} ({key}, "_valid_to")'

    def _key(self, table: SourceTable) -> str:
        return ", ".join(map(self.quote, self.key_columns(table)))

    def load_table(self, spec: TableSpec, batch: int) -> QualifiedName:  # noqa: ARG002 - others do
        """Of the session alone, and so without a schema."""
        return _LOAD

    def keys_table(self, spec: TableSpec, batch: int) -> QualifiedName:  # noqa: ARG002 - others do
        """The same: no transaction has both."""
        return _LOAD

    def load_tables(self) -> str | None:
        """None can be left: they go with their transactions."""
        return None

    def create_load(self, load: QualifiedName, columns: Sequence[Column]) -> str:
        """Changed rows, with what they do and the hash they close."""
        own = '"_operation" character(1) NOT NULL, "_row_hash" bytea, "_closes" bytea'
        return self._temporary(load, columns, own)

    def create_keys(self, load: QualifiedName, columns: Sequence[Column]) -> str:
        """Keys to look up."""
        return self._temporary(load, columns, '"_position" bigint NOT NULL')

    def _temporary(self, load: QualifiedName, columns: Sequence[Column], own: str) -> str:
        """Gone with the transaction, and never in the log."""
        loaded = "".join(f"\n    {self.quote(c.target_name)} {_sent_type(c)}," for c in columns)
        name = self.qualified(load)
        return f"CREATE TEMPORARY TABLE {name} ({loaded}\n    {own}\n) ON COMMIT DROP"

    def drop_load(self, load: QualifiedName) -> str | None:  # noqa: ARG002 - others do
        """Nothing: the transaction's end drops it."""
        return None

    def loads_directly(self, columns: Sequence[Column]) -> bool:
        """Unless some column is sent as text, for the server to read."""
        return not any(is_sent_as_text(column) for column in columns)

    def loaded_value(self, column: Column) -> str:
        """Cast where the value was sent as text."""
        value = f"l.{self.quote(column.target_name)}"
        return f"CAST({value} AS {column_type(column.type)})" if is_sent_as_text(column) else value

    def same_key(self, table: SourceTable) -> str:
        """The join of bronze ``b`` and loaded rows ``l``."""
        return " AND ".join(
            f"b.{self.quote(c.target_name)} = {self.loaded_value(c)}" for c in table.key_columns
        )

    def close_versions(self, load: QualifiedName, spec: TableSpec, table: SourceTable) -> str:
        """By key *and* the hash seen at compare: the fence (law 2)."""
        return (
            f"UPDATE {self.qualified(spec.bronze)} AS b "
            'SET "_valid_to" = $1, "_is_current" = false, '
            '"_closed_by" = l."_operation", "_closed_batch_id" = $2 '
            f"FROM {self.qualified(load)} AS l "
            f"WHERE {self.same_key(table)} "
            'AND b."_valid_to" IS NULL AND b."_row_hash" = l."_closes"'
        )

    def rewrite_versions(self, load: QualifiedName, spec: TableSpec, table: SourceTable) -> str:
        """All but the key, which is the same."""
        values = "".join(
            f"{self.quote(c.target_name)} = {self.loaded_value(c)}, "
            for c in table.columns
            if c.name not in table.key
        )
        return (
            f"UPDATE {self.qualified(spec.bronze)} AS b "
            f'SET {values}"_row_hash" = l."_row_hash", "_hash_version" = $1 '
            f"FROM {self.qualified(load)} AS l "
            f"WHERE {self.same_key(table)} AND l.\"_operation\" = 'W' "
            'AND b."_valid_to" IS NULL AND b."_row_hash" = l."_closes"'
        )


def _stored(column: Column) -> Column:
    """The column as bronze has it, whatever the source calls its type."""
    fixed = isinstance(column.type, Text) and column.type.fixed
    return replace(column, native="character(" if fixed else "")


def _insert(table: str, columns: Sequence[str]) -> str:
    values = ", ".join(f"${n}" for n in range(1, len(columns) + 1))
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values})"


def _sent_type(column: Column) -> str:
    """The collation is that of bronze's keys, so that the two can be compared."""
    if is_sent_as_text(column):
        return "text"
    collation = ' COLLATE "C"' if is_text(column.type) else ""
    return column_type(column.type) + collation
