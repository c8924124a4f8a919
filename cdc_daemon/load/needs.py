"""What the target has of a table's history: is it there, is it ours, does it keep law 3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cdc_daemon.errors import IncompatibleChange, NotBronze
from cdc_daemon.load.indexes import secondary
from cdc_daemon.model.table import QualifiedName, TableSpec
from cdc_daemon.ports.dialect import TargetDialect
from cdc_daemon.ports.flow import Index
from cdc_daemon.ports.sql import SqlSession
from cdc_daemon.schema.diff import evolve
from cdc_daemon.schema.naming import STAGE_COLUMNS, VERSION_COLUMNS
from cdc_daemon.schema.table import Column, SourceTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What the target's tables need before a batch can be promoted."""

    is_empty: bool
    ddl: tuple[str, ...]
    added: frozenset[str]
    indexes: tuple[str, ...]
    secondary: tuple[Index, ...]


async def needs(
    session: SqlSession, dialect: TargetDialect, spec: TableSpec, table: SourceTable
) -> Needs:
    """Read the catalog and decide. Writes nothing.

    Raises:
        NotBronze: the table is there and is no history of this key.
        IncompatibleChange: a column is gone or has another type.
    """
    bronze = await _columns(session, dialect, spec.bronze)
    stage = await _columns(session, dialect, spec.stage)
    view = await _columns(session, dialect, spec.current_view)
    names = [column.target_name for column in table.columns]
    ddl: list[str] = []
    if not bronze:
        ddl.append(dialect.create_bronze(spec, table))
    added: tuple[Column, ...] = ()
    if bronze:
        added = _added(spec, dialect, table, bronze, spec.bronze, VERSION_COLUMNS)
        ddl += [dialect.add_column(spec.bronze, column) for column in added]
    if not stage:
        ddl += [dialect.create_stage(spec, table), dialect.create_stage_index(spec)]
    else:
        lacking = _added(spec, dialect, table, stage, spec.stage, STAGE_COLUMNS)
        ddl += [dialect.add_column(spec.stage, column) for column in lacking]
    ordered = [n for n in bronze if n in names] + [n for n in names if n not in bronze]
    if list(view) != ordered:
        ddl.append(dialect.create_view(spec, ordered))
    is_empty = not bronze or not await _any_version(session, dialect, spec)
    indexed = bool(bronze) and await _keeps_law_3(session, dialect, spec, table)
    if bronze and not indexed and not is_empty:
        raise NotBronze(
            f"{spec.id}: {spec.bronze} has no valid unique index on "
            f"({', '.join(c.target_name for c in table.key_columns)}) WHERE _valid_to IS NULL",
            remedy="Create the index; if the key was changed, set `target_table:` to begin anew.",
        )
    return Needs(
        is_empty=is_empty,
        ddl=tuple(ddl),
        added=frozenset(column.name for column in added),
        indexes=() if indexed else dialect.create_indexes(spec, table),
        secondary=await secondary(session, dialect, spec) if bronze else (),
    )


def _added(
    spec: TableSpec,
    dialect: TargetDialect,
    table: SourceTable,
    found: dict[str, str],
    name: QualifiedName,
    own: tuple[str, ...],
) -> tuple[Column, ...]:
    absent = [column for column in own if column not in found]
    if absent:
        raise NotBronze(f"{spec.id}: {name} has no column {', '.join(absent)}: it is not ours")
    existing = {column: kind for column, kind in found.items() if column not in own}
    wanted = {c.target_name: dialect.column_type(c.type) for c in table.columns}
    added = evolve(spec.id, table, existing, wanted).added
    in_key = [c.target_name for c in added if c.name in table.key]
    if in_key:
        raise IncompatibleChange(f"{spec.id}: the key has a new column {', '.join(in_key)}")
    return added


async def _columns(
    session: SqlSession, dialect: TargetDialect, name: QualifiedName
) -> dict[str, str]:
    return dict(await _of(session, dialect.columns_of(), name))


async def _any_version(session: SqlSession, dialect: TargetDialect, spec: TableSpec) -> bool:
    bronze = dialect.qualified(spec.bronze)
    rows = await session.fetch(f"SELECT 1 WHERE EXISTS (SELECT 1 FROM {bronze})")
    return bool(rows)


async def _keeps_law_3(
    session: SqlSession, dialect: TargetDialect, spec: TableSpec, table: SourceTable
) -> bool:
    wanted = set(dialect.key_columns(table))
    indexes: dict[int, set[str]] = {}
    for index, column in await _of(session, dialect.open_keys(), spec.bronze):
        indexes.setdefault(index, set()).add(column)
    return wanted in indexes.values()


async def _of(session: SqlSession, query: str, name: QualifiedName) -> list[tuple[Any, ...]]:
    return await session.fetch(query, name.schema, name.name)
