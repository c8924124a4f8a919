"""Remote procedure calls: reading them, prepared statements, their answers.

One message may hold several calls (fast_executemany); each is answered in turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.support.tds import procedures
from tests.support.tds.answer import return_value
from tests.support.tds.errors import Refused, SqlError
from tests.support.tds.interpreter import Interpreter
from tests.support.tds.procedures import Argument
from tests.support.tds.values import read_raw, read_type, value

WELL_KNOWN = {
    10: "sp_executesql",
    11: "sp_prepare",
    12: "sp_execute",
    13: "sp_prepexec",
    14: "sp_prepexecrpc",
    15: "sp_unprepare",
}
SEPARATORS = frozenset({0x80, 0xFE, 0xFF})


@dataclass(frozen=True, slots=True)
class Call:
    """One call: a procedure and its parameters, named or not."""

    procedure: str
    arguments: tuple[Argument, ...]


@dataclass(slots=True)
class Handles:
    """The prepared statements of a connection."""

    _statements: dict[int, tuple[str, str]] = field(default_factory=dict)
    _last: int = 0

    def add(self, text: str, declared: str) -> int:
        """Keeps a statement; gives its handle."""
        self._last += 1
        self._statements[self._last] = (text, declared)
        return self._last

    def get(self, handle: int) -> tuple[str, str]:
        """The statement and the declaration of its parameters.

        Raises:
            SqlError: 8179, there is no such handle.
        """
        if handle not in self._statements:
            raise SqlError(8179, f"Could not find prepared statement with handle {handle}.")
        return self._statements[handle]

    def drop(self, handle: int) -> None:
        """Forgets a statement."""
        self._statements.pop(handle, None)


def calls(payload: bytes) -> Iterator[Call]:
    """The calls of a message.

    Raises:
        Refused: a parameter of a type that is not read.
    """
    at = int.from_bytes(payload[:4], "little")
    while at < len(payload):
        name, at = _procedure(payload, at)
        at += 2  # option flags
        arguments = []
        while at < len(payload) and payload[at] not in SEPARATORS:
            argument, at = _argument(payload, at)
            arguments.append(argument)
        yield Call(name, tuple(arguments))
        at += 1


def _procedure(payload: bytes, at: int) -> tuple[str, int]:
    length = int.from_bytes(payload[at : at + 2], "little")
    at += 2
    if length != 0xFFFF:
        name = payload[at : at + 2 * length].decode("utf-16-le")
        return name.rpartition(".")[2].strip("[]").lower(), at + 2 * length
    number = int.from_bytes(payload[at : at + 2], "little")
    return WELL_KNOWN.get(number, f"procedure {number}"), at + 2


def _argument(payload: bytes, at: int) -> tuple[Argument, int]:
    size = 2 * payload[at]
    name = payload[at + 1 : at + 1 + size].decode("utf-16-le").lower()
    output = "output" if payload[at + 1 + size] & 1 else ""
    at += 2 + size
    info, at = read_type(payload, at)
    raw, at = read_raw(payload, at, info)
    return Argument(name, value(raw, info), output), at


def answer_call(interpreter: Interpreter, handles: Handles, call: Call) -> None:
    """Runs one call and says what came of it.

    Raises:
        SqlError: it failed; the end of the call is still to be said.
    """
    interpreter.answer.in_procedure = True
    arguments = call.arguments
    outputs: list[bytes] = []
    status = 0
    if any(argument.output for argument in arguments[1:]):
        raise Refused("an output parameter of a remote call")
    match call.procedure:
        case "sp_prepexec" | "sp_prepare":
            declared, text = _string(arguments, 1), _string(arguments, 2)
            handle = handles.add(text, declared)
            outputs.append(return_value(handle))
            if call.procedure == "sp_prepexec":
                procedures.run_with(interpreter, text, declared, arguments[3:])
        case "sp_execute":
            text, declared = handles.get(_number(arguments))
            procedures.run_with(interpreter, text, declared, arguments[1:])
        case "sp_unprepare":
            handles.drop(_number(arguments))
        case name:
            if name != "sp_executesql":
                interpreter.hook(f"EXEC {name}")
            status = procedures.call(interpreter, name, arguments)
    interpreter.answer.procedure(status, outputs)


def _string(arguments: tuple[Argument, ...], at: int) -> str:
    return str(arguments[at].value.content or "") if at < len(arguments) else ""


def _number(arguments: tuple[Argument, ...]) -> int:
    return int(str(arguments[0].value.content))
