"""PostgreSQL's errors, sorted by SQLSTATE into ours; never by message (law 9).

Classes of SQLSTATE: PostgreSQL documentation, appendix A.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from adbc_driver_manager import Error as AdbcError

from cdc_daemon.errors import (
    AccessDenied,
    Conflict,
    DatabaseError,
    DatabaseUnavailable,
    RowRefused,
    StatementFailed,
)

ASYNCPG_ERRORS = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # a session that died in mid-protocol
    OSError,
    TimeoutError,
)
"""What asyncpg raises where the server refuses, or is gone."""
_UNAVAILABLE = ("08", "57P")
_CONFLICT = ("40", "53", "55P03", "57014")
_ACCESS = ("28", "42501", "3D000")
_VALUE = "22"
"""Data exceptions: a value that a column or a cast does not take."""
_REMEDIES = {
    "28": "Check user and password of the connection.",
    "3D000": "Check `database:` of the connection: there is none of that name.",
    "42501": "Grant what the message names; README lists the grants the daemon needs.",
    "55P03": "Something holds a lock on the table; it is tried again by itself.",
    "53100": "The database's disk is full; nothing was written.",
    "53300": "The database has no free connection slots: lower `pool.max` or raise its limit.",
    "57014": "The statement was cancelled; it is tried again by itself.",
}


def classify(error: BaseException, doing: str) -> DatabaseError:
    """Our error for a driver's; ``doing`` says what was tried, without any value."""
    code = _sqlstate(error)
    text = f"{doing}: {_described(error, code)}"
    remedy = next((r for prefix, r in _REMEDIES.items() if code.startswith(prefix)), None)
    if code.startswith(_UNAVAILABLE) or (not code and _is_network(error)):
        return DatabaseUnavailable(text, code=code, remedy=remedy)
    if code.startswith(_CONFLICT):
        return Conflict(text, code=code, remedy=remedy)
    if code.startswith(_ACCESS):
        return AccessDenied(text, code=code, remedy=remedy)
    if code.startswith(_VALUE):
        return RowRefused(text, code=code, remedy=remedy)
    return StatementFailed(text, code=code, remedy=remedy)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Errors of either driver leave the block as ours."""
    try:
        yield
    except (*ASYNCPG_ERRORS, AdbcError, asyncio.IncompleteReadError) as error:
        raise classify(error, doing) from error


def _sqlstate(error: BaseException) -> str:
    code = getattr(error, "sqlstate", None)
    if isinstance(code, bytes):
        code = code.decode("ascii", "replace")
    return code if isinstance(code, str) and code.strip("\0 ") else ""


def _is_network(error: BaseException) -> bool:
    # ADBC reports a refused or lost connection without SQLSTATE; asyncpg a closed one as misuse
    return isinstance(
        error,
        OSError
        | TimeoutError
        | ssl.SSLError
        | asyncio.IncompleteReadError
        | AdbcError
        | asyncpg.InterfaceError
        | asyncpg.InternalClientError,
    )


def _described(error: BaseException, code: str) -> str:
    name = type(error).__name__
    return f"{name}, SQLSTATE {code}" if code else name
