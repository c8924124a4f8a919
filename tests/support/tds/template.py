"""Values within statements: constants, parameters and session variables, and how they are spelt.

A translated statement is a template of pieces and slots; each run fills the slots with literals.
Strings are left untyped where PostgreSQL may take them for what the place needs, as SQL Server
converts them unasked; where the kind of string matters they are typed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.support.tds.errors import UNSERVED, Refused, SqlError

_MARK = re.compile("\x01([^\x02]*)\x02")
CAST_OF_KIND = {
    "nvarchar": "::tds.nvarchar",
    "varchar": "::tds.varchar",
    "date": "::date",
    "time": "::time",
    "time_7": "::tds.time_7",
    "datetime2": "::timestamp",
    "datetime": "::tds.datetime",
    "datetime2_7": "::tds.datetime2_7",
    "datetimeoffset": "::tds.datetimeoffset",
    "uniqueidentifier": "::uuid",
    "decimal": "::numeric",
    "float": "::float8",
    "real": "::float4",
    "bigint": "::int8",
}


@dataclass(frozen=True, slots=True)
class Value:
    """A value with its kind; ``content`` None is NULL.

    Kinds: nvarchar, varchar, binary, bit, int, bigint, decimal, float, real, date, time,
    datetime2, datetime, datetimeoffset ('UTC|+hh:mm'), uniqueidentifier. Dates and times are ISO
    text, to seven digits.
    """

    kind: str
    content: object


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for a value: a constant of the statement, or the variable of that name."""

    constant: Value | None
    variable: str
    typed: bool


@dataclass(frozen=True, slots=True)
class Template:
    """A statement for PostgreSQL: one more piece than slots."""

    pieces: tuple[str, ...]
    slots: tuple[Slot, ...]

    def fill(self, lookup: Callable[[str], Value]) -> str:
        """The statement with its values."""
        out = [self.pieces[0]]
        for slot, piece in zip(self.slots, self.pieces[1:], strict=True):
            value = slot.constant if slot.constant is not None else lookup(slot.variable)
            out += [literal(value, typed=slot.typed), piece]
        return "".join(out)


def template(sql: str, values: Sequence[Value | str]) -> Template:
    """Cuts a statement at its marks (``dialect.SLOT``); a str value is a variable's name."""
    parts = _MARK.split(sql)
    slots = []
    for mark in parts[1::2]:
        value = values[int(mark.rstrip("t"))]
        constant, variable = (None, value) if isinstance(value, str) else (value, "")
        slots.append(Slot(constant, variable, mark.endswith("t")))
    return Template(tuple(parts[0::2]), tuple(slots))


def literal(value: Value, *, typed: bool) -> str:
    """The value in PostgreSQL's SQL.

    Raises:
        SqlError: it holds NUL or a lone surrogate, which PostgreSQL cannot store.
    """
    kind, content = value.kind, value.content
    if content is None:
        return f"NULL{CAST_OF_KIND.get(kind, '')}" if typed else "NULL"
    match kind:
        case "nvarchar" | "varchar":
            text = quoted(str(content))
            return f"{text}{CAST_OF_KIND[kind]}" if typed else text
        case "binary":
            return f"'\\x{bytes(content).hex()}'::bytea"  # type: ignore[call-overload]
        case "bit":
            return "true" if content else "false"
        case "int":
            return str(content) if int(str(content)) >= 0 else f"({content})"
        case "datetime2" | "time":
            return _clock(kind, str(content))
    if kind not in CAST_OF_KIND:
        raise Refused(f"a parameter of type {kind}")
    return f"'{content}'{CAST_OF_KIND[kind]}"


def _clock(kind: str, text: str) -> str:
    """Microseconds where they are exact, else seven digits."""
    if len(text.rpartition(".")[2]) == 7 and "." in text:
        if text.endswith("0"):
            return f"'{text[:-1]}'{CAST_OF_KIND[kind]}"
        return f"'{text}'{CAST_OF_KIND[kind + '_7']}"
    return f"'{text}'{CAST_OF_KIND[kind]}"


def quoted(text: str) -> str:
    """A string literal."""
    if "\0" in text:
        raise SqlError(UNSERVED, "The TDS test server cannot store the character NUL.")
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A quoted identifier.

    Raises:
        Refused: it is longer than PostgreSQL keeps.
    """
    if len(name.encode()) > 63:
        raise Refused(f"an identifier of more than 63 bytes: {name}")
    return '"' + name.replace('"', '""') + '"'
