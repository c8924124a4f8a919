"""Variables of a script: DECLARE, SET and SELECT @v = ..."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tests.support.tds.errors import Refused, SqlError
from tests.support.tds.lexer import Cursor, Token, spell, split_commas, tokens
from tests.support.tds.template import Value
from tests.support.tds.types import MAX, SqlType, parse_type

if TYPE_CHECKING:
    from tests.support.tds.interpreter import Interpreter

KINDS = {
    "tinyint": "int",
    "smallint": "int",
    "varbinary": "binary",
    "nchar": "nvarchar",
    "char": "varchar",
    "money": "decimal",
}
BINARIES = frozenset({"varbinary", "binary"})
CLAUSES = frozenset({"FROM", "WHERE"})


def declare(interpreter: Interpreter, parts: Sequence[Token]) -> None:
    """DECLARE @a int, @b nvarchar(10) = N'x'."""
    for piece in split_commas(parts):
        cursor = Cursor(piece)
        name = cursor.take().text.lower()
        cursor.accept("AS")
        kind: list[Token] = []
        while not cursor.end and cursor.peek().text != "=":
            kind.append(cursor.take())
        declared = parse_type(spell(kind))
        if declared is None:
            raise Refused(f"DECLARE {name} {spell(kind)}")
        add(interpreter, name, declared)
        if not cursor.end:
            cursor.take()
            assign(interpreter, [piece[0], Token("sign", "=", "="), *cursor.rest()])


def add(interpreter: Interpreter, name: str, declared: SqlType) -> None:
    """A variable of a type, NULL at first where it has no value yet."""
    interpreter.types[name] = declared
    interpreter.scope.setdefault(name, Value(KINDS.get(declared.name, declared.name), None))


def assigns(parts: Sequence[Token]) -> bool:
    """Whether a SELECT gives values to variables."""
    return len(parts) > 2 and parts[1].kind == "variable" and parts[2].text == "="


def assign(interpreter: Interpreter, parts: Sequence[Token]) -> None:
    """``@v = expression``.

    Raises:
        SqlError: 137, the variable is not declared.
    """
    if len(parts) < 3 or parts[1].text != "=":
        raise Refused(f"SET {spell(parts)}")
    name = parts[0].text.lower()
    rows = _rows(interpreter, name, _cast(interpreter, name, parts[2:]), "")
    interpreter.scope[name] = rows[0]


def select(interpreter: Interpreter, parts: Sequence[Token]) -> None:
    """SELECT @v = ... : once, or row by row where there is FROM, as SQL Server does it."""
    end = next((at for at, token in enumerate(parts) if token.upper in CLAUSES), len(parts))
    pieces = split_commas(parts[1:end])
    for piece in pieces:
        if not assigns([parts[0], *piece]):
            raise Refused(f"SELECT of variables and columns: {spell(piece)}")
    if end == len(parts):
        for piece in pieces:
            assign(interpreter, piece)
        return
    if len(pieces) > 1:
        raise Refused("SELECT of several variables FROM a table")
    name = pieces[0][0].text.lower()
    query = [*_cast(interpreter, name, pieces[0][2:]), *parts[end:]]
    for row in range(1_000_000):
        found = _rows(interpreter, name, query, f" OFFSET {row} LIMIT 1")
        if not found:
            return
        interpreter.scope[name] = found[0]


def _cast(interpreter: Interpreter, name: str, parts: Sequence[Token]) -> list[Token]:
    if name not in interpreter.types:
        raise SqlError(137, f'Must declare the scalar variable "{name}".')
    return [*tokens("SELECT CAST(("), *parts, *tokens(f") AS {_spelt(interpreter.types[name])})")]


def _spelt(kind: SqlType) -> str:
    if kind.size is None:
        return kind.name
    if kind.name == "decimal":
        return f"decimal({kind.size}, {kind.scale})"
    return f"{kind.name}({'max' if kind.size == MAX else kind.size})"


def _rows(interpreter: Interpreter, name: str, query: Sequence[Token], which: str) -> list[Value]:
    kind = interpreter.types[name]
    sql = interpreter.translations.of(spell(query), query).template.fill(interpreter.lookup)
    shown = "v::text" if kind.name in BINARIES else "tds.as_text(v)"
    found = interpreter.session.backend.rows(f"SELECT {shown} FROM ({sql}) AS q(v){which}")
    return [value_of(KINDS.get(kind.name, kind.name), text) for (text,) in found]


def value_of(kind: str, text: str | None) -> Value:
    """A value from the text that PostgreSQL gives for it."""
    if text is None:
        return Value(kind, None)
    match kind:
        case "int" | "bigint":
            return Value(kind, int(text))
        case "bit":
            return Value(kind, text in {"1", "t", "true"})
        case "binary":
            return Value(kind, bytes.fromhex(text.removeprefix("\\x")))
    return Value(kind, text)
