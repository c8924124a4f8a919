"""Errors of the drivers: sorted by number and SQLSTATE, and nothing of their text kept."""

from __future__ import annotations

import pyodbc
import pytest

from cdc_daemon.databases.sqlserver.errors import Fault, classify, translated
from cdc_daemon.databases.sqlserver.numbers import ACCESS, CONFLICT, REMEDIES, UNAVAILABLE
from cdc_daemon.errors import (
    AccessDenied,
    Conflict,
    DatabaseUnavailable,
    RowRefused,
    StatementFailed,
)


def said(
    number: int, state: str = "42000", text: str = "secret value", rest: str = ""
) -> Exception:
    """As pyodbc tells it."""
    place = "[Microsoft][ODBC Driver 18 for SQL Server][SQL Server]"
    return pyodbc.ProgrammingError(
        state, f"[{state}] {place}{text} ({number}) (SQLExecDirectW){rest}"
    )


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        *((n, Conflict) for n in (1205, 1222, 3960, 3961, 9002, 1105, 701, 8645, 10928, 10929)),
        *((n, Conflict) for n in (40501, 49918)),
        *((n, StatementFailed) for n in (2627, 2601, 515, 547, 102, 50000)),
        *((n, RowRefused) for n in (8152, 2628, 8115, 245, 4863)),
        *((n, AccessDenied) for n in (4060, 18456, 229, 230, 916, 262, 297)),
        *((n, DatabaseUnavailable) for n in (40613, 40197, 10053, 10054, 10060, 233, 64)),
        *((n, DatabaseUnavailable) for n in (17142, 6005, 596)),
    ],
)
def test_numbers(number: int, expected: type) -> None:
    """The server's number decides what happens next, whatever the SQLSTATE beside it."""
    for state in ("42000", "HY000", "HYT00", "23000"):
        error = classify(said(number, state), "connection x: INSERT INTO")
        assert type(error) is expected
        assert error.code == str(number)
        assert "secret" not in f"{error} {error.remedy}"  # law 9


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("08S01", DatabaseUnavailable),
        ("08001", DatabaseUnavailable),
        ("HYT00", DatabaseUnavailable),
        ("HYT01", DatabaseUnavailable),
        ("HY000", DatabaseUnavailable),
        ("IM002", DatabaseUnavailable),
        ("40001", Conflict),
        ("HY008", Conflict),
        ("28000", AccessDenied),
        ("42S02", StatementFailed),
        ("HY010", StatementFailed),
    ],
)
def test_states(state: str, expected: type) -> None:
    """Where only the driver speaks, its SQLSTATE decides."""
    for number in (0, -1):
        error = classify(said(number, state), "x")
        assert type(error) is expected
        assert error.code == state
    assert type(classify(Fault(ValueError(), state=state), "x")) is expected


def test_a_value_cannot_pass_for_a_number() -> None:
    """Law 8: a duplicate key of value (1205) is a duplicate key, for good."""
    text = "The duplicate key value is (1205). (3960) (SQLFake)"
    error = classify(said(2627, "23000", text, "; [01000] It was terminated. (3621)"), "x")
    assert error.code == "2627"
    assert type(error) is StatementFailed


@pytest.mark.parametrize(
    "error",
    [OSError("10.0.0.1"), TimeoutError(), ConnectionResetError("x")],
)
def test_a_network_that_fails(error: Exception) -> None:
    """An error of the operating system is an unavailable database."""
    with pytest.raises(DatabaseUnavailable) as told, translated("connection x: connecting"):
        raise error
    assert "10.0.0.1" not in str(told.value)


def test_a_certificate_that_is_not_trusted() -> None:
    """The remedy names the setting; the code of OpenSSL, not its words, is what is looked at."""
    text = "SSL Provider: [error:0A000086:SSL routines::certificate verify failed:x]"
    for error in (
        pyodbc.OperationalError("08001", f"[08001] {text} (-1) (SQLDriverConnect)"),
        Fault(RuntimeError(f"Driver Error: y; DDBC Error: {text}"), state="08001"),
    ):
        told = classify(error, "connection x: connecting")
        assert type(told) is DatabaseUnavailable
        assert "tls.mode" in told.remedy


def test_what_is_not_a_drivers_passes() -> None:
    """Errors of ours leave the block as they are."""
    for ours in (ValueError("x"), StatementFailed("x")):
        with pytest.raises(type(ours)) as told, translated("x"):
            raise ours
        assert told.value is ours


def test_no_number_is_two_things() -> None:
    """Each number has one meaning, and a remedy that fits some class."""
    assert not UNAVAILABLE & CONFLICT
    assert not UNAVAILABLE & ACCESS
    assert not CONFLICT & ACCESS
    assert all(remedy.endswith(".") for remedy in REMEDIES.values())


def test_what_was_tried_is_told() -> None:
    """The message says what was being done, the error's class, number and SQLSTATE."""
    error = classify(said(1205, "40001"), "connection core: INSERT INTO")
    assert str(error) == (
        "connection core: INSERT INTO: ProgrammingError, error 1205, SQLSTATE 40001"
    )
