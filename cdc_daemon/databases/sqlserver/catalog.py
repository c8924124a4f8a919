"""What SQL Server's catalog says of a table: columns, exact types, key, kind of snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import takewhile
from typing import Any

from cdc_daemon.databases.described import all_there, carried, chosen_key
from cdc_daemon.databases.sqlserver.types import CatalogType, logical_type
from cdc_daemon.errors import RowsWithheld, TableNotFound
from cdc_daemon.model.table import TableSpec
from cdc_daemon.ports.sql import SqlSession
from cdc_daemon.schema.naming import target_name
from cdc_daemon.schema.table import Column, SourceTable

# with the predicates that filter its rows; the server shows a policy to who may see its definition
RELATION = """
SELECT o.object_id,
       (SELECT COUNT(*) FROM sys.security_predicates f
        JOIN sys.security_policies p ON p.object_id = f.object_id
        WHERE f.target_object_id = o.object_id AND f.predicate_type = 0 AND p.is_enabled = 1)
FROM sys.objects o JOIN sys.schemas s ON s.schema_id = o.schema_id
WHERE s.name = $1 AND o.name = $2 AND o.type IN ('U', 'V')
"""

# an alias type goes by the type it is based on; CLR types are based on none
COLUMNS = """
SELECT c.name, COALESCE(b.name, t.name), c.max_length, c.precision, c.scale,
       CASE WHEN b.name IS NULL AND t.is_user_defined = 1 THEN 1 ELSE 0 END,
       CASE WHEN c.generated_always_type <> 0 OR b.name = 'timestamp' OR c.is_computed = 1
                 AND COLUMNPROPERTY(c.object_id, c.name, 'IsDeterministic') = 0
            THEN 0 ELSE 1 END,
       c.is_masked,
       CASE WHEN c.encryption_type IS NULL THEN 0 ELSE 1 END
FROM sys.columns c
JOIN sys.types t ON t.user_type_id = c.user_type_id
LEFT JOIN sys.types b ON b.user_type_id = c.system_type_id
WHERE c.object_id = $1
ORDER BY c.column_id
"""

# primary key first; else a unique index that holds for every row: enabled, without filter, no
# nullable column; the one with the fewest columns
KEYS = """
SELECT i.index_id, c.name,
       (SELECT COUNT(*) FROM sys.index_columns m WHERE m.object_id = i.object_id
        AND m.index_id = i.index_id AND m.key_ordinal > 0) AS width
FROM sys.indexes i
JOIN sys.index_columns k ON k.object_id = i.object_id AND k.index_id = i.index_id
JOIN sys.columns c ON c.object_id = k.object_id AND c.column_id = k.column_id
WHERE i.object_id = $1 AND k.key_ordinal > 0
  AND i.is_unique = 1 AND i.is_disabled = 0 AND i.is_hypothetical = 0 AND i.has_filter = 0
  AND NOT EXISTS (SELECT 1 FROM sys.index_columns n
      JOIN sys.columns x ON x.object_id = n.object_id AND x.column_id = n.column_id
      WHERE n.object_id = i.object_id AND n.index_id = i.index_id AND n.key_ordinal > 0
        AND x.is_nullable = 1)
ORDER BY i.is_primary_key DESC, width, i.index_id, k.key_ordinal
"""

# asked only where there is a masked column; before 2022 the permission is the database's alone
UNMASKED = """
SELECT CASE WHEN HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'UNMASK') = 1
    OR HAS_PERMS_BY_NAME(QUOTENAME($1) + N'.' + QUOTENAME($2), 'OBJECT', 'UNMASK', $3, 'COLUMN') = 1
    THEN 1 ELSE 0 END
"""

ISOLATION = """
SELECT snapshot_isolation_state, is_read_committed_snapshot_on
FROM sys.databases WHERE database_id = DB_ID()
"""
_ALLOWED = 1
"""``snapshot_isolation_state``: 0 off, 1 on, 2 and 3 on the way."""


class Isolation(Enum):
    """How the rows of a table can be read as of one instant (DESIGN 4, Snapshot)."""

    SNAPSHOT = "snapshot"
    """Count and rows, by one transaction."""
    RCSI = "rcsi"
    """The rows of one SELECT."""
    NONE = "none"
    """Not at all."""


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of ``COLUMNS``."""

    name: str
    catalog: CatalogType
    hashed: bool
    masked: bool
    encrypted: bool


async def isolation(session: SqlSession) -> Isolation:
    """What the database that the session is in allows."""
    ((state, committed),) = await session.fetch(ISOLATION)
    if state == _ALLOWED:
        return Isolation.SNAPSHOT
    return Isolation.RCSI if committed else Isolation.NONE


async def describe(
    session: SqlSession,
    spec: TableSpec,
    *,
    snapshot: bool,
    name_bytes: int,
) -> SourceTable:
    """Columns and key of a table or view, as they are now.

    ``snapshot`` is what the rows are going to be read by; names in the target have no more than
    ``name_bytes``.

    Raises:
        TableNotFound: there is none of that name, or it has no such column.
        RowsWithheld: a predicate filters its rows, and nobody said that none is kept back.
        NoKey, UnsupportedType: naming the columns in question.
    """
    found = await _relation(session, spec)
    rows = [_row(row) for row in await session.fetch(COLUMNS, found)]
    all_there(spec, {row.name for row in rows})
    taken = [row for row in rows if row.name not in spec.exclude_columns]
    masked = [row.name for row in taken if row.masked and not await _shown(session, spec, row.name)]
    columns = _columns(spec, taken, masked, name_bytes)
    keys = await session.fetch(KEYS, found)
    best = takewhile(lambda row: row[0] == keys[0][0], keys)
    key = chosen_key(spec, columns, tuple(row[1] for row in best))
    return SourceTable(columns=columns, key=key, snapshot=snapshot)


async def _relation(session: SqlSession, spec: TableSpec) -> int:
    rows = await session.fetch(RELATION, spec.id.schema, spec.id.name)
    if not rows:
        raise TableNotFound(f"{spec.id}: the source has no table of that name")
    ((found, filters),) = rows
    if filters and not spec.guards.allow_row_security:  # law 10
        raise RowsWithheld(f"{spec.id}: a security policy filters its rows")
    return int(found)


async def _shown(session: SqlSession, spec: TableSpec, column: str) -> bool:
    rows = await session.fetch(UNMASKED, spec.id.schema, spec.id.name, column)
    return bool(rows[0][0])


def _row(row: tuple[Any, ...]) -> _Row:
    name, kind, length, precision, scale, user_defined, hashed, masked, encrypted = row
    catalog = CatalogType(
        name="nvarchar" if kind == "sysname" else kind,
        max_length=length,
        precision=precision,
        scale=scale,
        user_defined=bool(user_defined),
    )
    return _Row(name, catalog, bool(hashed), bool(masked), bool(encrypted))


def _columns(
    spec: TableSpec, rows: Sequence[_Row], masked: Sequence[str], name_bytes: int
) -> tuple[Column, ...]:
    columns: list[Column] = []
    refused: list[str] = []
    for row in rows:
        logical = logical_type(row.catalog)
        if logical is None or row.encrypted or row.name in masked:
            why = "masked" if row.name in masked else "encrypted" if row.encrypted else ""
            refused.append(f"{row.name} ({row.catalog.spelled}{why and ', '}{why})")
            continue
        columns.append(
            Column(
                name=row.name,
                field=f"c{len(columns)}",
                type=logical,
                target_name=target_name(row.name, name_bytes),
                native=row.catalog.spelled,
                hashed=row.hashed,
            )
        )
    return carried(spec, columns, refused)
