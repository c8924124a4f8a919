"""sp_getapplock and sp_releaseapplock, over PostgreSQL's advisory locks.

A session's lock stays through rollbacks and goes with the connection; a transaction's goes with
it. Exclusive and Shared are served. As in SQL Server, the answer is 0 granted, 1 granted after
waiting, -1 timed out, -999 wrong arguments or not held.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.support.tds.errors import Refused, SqlError
from tests.support.tds.session import Session
from tests.support.tds.template import Value, quoted

GRANTED, WAITED, TIMED_OUT, WRONG = 0, 1, -1, -999
LOCK_TIMEOUT = 1222


def get_lock(session: Session, arguments: Mapping[str, Value]) -> int:
    """sp_getapplock's status."""
    resource = str(arguments["@resource"].content)
    mode = str(arguments.get("@lockmode", Value("nvarchar", "")).content).lower()
    owner = str(arguments.get("@lockowner", Value("nvarchar", "Transaction")).content).lower()
    timeout = arguments.get("@locktimeout", Value("int", session.lock_timeout)).content
    if mode not in {"exclusive", "shared"}:
        raise Refused(f"sp_getapplock in the mode {mode}")
    if owner not in {"session", "transaction"} or (
        owner == "transaction" and not session.transactions
    ):
        return WRONG
    scope = "xact_" if owner == "transaction" else ""
    shared = "_shared" if mode == "shared" else ""
    key = f"hashtextextended({quoted(resource)}, 0)"
    taken = session.backend.value(f"SELECT pg_try_advisory_{scope}lock{shared}({key})")
    if taken == "t":
        return GRANTED
    return _wait(session, f"SELECT pg_advisory_{scope}lock{shared}({key})", int(str(timeout)))


def _wait(session: Session, statement: str, milliseconds: int) -> int:
    if milliseconds == 0:
        return TIMED_OUT
    before = session.lock_timeout
    backend = session.backend
    inside = session.transactions > 0
    if inside:
        backend.run("SAVEPOINT tds_lock")  # a wait that ends in an error must not end the rest
    session.set_lock_timeout(milliseconds)
    try:
        backend.value(statement)
    except SqlError as error:
        if inside:
            backend.run("ROLLBACK TO tds_lock")
        if error.number != LOCK_TIMEOUT:
            raise
        return TIMED_OUT
    finally:
        session.set_lock_timeout(before)
    return WAITED


def release_lock(session: Session, arguments: Mapping[str, Value]) -> int:
    """sp_releaseapplock's status; the lock of a transaction goes only with it.

    Raises:
        SqlError: 1223, the lock is not held.
    """
    resource = str(arguments["@resource"].content)
    owner = str(arguments.get("@lockowner", Value("nvarchar", "Transaction")).content).lower()
    if owner != "session":
        raise Refused("sp_releaseapplock of a transaction's lock")
    key = f"hashtextextended({quoted(resource)}, 0)"
    for shared in ("", "_shared"):
        if session.backend.value(f"SELECT pg_advisory_unlock{shared}({key})") == "t":
            return GRANTED
    raise SqlError(1223, f"Cannot release the application lock '{resource}': it is not held.")
