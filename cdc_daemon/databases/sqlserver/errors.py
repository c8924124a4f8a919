"""SQL Server's errors, sorted by number, then by SQLSTATE, into ours; never by message (law 9).

Numbers: SQL Server documentation, "Database engine events and errors"; from 20001 FreeTDS's own.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from cdc_daemon.databases.sqlserver.numbers import (
    ACCESS,
    CONFLICT,
    REMEDIES,
    UNAVAILABLE,
    VALUE,
)
from cdc_daemon.errors import (
    AccessDenied,
    Conflict,
    DatabaseError,
    DatabaseUnavailable,
    RowRefused,
    StatementFailed,
)

# pyodbc writes the number of the first diagnostic before the name of the function, which nothing
# a server says comes after
_NUMBER = re.compile(r"\((-?\d+)\) \(SQL\w+\)(?!.*\(SQL\w+\))", re.DOTALL)
_CERTIFICATE = re.compile(r"\[error:[0-9A-F]{8}:SSL routines:")

_STATES_UNAVAILABLE = ("08",)
# of the drivers themselves: timeouts, none to be loaded, a session that broke in mid-word
_STATES_DRIVER = ("HYT", "IM", "01", "HY000")
_STATES_CONFLICT = ("40", "HY008")
_STATES_ACCESS = ("28",)
_STATE_REMEDIES = {
    "HY008": "The statement was cancelled; it is tried again by itself.",
    "28": "Check user and password of the connection.",
    "IM": "The ODBC driver cannot be loaded: check `driver:` of the connection.",
    "01": "The ODBC driver cannot be loaded: check `driver:` of the connection.",
}
_TLS_REMEDY = (
    "TLS failed: the server's certificate is not one that this machine trusts, or not for this "
    "host. Correct it, or choose another `tls.mode` of the connection."
)


class Fault(Exception):
    """What the Arrow driver said, without its text: SQLSTATE and number, where it has them."""

    def __init__(self, said: BaseException, *, state: str = "", number: int = 0) -> None:
        super().__init__(type(said).__name__)
        self.state = state
        self.number = number
        self.certificate = _CERTIFICATE.search(str(said)) is not None


def classify(error: BaseException, doing: str) -> DatabaseError:
    """Our error for a driver's; ``doing`` says what was tried, without any value."""
    state, number = _state(error), _number(error)
    text = f"{doing}: {_described(error, state, number)}"
    code = str(number) if number > 0 else state
    remedy = REMEDIES.get(number) or _state_remedy(error, state, number)
    return _class(error, state, number)(text, code=code, remedy=remedy)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Errors of any of the drivers leave the block as ours."""
    try:
        yield
    except _known() as error:
        raise classify(error, doing) from error


def _class(error: BaseException, state: str, number: int) -> type[DatabaseError]:
    if number in UNAVAILABLE:
        return DatabaseUnavailable
    if number in CONFLICT:
        return Conflict
    if number in ACCESS:
        return AccessDenied
    if number in VALUE:
        return RowRefused
    if state.startswith(_STATES_CONFLICT):
        return Conflict
    if state.startswith(_STATES_ACCESS):
        return AccessDenied
    if state.startswith(_STATES_UNAVAILABLE) or isinstance(error, OSError):
        return DatabaseUnavailable
    if number <= 0 and state.startswith(_STATES_DRIVER):
        return DatabaseUnavailable
    return StatementFailed


def _state_remedy(error: BaseException, state: str, number: int) -> str | None:
    if _is_certificate(error):
        return _TLS_REMEDY
    if number > 0:
        return None
    return next((r for prefix, r in _STATE_REMEDIES.items() if state.startswith(prefix)), None)


def _known() -> tuple[type[BaseException], ...]:
    """What drivers raise; only one that is loaded can have raised anything."""
    pyodbc = sys.modules.get("pyodbc")
    others: tuple[type[BaseException], ...] = (Fault, OSError, TimeoutError)
    return others if pyodbc is None else (pyodbc.Error, *others)


def _state(error: BaseException) -> str:
    if isinstance(error, Fault):
        return error.state
    first = error.args[0] if error.args else None
    return first if isinstance(first, str) and re.fullmatch(r"[0-9A-Z]{5}", first) else ""


def _number(error: BaseException) -> int:
    if isinstance(error, Fault):
        return error.number
    if not _state(error) or len(error.args) < 2:  # noqa: PLR2004 - (state, message)
        return 0
    found = _NUMBER.search(str(error.args[1]))
    return int(found[1]) if found else 0


def _is_certificate(error: BaseException) -> bool:
    if isinstance(error, Fault):
        return error.certificate
    return _state(error) == "08001" and any(_CERTIFICATE.search(str(said)) for said in error.args)


def _described(error: BaseException, state: str, number: int) -> str:
    name = str(error) if isinstance(error, Fault) else type(error).__name__
    told = f", error {number}" if number > 0 else ""
    return f"{name}{told}, SQLSTATE {state}" if state else f"{name}{told}"
