"""CREATE TABLE and ALTER TABLE: columns and constraints.

What a column is in SQL Server and PostgreSQL cannot say goes into the column's comment, as JSON:
a default's name, masking, generated period columns, rowguidcol. Types of seven digits, rowversion
and sql_variant are kept in form by a trigger of the column's own. A period (SYSTEM_TIME) is only
recorded: the columns are filled once, and there is no history table.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from tests.support.tds.column import (
    FILLS,
    Naming,
    Options,
    bare,
    clustered,
    fill,
    names_of,
    read_type,
)
from tests.support.tds.dml import expression
from tests.support.tds.errors import Refused
from tests.support.tds.lexer import Cursor, spell, split_commas
from tests.support.tds.template import identifier, quoted
from tests.support.tds.types import SqlType

CONSTRAINTS = frozenset({"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN"})
CHANGING = frozenset({"SYSUTCDATETIME", "SYSDATETIME", "GETDATE", "GETUTCDATE", "NEWID", "RAND"})


@dataclass(slots=True)
class Made:
    """What a table's items become: lines of CREATE TABLE, and statements after it."""

    lines: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)


def create(cursor: Cursor, database: str, naming: Naming) -> tuple[str, ...]:
    """CREATE TABLE."""
    table = naming(cursor.dotted(), database)
    made = Made()
    for item in split_commas(cursor.group()):
        _item(Cursor(item), table, database, naming, made)
    if cursor.accept("ON"):
        cursor.dotted()
    if cursor.accept("WITH"):
        options = cursor.group()
        if options[0].upper != "DATA_COMPRESSION":
            raise Refused(f"CREATE TABLE ... WITH ({spell(options)})")
    if not cursor.end:
        raise Refused(f"CREATE TABLE ... {spell(cursor.rest())}")
    return (f"CREATE TABLE {table} ({', '.join(made.lines)})", *made.after)


def alter(cursor: Cursor, database: str, naming: Naming) -> tuple[str, ...]:
    """ALTER TABLE: ADD, DROP, ALTER COLUMN, SET (LOCK_ESCALATION)."""
    table = naming(cursor.dotted(), database)
    if cursor.accept("WITH", "CHECK") or cursor.accept("WITH", "NOCHECK"):
        pass
    if cursor.accept("ADD"):
        made = Made()
        for item in split_commas(cursor.rest()):
            _item(Cursor(item), table, database, naming, made)
        return (
            f"ALTER TABLE {table} {', '.join(f'ADD {line}' for line in made.lines)}",
            *made.after,
        )
    if cursor.accept("DROP", "COLUMN") or cursor.accept("DROP", "CONSTRAINT"):
        kind = cursor.parts[cursor.at - 1].upper
        guard = "IF EXISTS " if cursor.accept("IF", "EXISTS") else ""
        names = [identifier(piece[0].name) for piece in split_commas(cursor.rest())]
        if kind == "CONSTRAINT":
            return tuple(
                f"SELECT tds.drop_constraint({quoted(table)}, {quoted(name)})" for name in names
            )
        return tuple(f"ALTER TABLE {table} DROP {kind} {guard}{name}" for name in names)
    if cursor.accept("SET"):
        if [token.upper for token in cursor.group()][:2] != ["LOCK_ESCALATION", "="]:
            raise Refused("ALTER TABLE ... SET")
        return (f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE",)  # what SQL Server takes for it
    cursor.expect("ALTER", "COLUMN")
    return _alter_column(cursor, table)


def _alter_column(cursor: Cursor, table: str) -> tuple[str, ...]:
    column = identifier(cursor.dotted()[0])
    to = read_type(cursor)
    if isinstance(to, str) or to.name in FILLS:
        raise Refused("ALTER COLUMN to this type")
    optional = "SET NOT NULL" if cursor.accept("NOT", "NULL") else "DROP NOT NULL"
    cursor.accept("NULL")
    if not cursor.end:
        raise Refused(f"ALTER COLUMN ... {spell(cursor.rest())}")
    kind = to.postgres()
    return (
        (
            f"ALTER TABLE {table} ALTER {column} TYPE {kind} USING {column}::{kind}, "
            f"ALTER {column} {optional}"
        ),
    )


def _item(cursor: Cursor, table: str, database: str, naming: Naming, made: Made) -> None:
    if cursor.peek().upper == "PERIOD":
        cursor.expect("PERIOD", "FOR", "SYSTEM_TIME")
        cursor.group()
        return
    if cursor.peek().upper in CONSTRAINTS:
        made.lines.append(_constraint(cursor, database, naming))
        return
    if cursor.peek().upper == "INDEX":
        raise Refused("INDEX within CREATE TABLE")
    _column(cursor, table, database, naming, made)


def _constraint(cursor: Cursor, database: str, naming: Naming) -> str:
    named = f"CONSTRAINT {identifier(cursor.dotted()[0])} " if cursor.accept("CONSTRAINT") else ""
    if cursor.accept("CHECK"):
        return f"{named}CHECK ({expression(cursor.group(), database)})"
    if cursor.accept("FOREIGN", "KEY"):
        columns = names_of(cursor)
        cursor.expect("REFERENCES")
        return f"{named}FOREIGN KEY {columns} REFERENCES {naming(cursor.dotted(), database)} {names_of(cursor)}"
    if cursor.accept("DEFAULT"):
        raise Refused("ALTER TABLE ADD DEFAULT ... FOR")
    kind = "PRIMARY KEY" if cursor.accept("PRIMARY", "KEY") else "UNIQUE NULLS NOT DISTINCT"
    if kind != "PRIMARY KEY":
        cursor.expect("UNIQUE")
    clustered(cursor)
    line = f"{named}{kind} {names_of(cursor)}"
    if not cursor.end:
        raise Refused(f"a constraint with {spell(cursor.rest())}")
    return line


def _column(cursor: Cursor, table: str, database: str, naming: Naming, made: Made) -> None:
    name = cursor.dotted()[0]
    quoted_name = identifier(name)
    notes: dict[str, object] = {}
    if cursor.accept("AS"):
        made.after.append(_computed(cursor, table, quoted_name, database, notes))
    else:
        kind = read_type(cursor)
        spelt = kind if isinstance(kind, str) else kind.postgres()
        options = Options(cursor, database, naming, notes).read()
        made.lines.append(f"{quoted_name} {spelt}{options}")
        if isinstance(kind, SqlType):
            made.after += fill(table, name, kind)
    if notes:
        made.after.append(f"COMMENT ON COLUMN {table}.{quoted_name} IS {quoted(json.dumps(notes))}")


def _computed(
    cursor: Cursor, table: str, name: str, database: str, notes: dict[str, object]
) -> str:
    """A statement that adds the column, at the end: its type is its expression's.

    It is stored: one that changes by itself keeps the value of its row's last change.
    """
    body = cursor.group() if cursor.peek().upper == "(" else bare(cursor)
    notes["persisted"] = cursor.accept("PERSISTED")
    required = cursor.accept("NOT", "NULL")
    if not cursor.end:
        raise Refused(f"a computed column with {spell(cursor.rest())}")
    notes["computed"] = f"({spell(body)})"
    notes["deterministic"] = not any(token.upper in CHANGING for token in body)
    made = expression(body, database)
    for function in CHANGING:
        made = made.replace(f"tds.{function.lower()}(", f"tds.stored_{function.lower()}(")
    arguments = ", ".join(quoted(text) for text in (table, name, made))
    return f"SELECT tds.add_computed({arguments}, {str(required).lower()})"
