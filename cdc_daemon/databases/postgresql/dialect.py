"""How PostgreSQL writes a history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cdc_daemon.databases.postgresql.indexes import SECONDARY_INDEXES
from cdc_daemon.databases.postgresql.types import ENGINE, column_type, is_sent_as_text
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


@dataclass(frozen=True, slots=True)
class PostgresDialect:
    """Implements ``ports.dialect.TargetDialect``."""

    name: str = ENGINE
    true: str = "true"
    now: str = "clock_timestamp()"
    migration_lock: str = "SELECT pg_advisory_xact_lock(7165411)"
    housekeeping_lock: str = "SELECT pg_try_advisory_xact_lock(7165411, hashtext($1))"
    max_identifier_bytes: int = 63
    max_key_bytes: int = 2_648  # nbtree takes 2,704, with headers and `_valid_from`

    def quote(self, identifier: str) -> str:
        """Double quotes, doubled within; PostgreSQL itself refuses NUL in a statement."""
        return '"' + identifier.replace('"', '""') + '"'

    def qualified(self, name: QualifiedName) -> str:
        """``"schema"."table"``."""
        return f"{self.quote(name.schema)}.{self.quote(name.name)}"

    def column_type(self, logical: LogicalType) -> str:
        """As ``format_type`` prints it."""
        return column_type(logical)

    def _definition(self, column: Column, key: Sequence[str]) -> str:
        definition = f"{self.quote(column.target_name)} {column_type(column.type)}"
        if column.name not in key:
            return definition
        # law 3: a byte-wise collation, so that no upgrade of a locale breaks the unique index
        collation = ' COLLATE "C"' if isinstance(column.type, Text) else ""
        return f"{definition}{collation} NOT NULL"

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
        return ", ".join(self.quote(c.target_name) for c in table.key_columns)

    def create_load(self, load: str, columns: Sequence[Column]) -> str:
        """Changed rows, with what they do and the hash they close."""
        own = '"_operation" character(1) NOT NULL, "_row_hash" bytea, "_closes" bytea'
        return self._temporary(load, columns, own)

    def create_keys(self, load: str, columns: Sequence[Column]) -> str:
        """Keys to look up."""
        return self._temporary(load, columns, '"_position" bigint NOT NULL')

    def _temporary(self, load: str, columns: Sequence[Column], own: str) -> str:
        """Gone with the transaction, and never in the log."""
        loaded = "".join(f"\n    {self.quote(c.target_name)} {_sent_type(c)}," for c in columns)
        return f"CREATE TEMPORARY TABLE {self.quote(load)} ({loaded}\n    {own}\n) ON COMMIT DROP"

    def drop_load(self, load: str) -> str | None:  # noqa: ARG002 - other engines need it
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

    def close_versions(self, load: str, spec: TableSpec, table: SourceTable) -> str:
        """By key *and* the hash seen at compare: the fence (law 2)."""
        return (
            f"UPDATE {self.qualified(spec.bronze)} AS b "
            'SET "_valid_to" = $1, "_is_current" = false, '
            '"_closed_by" = l."_operation", "_closed_batch_id" = $2 '
            f"FROM {self.quote(load)} AS l "
            f"WHERE {self.same_key(table)} "
            'AND b."_valid_to" IS NULL AND b."_row_hash" = l."_closes"'
        )


def _sent_type(column: Column) -> str:
    """The collation is that of bronze's keys, so that the two can be compared."""
    if is_sent_as_text(column):
        return "text"
    collation = ' COLLATE "C"' if isinstance(column.type, Text) else ""
    return column_type(column.type) + collation
