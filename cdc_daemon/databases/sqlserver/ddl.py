"""How SQL Server makes the tables of a history. Text in, text out."""

from __future__ import annotations

from collections.abc import Sequence

from cdc_daemon.databases.sqlserver.keys import byte_columns, key_bytes
from cdc_daemon.databases.sqlserver.types import column_type, load_type
from cdc_daemon.model.table import QualifiedName, TableSpec
from cdc_daemon.schema.naming import shortened
from cdc_daemon.schema.table import Column, SourceTable

MAX_IDENTIFIER_BYTES = 128
"""SQL Server counts characters, and so takes at least as many."""

_VERSION_COLUMNS = """
    [_valid_from] datetime2(6) NOT NULL,
    [_valid_to] datetime2(6) NULL,
    [_is_current] bit NOT NULL,
    [_operation] char(1) NOT NULL CHECK ([_operation] IN ('I', 'U', 'R')),
    [_closed_by] char(1) NULL,
    [_row_hash] binary(16) NOT NULL,
    [_hash_version] smallint NOT NULL,
    [_batch_id] bigint NOT NULL,
    [_closed_batch_id] bigint NULL,
    CHECK ([_valid_to] > [_valid_from]),
    CHECK ([_is_current] = 1 AND [_valid_to] IS NULL
        OR [_is_current] = 0 AND [_valid_to] IS NOT NULL),
    CHECK ([_closed_by] IS NULL AND [_valid_to] IS NULL
        OR [_closed_by] IS NOT NULL AND [_valid_to] IS NOT NULL AND [_closed_by] IN ('U', 'D'))
"""


def quoted(identifier: str) -> str:
    """In brackets, the closing one doubled within."""
    return "[" + identifier.replace("]", "]]") + "]"


def qualified(name: QualifiedName) -> str:
    """``[schema].[table]``; the table alone where there is no schema."""
    return ".".join(quoted(part) for part in (name.schema, name.name) if part)


def literal(text: str) -> str:
    """A string, for statements that take no parameter there: names, and statements to execute."""
    return "N'" + text.replace("'", "''") + "'"


def _definition(column: Column, key: Sequence[str]) -> str:
    null = "NOT NULL" if column.name in key else "NULL"
    return f"{quoted(column.target_name)} {column_type(column.type)} {null}"


def _lines(definitions: Sequence[str]) -> str:
    return "".join(f"\n    {definition}," for definition in definitions)


def create_bronze(spec: TableSpec, table: SourceTable) -> str:
    """The table of versions."""
    columns = [_definition(c, table.key) for c in table.columns]
    columns += [
        f"{quoted(name)} varbinary({key_bytes(column)}) NOT NULL"
        for name, column in byte_columns(table)
    ]
    return f"CREATE TABLE {qualified(spec.bronze)} ({_lines(columns)}{_VERSION_COLUMNS})"


def create_stage(spec: TableSpec, table: SourceTable) -> str:
    """The change feed."""
    columns = _lines([_definition(c, table.key) for c in table.columns])
    return f"""CREATE TABLE {qualified(spec.stage)} ({columns}
    [_operation] char(1) NOT NULL,
    [_batch_id] bigint NOT NULL,
    [_changed_at] datetime2(6) NOT NULL
)"""


def create_stage_index(spec: TableSpec) -> str:
    """Rows come in the order of time, so that the index grows at its end."""
    name = shortened(f"{spec.stage.name}_changed", MAX_IDENTIFIER_BYTES)
    return f"CREATE NONCLUSTERED INDEX {quoted(name)} ON {qualified(spec.stage)} ([_changed_at])"


def create_view(spec: TableSpec, names: Sequence[str]) -> str:
    """One batch, whether the view is there or not; who may read it still may."""
    view = qualified(spec.current_view)
    definition = (
        f"VIEW {view} AS SELECT {', '.join(quoted(name) for name in names)} "
        f"FROM {qualified(spec.bronze)} WHERE [_valid_to] IS NULL"
    )
    there = f"OBJECT_ID({literal(view)}, N'V') IS NOT NULL"
    return (
        f"IF {there} EXEC({literal(f'ALTER {definition}')}) "
        f"ELSE EXEC({literal(f'CREATE {definition}')})"
    )


def add_column(name: QualifiedName, column: Column) -> str:
    """A nullable column: no rewrite of the table."""
    return f"ALTER TABLE {qualified(name)} ADD {_definition(column, ())}"


def key_columns(table: SourceTable) -> tuple[str, ...]:
    """The key as it is indexed: bytes where there are some."""
    names = {column.name: name for name, column in byte_columns(table)}
    return tuple(names.get(c.name, c.target_name) for c in table.key_columns)


def create_indexes(spec: TableSpec, table: SourceTable) -> tuple[str, ...]:
    """Law 3's unique index, and the one that finds a key's versions."""
    bronze, key = qualified(spec.bronze), ", ".join(map(quoted, key_columns(table)))
    unique, versions = (
        quoted(shortened(f"{spec.bronze.name}{end}", MAX_IDENTIFIER_BYTES))
        for end in ("_open_key", "_key_from")
    )
    return (
        f"CREATE UNIQUE NONCLUSTERED INDEX {unique} ON {bronze} ({key}) WHERE [_valid_to] IS NULL",
        f"CREATE NONCLUSTERED INDEX {versions} ON {bronze} ({key}, [_valid_from])",
    )


def create_load(load: QualifiedName, columns: Sequence[Column]) -> str:
    """Numbered, so that closes can look at so many rows at a time."""
    loaded = _lines(
        [
            "[_load_row] bigint IDENTITY(1,1) NOT NULL PRIMARY KEY CLUSTERED",
            *_loaded(columns),
            "[_operation] char(1) NOT NULL",
            "[_row_hash] binary(16) NULL",
        ]
    )
    return _anew(load, f"{loaded}\n    [_closes] binary(16) NULL")


def create_keys(load: QualifiedName, columns: Sequence[Column]) -> str:
    """Keys to look up."""
    return _anew(load, f"{_lines(_loaded(columns))}\n    [_position] bigint NOT NULL")


def _anew(load: QualifiedName, definition: str) -> str:
    """What an attempt before this one left of it goes first: it was committed."""
    name = qualified(load)
    return f"DROP TABLE IF EXISTS {name}; CREATE TABLE {name} ({definition}\n)"


def _loaded(columns: Sequence[Column]) -> list[str]:
    """Under their fields: names that no driver has to quote."""
    return [f"{quoted(c.field)} {load_type(c)} NULL" for c in columns]
