"""What PostgreSQL's catalog says of a table: columns, exact types, key, relation kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from cdc_daemon.databases.described import all_there, carried, chosen_key
from cdc_daemon.databases.postgresql.types import CatalogType, logical_type
from cdc_daemon.errors import RowsWithheld, TableNotFound
from cdc_daemon.model.table import TableId, TableSpec
from cdc_daemon.ports.sql import SqlSession
from cdc_daemon.schema.naming import target_name
from cdc_daemon.schema.table import Column, SourceTable
from cdc_daemon.schema.types import Decimal

RELATION = """
SELECT c.oid, c.relkind::text, pg_catalog.row_security_active(c.oid) FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""

# a domain is replaced by what it is based on, however deep; its modifier is the first one set
COLUMNS = """
WITH RECURSIVE based AS (
    SELECT a.attnum, a.attname::text AS column_name, a.atttypid AS type, a.atttypmod AS modifier
    FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
  UNION ALL
    SELECT b.attnum, b.column_name, t.typbasetype,
           CASE WHEN b.modifier >= 0 THEN b.modifier ELSE t.typtypmod END
    FROM based b JOIN pg_catalog.pg_type t ON t.oid = b.type WHERE t.typtype = 'd'
)
SELECT b.column_name, n.nspname::text, t.typname::text, t.typtype::text, b.modifier,
       pg_catalog.format_type(t.oid, b.modifier),
       en.nspname::text, e.typname::text, e.typtype::text,
       pg_catalog.format_type(e.oid, b.modifier)
FROM based b
JOIN pg_catalog.pg_type t ON t.oid = b.type
JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace
LEFT JOIN pg_catalog.pg_type e ON e.oid = t.typelem AND t.typcategory = 'A'
LEFT JOIN pg_catalog.pg_namespace en ON en.oid = e.typnamespace
WHERE t.typtype <> 'd'
ORDER BY b.attnum
"""

# primary key first; else a unique index that holds for every row: valid, no predicate, no
# expression, no nullable column; the one with the fewest columns
KEYS = """
SELECT array_agg(a.attname::text ORDER BY k.position)
FROM pg_catalog.pg_index i
CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, position)
JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
WHERE i.indrelid = $1 AND i.indisunique AND i.indisvalid AND i.indimmediate
  AND i.indpred IS NULL AND i.indexprs IS NULL AND k.position <= i.indnkeyatts
GROUP BY i.indexrelid, i.indisprimary
HAVING bool_and(a.attnotnull)
ORDER BY i.indisprimary DESC, count(*), i.indexrelid
LIMIT 1
"""

LOCKABLE = frozenset("rpv")
"""Relation kinds that LOCK TABLE takes."""


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view, found."""

    oid: int
    kind: str


async def find_relation(session: SqlSession, table: TableId) -> Relation:
    """The relation.

    Raises:
        TableNotFound: there is none of that name.
        RowsWithheld: a policy is for this login, too.
    """
    rows = await session.fetch(RELATION, table.schema, table.name)
    if not rows:
        raise TableNotFound(f"{table}: the source has no table of that name")
    ((oid, kind, filtered),) = rows
    if filtered:  # the server would refuse to read it (``row_security`` is off), not say why
        raise RowsWithheld(f"{table}: row-level security applies to the login")
    return Relation(oid, kind)


async def describe(
    session: SqlSession, spec: TableSpec, relation: Relation, name_bytes: int
) -> SourceTable:
    """Columns and key, as of the session's snapshot; ``name_bytes`` is the target's limit.

    Raises:
        NoKey, UnsupportedType: naming the columns in question.
    """
    columns = _columns(spec, await session.fetch(COLUMNS, relation.oid), name_bytes)
    found = await session.fetch(KEYS, relation.oid)
    key = chosen_key(spec, columns, tuple(found[0][0]) if found else ())
    return SourceTable(
        columns=tuple(_as_key(c) if c.name in key else c for c in columns), key=key, snapshot=True
    )


def _as_key(column: Column) -> Column:
    """A number in a key is carried as text: a NaN may be among the keys that are gone."""
    return replace(column, as_text=isinstance(column.type, Decimal))


def _columns(
    spec: TableSpec, rows: Sequence[tuple[Any, ...]], name_bytes: int
) -> tuple[Column, ...]:
    all_there(spec, {row[0] for row in rows})
    columns: list[Column] = []
    refused: list[str] = []
    for row in rows:
        name, catalog = row[0], _catalog_type(row)
        if name in spec.exclude_columns:
            continue
        logical = logical_type(catalog)
        if logical is None:
            refused.append(f"{name} ({catalog.spelled})")
            continue
        columns.append(
            Column(
                name=name,
                field=f"c{len(columns)}",
                type=logical,
                target_name=target_name(name, name_bytes),
                native=catalog.spelled,
            )
        )
    return carried(spec, columns, refused)


def _catalog_type(row: tuple[Any, ...]) -> CatalogType:
    _, schema, name, kind, modifier, spelled, *element = row
    return CatalogType(
        schema=schema,
        name=name,
        kind=kind,
        modifier=modifier,
        spelled=spelled,
        element=None
        if element[0] is None
        else CatalogType(
            schema=element[0],
            name=element[1],
            kind=element[2],
            modifier=modifier,
            spelled=element[3],
        ),
    )
