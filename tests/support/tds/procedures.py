"""The stored procedures that are served, whether called by EXEC or by RPC."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from tests.support.tds import parameters, variables
from tests.support.tds.errors import SqlError
from tests.support.tds.lexer import spell, split_commas, tokens
from tests.support.tds.locks import get_lock, release_lock
from tests.support.tds.template import Value, literal, quoted
from tests.support.tds.types import SqlType, parse_type

if TYPE_CHECKING:
    from tests.support.tds.interpreter import Interpreter

LOCKS = {
    "sp_getapplock": ("@resource", "@lockmode", "@lockowner", "@locktimeout", "@dbprincipal"),
    "sp_releaseapplock": ("@resource", "@lockowner", "@dbprincipal"),
}
CATALOG = {
    "sp_tables": ("@table_name", "@table_owner", "@table_qualifier", "@table_type", "@fusepattern"),
    "sp_columns": (
        "@table_name",
        "@table_owner",
        "@table_qualifier",
        "@column_name",
        "@odbcver",
        "@fusepattern",
        "@namescope",
    ),
    "sp_datatype_info": ("@data_type", "@odbcver"),
    "sp_pkeys": ("@table_name", "@table_owner", "@table_qualifier"),
}


@dataclass(frozen=True, slots=True)
class Argument:
    """A value given to a procedure; ``output``: the variable that takes what comes back."""

    name: str
    value: Value
    output: str = ""


Arguments = Sequence[Argument]


def call(interpreter: Interpreter, name: str, arguments: Arguments) -> int:
    """Runs a procedure; gives its return status.

    Raises:
        SqlError: 2812, there is none of that name here.
    """
    name = name.lower()
    plain = re.sub(r"_(100|90)$", "", name)
    if name in LOCKS:
        given = named(LOCKS[name], arguments)
        act = get_lock if name == "sp_getapplock" else release_lock
        return act(interpreter.session, given)
    if name == "sp_executesql":
        execute_sql(interpreter, arguments)
        return 0
    if plain == "sp_tablecollations":
        _show(interpreter, f"SELECT * FROM tds.sp_tablecollations({quoted(_text(arguments, 0))})")
        return 0
    if plain in CATALOG:
        given = named(CATALOG[plain], arguments)
        values = [
            literal(given.get(one, Value("nvarchar", None)), typed=False) for one in CATALOG[plain]
        ]
        _show(interpreter, f"SELECT * FROM tds.{plain}({', '.join(values)})")
        return 0
    if name == "sp_describe_undeclared_parameters":
        _show(interpreter, parameters.undeclared(interpreter, _text(arguments, 0)))
        return 0
    if name == "sp_describe_first_result_set":
        _show(interpreter, parameters.first_result(interpreter, _text(arguments, 0)))
        return 0
    raise SqlError(2812, f"Could not find stored procedure '{name}'.")


def execute_sql(interpreter: Interpreter, arguments: Arguments) -> None:
    """sp_executesql: the statement in a scope of its parameters; outputs go back."""
    declared = _text(arguments, 1) if len(arguments) > 1 else ""
    inner = run_with(interpreter, _text(arguments, 0), declared, arguments[2:])
    names = [name for name, _ in _declared(declared)]
    for at, argument in enumerate(arguments[2:]):
        if argument.output:
            interpreter.scope[argument.output] = inner[argument.name or names[at]]


def run_with(
    interpreter: Interpreter, text: str, declared: str, values: Arguments
) -> dict[str, Value]:
    """Runs a script with parameters, by name or in the order declared; gives its variables."""
    outer = interpreter.scope, interpreter.types
    pieces = _declared(declared)
    scope = {one.name or pieces[at][0]: one.value for at, one in enumerate(values)}
    interpreter.scope, interpreter.types = scope, {}
    try:
        for name, kind in pieces:
            if kind is not None:
                variables.add(interpreter, name, kind)
        interpreter.run(text)
    finally:
        interpreter.scope, interpreter.types = outer
    return scope


@lru_cache(1000)
def _declared(declared: str) -> tuple[tuple[str, SqlType | None], ...]:
    """The names and types in ``@P1 int, @P2 nvarchar(10) OUTPUT``; None for an alias type."""
    found = []
    for name, *rest in split_commas(tokens(declared)):
        kind = [token for token in rest if token.upper not in {"OUTPUT", "OUT", "READONLY"}]
        found.append((name.text.lower(), parse_type(spell(kind))))
    return tuple(found)


def named(names: Sequence[str], arguments: Arguments) -> dict[str, Value]:
    """Arguments by name.

    Raises:
        SqlError: 8145, an argument that the procedure does not have.
    """
    given = {}
    for at, argument in enumerate(arguments):
        key = argument.name or (names[at] if at < len(names) else f"argument {at + 1}")
        if key not in names:
            raise SqlError(8145, f"{key} is not a parameter of the procedure.")
        given[key] = argument.value
    return given


def _text(arguments: Arguments, at: int) -> str:
    if at >= len(arguments):
        raise SqlError(201, "The procedure expects a parameter that was not supplied.")
    return str(arguments[at].value.content or "")


def _show(interpreter: Interpreter, query: str) -> None:
    count = interpreter.answer.rows(interpreter.session.backend.execute(query), {})
    interpreter.answer.done(count, selected=True)
