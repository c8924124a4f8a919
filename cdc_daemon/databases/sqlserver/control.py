"""What the control tables need of SQL Server: schemas, locks, and two kinds of INSERT."""

from __future__ import annotations

from collections.abc import Sequence

from cdc_daemon.databases.sqlserver.ddl import literal, qualified, quoted
from cdc_daemon.model.table import QualifiedName

# an owner that ends with the transaction: nobody has to release what a killed process held (law 7)
_LOCK = (
    "DECLARE @granted int; EXEC @granted = sp_getapplock @Resource = {resource}, "
    "@LockMode = 'Exclusive', @LockOwner = 'Transaction'"
)
_GRANTED = "; SELECT CASE WHEN @granted >= 0 THEN 1 ELSE 0 END"
MIGRATION_LOCK = _LOCK.format(resource="N'cdc-daemon migrations'") + _GRANTED
HOUSEKEEPING_LOCK = (
    "DECLARE @house nvarchar(255) = N'cdc-daemon housekeeping ' + $1; "
    + _LOCK.format(resource="@house")
    + ", @LockTimeout = 0"
    + _GRANTED
)


def create_schema(schema: str) -> str:
    """Unless it is there; CREATE SCHEMA must be the only statement of its batch."""
    create = literal(f"CREATE SCHEMA {quoted(schema)}")
    return f"IF SCHEMA_ID({literal(schema)}) IS NULL EXEC({create})"


def create_migrations(name: QualifiedName) -> str:
    """The table of applied migrations, unless it is there."""
    table = qualified(name)
    return (
        f"IF OBJECT_ID({literal(table)}, N'U') IS NULL CREATE TABLE {table} "
        "(version int NOT NULL PRIMARY KEY, name nvarchar(128) NOT NULL, "
        "applied_at datetime2(6) NOT NULL)"
    )


def insert_returning(table: str, columns: Sequence[str], returned: str) -> str:
    """``table`` and ``columns`` are quoted."""
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) OUTPUT INSERTED.{returned} "
        f"VALUES ({_parameters(columns)})"
    )


def insert_absent(table: str, columns: Sequence[str]) -> str:
    """The range where the row would be stays locked until the transaction ends."""
    same = " AND ".join(f"{column} = ${n}" for n, column in enumerate(columns, 1))
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {_parameters(columns)} "
        f"WHERE NOT EXISTS (SELECT 1 FROM {table} WITH (UPDLOCK, HOLDLOCK) WHERE {same})"
    )


def _parameters(columns: Sequence[str]) -> str:
    return ", ".join(f"${n}" for n in range(1, len(columns) + 1))
