"""One column's definition: its type, what follows it, and the trigger that keeps its form."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from tests.support.tds.dml import expression
from tests.support.tds.errors import Refused, SqlError
from tests.support.tds.lexer import NAMES, Cursor, Token, spell, split_commas
from tests.support.tds.template import identifier, quoted
from tests.support.tds.types import SqlType, parse_type

Naming = Callable[[Sequence[str], str], str]
FILLS = {
    "datetime2": "tds.to_datetime2_7(NEW.{0}::text)",
    "time": "tds.to_time_7(NEW.{0}::text)",
    "rowversion": "int8send(nextval('tds.rowversions'))::tds.rowversion",
    "sql_variant": "NULL",
}


def clustered(cursor: Cursor) -> None:
    if not cursor.accept("CLUSTERED"):
        cursor.accept("NONCLUSTERED")


def names_of(cursor: Cursor) -> str:
    names = []
    for piece in split_commas(cursor.group()):
        if len(piece) > 1 and piece[1].upper not in {"ASC", "DESC"}:
            raise Refused(spell(piece))
        names.append(identifier(piece[0].name))
    return f"({', '.join(names)})"


def read_type(cursor: Cursor) -> SqlType | str:
    """A column's type; an alias type as its PostgreSQL name."""
    names = cursor.dotted()
    arguments = f"({spell(cursor.group())})" if cursor.peek().upper == "(" else ""
    if names[-1].lower() == "double" and cursor.accept("PRECISION"):
        return SqlType("float")
    system = (
        parse_type(names[-1] + arguments) if len(names) == 1 or names[0].lower() == "sys" else None
    )
    if system is not None:
        return system
    schema = names[-2] if len(names) > 1 else "dbo"
    return f"{identifier(schema)}.{identifier(names[-1])}"


def bare(cursor: Cursor) -> list[Token]:
    """An expression without parentheses round it: up to the next word of a column's definition."""
    found: list[Token] = []
    stops = {
        "NOT",
        "NULL",
        "CONSTRAINT",
        "PRIMARY",
        "UNIQUE",
        "CHECK",
        "PERSISTED",
        "COLLATE",
        "WITH",
    }
    while not cursor.end and not (found and cursor.peek().upper in stops):
        if cursor.peek().upper == "(":
            found += [Token("sign", "(", "("), *cursor.group(), Token("sign", ")", ")")]
        else:
            found.append(cursor.take())
    return found


def fill(table: str, name: str, kind: SqlType) -> list[str]:
    """A trigger that keeps a column in the form that its base type cannot enforce."""
    if kind.name not in FILLS or (kind.name in {"datetime2", "time"} and kind.size != 7):
        return []
    column = identifier(name)
    mark = "fill_" + hashlib.sha256(f"{table}/{name}".encode()).hexdigest()[:16]
    value = FILLS[kind.name].format(column)
    refuse = f"IF NEW.{column} IS NOT NULL THEN PERFORM tds.fail('sql_variant', '0A000'); END IF; "
    body = (refuse if kind.name == "sql_variant" else "") + f"NEW.{column} := {value}; RETURN NEW"
    return [
        (
            f"CREATE OR REPLACE FUNCTION tds.{mark}() RETURNS trigger LANGUAGE plpgsql AS "
            f"{quoted(f'BEGIN {body}; END')}"
        ),
        (
            f"CREATE TRIGGER {mark} BEFORE INSERT OR UPDATE ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION tds.{mark}()"
        ),
    ]


class Options:
    """What follows a column's type, read one option after another."""

    def __init__(
        self, cursor: Cursor, database: str, naming: Naming, notes: dict[str, object]
    ) -> None:
        self._cursor, self._database, self._naming, self._notes = cursor, database, naming, notes
        self._constraint = ""

    def read(self) -> str:
        out = []
        while not self._cursor.end:
            if self._cursor.accept("CONSTRAINT"):
                self._constraint = self._cursor.dotted()[0]
            out.append(self._option())
        return "".join(f" {option}" for option in out if option)

    def _option(self) -> str:
        cursor = self._cursor
        named = f"CONSTRAINT {identifier(self._constraint)} " if self._constraint else ""
        if cursor.accept("NOT", "NULL"):
            return "NOT NULL"
        if cursor.accept("NULL") or cursor.accept("SPARSE"):
            return ""
        if cursor.accept("IDENTITY"):
            numbers = (
                [spell(piece) for piece in split_commas(cursor.group())]
                if cursor.peek().upper == "("
                else ["1", "1"]
            )
            return f"GENERATED ALWAYS AS IDENTITY (START {numbers[0]} INCREMENT {numbers[1]})"
        if cursor.accept("PRIMARY", "KEY"):
            clustered(cursor)
            return f"{named}PRIMARY KEY"
        if cursor.accept("UNIQUE"):
            clustered(cursor)
            return f"{named}UNIQUE NULLS NOT DISTINCT"
        if cursor.accept("CHECK"):
            return f"{named}CHECK ({expression(cursor.group(), self._database)})"
        if cursor.accept("COLLATE"):
            return f"COLLATE tds.{identifier(cursor.take().name)}"
        if cursor.accept("DEFAULT"):
            body = bare(cursor)
            self._notes["default"] = self._constraint
            self._notes["default_text"] = f"({spell(body)})"
            return f"DEFAULT {expression(body, self._database)}"
        return self._rare()

    def _rare(self) -> str:
        cursor = self._cursor
        if cursor.accept("ROWGUIDCOL"):
            self._notes["rowguidcol"] = True
            return ""
        if cursor.accept("MASKED", "WITH"):
            self._notes["masked"] = spell(cursor.group())
            return ""
        if cursor.accept("ENCRYPTED", "WITH"):
            self._notes["encrypted"] = spell(cursor.group())
            return ""
        if cursor.accept("GENERATED", "ALWAYS", "AS", "ROW"):
            start = cursor.take().upper == "START"
            self._notes["always"] = 1 if start else 2
            self._notes["hidden"] = cursor.accept("HIDDEN")
            return f"DEFAULT {'tds.sysutcdatetime()' if start else quoted('9999-12-31 23:59:59.9999999')}"
        if cursor.accept("REFERENCES"):
            return f"REFERENCES {self._naming(cursor.dotted(), self._database)} {names_of(cursor)}"
        near = cursor.peek()
        if near.kind in NAMES:
            raise Refused(f"the column option {near.text}")
        raise SqlError(102, f"Incorrect syntax near '{near.text}'.")
