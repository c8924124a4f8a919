"""Application locks of the TDS test server: sp_getapplock and sp_releaseapplock."""

from __future__ import annotations

import pyodbc
import pytest

from tests.support.tds_clients import Site

GET = (
    "DECLARE @r int; EXEC @r = sp_getapplock @Resource = ?, @LockMode = 'Exclusive', "
    "@LockOwner = '{owner}', @LockTimeout = {timeout}; SELECT @r"
)


def get_lock(connection: pyodbc.Connection, owner: str = "Session", timeout: int = 0) -> int:
    return connection.execute(GET.format(owner=owner, timeout=timeout), "r").fetchval()


def test_a_session_lock_is_held_until_its_connection_ends(site: Site) -> None:
    """A second session is told -1, and gets the lock as soon as the first is gone."""
    first, second = site.connect(), site.connect()
    assert get_lock(first) == 0
    assert get_lock(second) == -1
    first.execute("BEGIN TRAN; ROLLBACK")
    assert get_lock(second) == -1
    site.server.cut_connection(first.execute("SELECT @@SPID").fetchval())
    assert get_lock(second, timeout=10_000) in {0, 1}


def test_a_lock_is_released_by_name(site: Site) -> None:
    """sp_releaseapplock frees the lock; releasing it twice is error 1223."""
    first, second = site.connect(), site.connect()
    get_lock(first)
    assert first.execute("SELECT APPLOCK_MODE('public', 'r', 'Session')").fetchval() == "Exclusive"
    release = "EXEC sp_releaseapplock @Resource = N'r', @LockOwner = 'Session'"
    first.execute(release)
    assert get_lock(second) == 0
    with pytest.raises(pyodbc.Error, match="1223"):
        first.execute(release)


def test_a_transaction_lock_goes_with_the_transaction(site: Site) -> None:
    """Owner Transaction: refused without one, freed at its end."""
    first, second = site.connect(), site.connect()
    assert get_lock(first, "Transaction") == -999
    first.execute("BEGIN TRAN")
    assert get_lock(first, "Transaction") == 0
    assert get_lock(second) == -1
    first.execute("COMMIT")
    assert get_lock(second) == 0
