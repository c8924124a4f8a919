"""How SQL Server writes a history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cdc_daemon.databases.sqlserver import control, ddl
from cdc_daemon.databases.sqlserver.bronze import COLUMNS_OF, OPEN_KEYS
from cdc_daemon.databases.sqlserver.ddl import literal, qualified, quoted
from cdc_daemon.databases.sqlserver.indexes import SECONDARY_INDEXES
from cdc_daemon.databases.sqlserver.keys import MAX_KEY_BYTES, byte_columns, key_value
from cdc_daemon.databases.sqlserver.types import (
    ENGINE,
    column_type,
    loaded_value,
    read_expression,
    stored,
)
from cdc_daemon.model.table import QualifiedName, TableSpec
from cdc_daemon.schema.naming import LOAD_PREFIX
from cdc_daemon.schema.table import Column, SourceTable
from cdc_daemon.schema.types import LogicalType


@dataclass(frozen=True, slots=True)
class SqlServerDialect:
    """Implements ``ports.dialect.TargetDialect``."""

    name: str = ENGINE
    true: str = "1"
    false: str = "0"
    now: str = "CAST(SYSUTCDATETIME() AS datetime2(6))"
    materialized: str = ""
    close_rows: int | None = 3_900  # from 5,000 locks on, a statement locks the table
    max_identifier_bytes: int = ddl.MAX_IDENTIFIER_BYTES
    max_key_bytes: int = MAX_KEY_BYTES
    migration_lock: str = control.MIGRATION_LOCK
    housekeeping_lock: str = control.HOUSEKEEPING_LOCK

    def quote(self, identifier: str) -> str:
        """Brackets, the closing one doubled within."""
        return quoted(identifier)

    def qualified(self, name: QualifiedName) -> str:
        """``[schema].[table]``."""
        return qualified(name)

    def column_type(self, logical: LogicalType) -> str:
        """As ``columns_of`` prints it."""
        return column_type(logical)

    def create_schema(self, schema: str) -> str:
        """Unless it is there."""
        return control.create_schema(schema)

    def create_migrations(self, name: QualifiedName) -> str:
        """The table of applied migrations, unless it is there."""
        return control.create_migrations(name)

    def insert_returning(self, table: str, columns: Sequence[str], returned: str) -> str:
        """Through OUTPUT."""
        return control.insert_returning(table, columns, returned)

    def insert_absent(self, table: str, columns: Sequence[str]) -> str:
        """Under a lock on the range where the row would be."""
        return control.insert_absent(table, columns)

    def columns_of(self) -> str:
        """Bytes of keys apart."""
        return COLUMNS_OF

    def open_keys(self) -> str:
        """By the filter as the server writes it."""
        return OPEN_KEYS

    def key_columns(self, table: SourceTable) -> tuple[str, ...]:
        """Bytes where there are some."""
        return ddl.key_columns(table)

    def create_bronze(self, spec: TableSpec, table: SourceTable) -> str:
        """The table of versions."""
        return ddl.create_bronze(spec, table)

    def create_stage(self, spec: TableSpec, table: SourceTable) -> str:
        """The change feed."""
        return ddl.create_stage(spec, table)

    def create_stage_index(self, spec: TableSpec) -> str:
        """By ``_changed_at``."""
        return ddl.create_stage_index(spec)

    def create_view(self, spec: TableSpec, names: Sequence[str]) -> str:
        """The mirror of the source."""
        return ddl.create_view(spec, names)

    def add_column(self, name: QualifiedName, column: Column) -> str:
        """A nullable column."""
        return ddl.add_column(name, column)

    def create_indexes(self, spec: TableSpec, table: SourceTable) -> tuple[str, ...]:
        """Law 3's unique index, and the one that finds a key's versions."""
        return ddl.create_indexes(spec, table)

    def secondary_indexes(self) -> str:
        """Each with the one statement that rebuilds it."""
        return SECONDARY_INDEXES

    def drop_index(self, spec: TableSpec, name: str) -> str:
        """Disabled, so that its definition stays (``indexes``)."""
        return f"ALTER INDEX {quoted(name)} ON {qualified(spec.bronze)} DISABLE"

    def lock_alone(self, spec: TableSpec) -> str:
        """The lock that ALTER INDEX takes, which readers of any kind are in the way of.

        Only a change of the table takes it: one that sets what is set. How long it waits is the
        session's LOCK_TIMEOUT.
        """
        bronze = qualified(spec.bronze)
        return (
            "DECLARE @escalation nvarchar(60) = (SELECT lock_escalation_desc FROM sys.tables "
            f"WHERE object_id = OBJECT_ID({literal(bronze)})); "
            f"IF @escalation = N'AUTO' ALTER TABLE {bronze} SET (LOCK_ESCALATION = AUTO) "
            f"ELSE IF @escalation = N'DISABLE' ALTER TABLE {bronze} "
            "SET (LOCK_ESCALATION = DISABLE) "
            f"ELSE ALTER TABLE {bronze} SET (LOCK_ESCALATION = TABLE)"
        )

    def gather_statistics(self, spec: TableSpec, table: SourceTable) -> str | None:  # noqa: ARG002
        """Nothing: the server refreshes statistics when a statement needs them."""
        return None

    def load_table(self, spec: TableSpec, batch: int) -> QualifiedName:
        """In the stage schema, by the batch's number."""
        return QualifiedName(spec.stage.schema, f"{LOAD_PREFIX}{batch}")

    def keys_table(self, spec: TableSpec, batch: int) -> QualifiedName:
        """In the stage schema, by the batch's number."""
        return QualifiedName(spec.stage.schema, f"{LOAD_PREFIX}{batch}_keys")

    def create_load(self, load: QualifiedName, columns: Sequence[Column]) -> str:
        """Changed rows, numbered, with what they do and the hash they close."""
        return ddl.create_load(load, columns)

    def create_keys(self, load: QualifiedName, columns: Sequence[Column]) -> str:
        """Keys to look up."""
        return ddl.create_keys(load, columns)

    def drop_load(self, load: QualifiedName) -> str | None:
        """A sweep may have been faster."""
        return f"DROP TABLE IF EXISTS {qualified(load)}"

    def load_tables(self) -> str | None:
        """All that are named like one: the number is for the caller to read."""
        return (
            "SELECT o.name FROM sys.objects o JOIN sys.schemas s ON s.schema_id = o.schema_id "
            f"WHERE s.name = $1 AND o.type = 'U' "
            f"AND LEFT(o.name, {len(LOAD_PREFIX)}) = N'{LOAD_PREFIX}'"
        )

    def loads_directly(self, columns: Sequence[Column]) -> bool:  # noqa: ARG002 - never
        """Bulk copy is a session of its own, and what it loads is committed."""
        return False

    def loaded_value(self, column: Column) -> str:
        """Cast where the column in bronze is of another type."""
        return loaded_value(column, _loaded(column))

    def derived(self, table: SourceTable) -> tuple[tuple[str, str], ...]:
        """The bytes of key values that ``=`` would blur."""
        return tuple(
            (quoted(name), key_value(column, _loaded(column)))
            for name, column in byte_columns(table)
        )

    def same_key(self, table: SourceTable) -> str:
        """The join of bronze ``b`` and loaded rows ``l``."""
        as_bytes = {column.name: name for name, column in byte_columns(table)}
        bytes_of = dict(self.derived(table))
        return " AND ".join(
            f"b.{(name := quoted(as_bytes[c.name]))} = {bytes_of[name]}"
            if c.name in as_bytes
            else f"b.{quoted(c.target_name)} = {self.loaded_value(c)}"
            for c in table.key_columns
        )

    def close_versions(self, load: QualifiedName, spec: TableSpec, table: SourceTable) -> str:
        """By key *and* the hash seen at compare: the fence (law 2)."""
        return (
            "UPDATE b SET [_valid_to] = $1, [_is_current] = 0, "
            "[_closed_by] = l.[_operation], [_closed_batch_id] = $2 "
            f"FROM {qualified(spec.bronze)} AS b JOIN {qualified(load)} AS l "
            f"ON {self.same_key(table)} WHERE l.[_load_row] > $3 AND l.[_load_row] <= $4 "
            "AND b.[_valid_to] IS NULL AND b.[_row_hash] = l.[_closes]"
        )

    def rewrite_versions(self, load: QualifiedName, spec: TableSpec, table: SourceTable) -> str:
        """All but the key, which is the same."""
        values = "".join(
            f"{quoted(c.target_name)} = {self.loaded_value(c)}, "
            for c in table.columns
            if c.name not in table.key
        )
        return (
            f"UPDATE b SET {values}[_row_hash] = l.[_row_hash], [_hash_version] = $1 "
            f"FROM {qualified(spec.bronze)} AS b JOIN {qualified(load)} AS l "
            f"ON {self.same_key(table)} WHERE l.[_load_row] > $2 AND l.[_load_row] <= $3 "
            "AND l.[_operation] = 'W' "
            "AND b.[_valid_to] IS NULL AND b.[_row_hash] = l.[_closes]"
        )

    def select_open_versions(self, spec: TableSpec, key: Sequence[Column], after: datetime) -> str:
        """Keys by their values, hashes, and what began after ``after``, which is ours."""
        values = [read_expression(quoted(c.target_name), stored(c)) for c in key]
        instant = after.astimezone(UTC).replace(tzinfo=None)
        later = (
            f"CAST(CASE WHEN [_valid_from] > CAST('{instant.isoformat(' ', 'microseconds')}' "
            "AS datetime2(6)) THEN 1 ELSE 0 END AS bit)"
        )
        return (
            f"SELECT {', '.join((*values, '[_row_hash]', '[_hash_version]', later))} "
            f"FROM {qualified(spec.bronze)} WHERE [_valid_to] IS NULL"
        )


def _loaded(column: Column) -> str:
    return f"l.{quoted(column.field)}"
