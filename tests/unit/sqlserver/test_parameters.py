"""Marks and values: every mark becomes its value's, nothing else is touched."""

from __future__ import annotations

import struct
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdc_daemon.databases.sqlserver.parameters import received, translate, with_offset


def test_values_come_in_the_order_of_their_marks() -> None:
    """A value that is used twice is sent twice."""
    text, values = translate("UPDATE t SET a = $2, b = $1 WHERE c = $2", ("x", 7))
    assert text == "UPDATE t SET a = ?, b = ? WHERE c = ?"
    assert values == (7, "x", 7)


@pytest.mark.parametrize(
    "kept",
    [
        "'it''s $1'",
        "[a$1]",
        "[a]]$1]",
        '"$1"',
        '"a""$1"',
        "-- $1",
        "/* $1 /* $1 */ $1 */",
        "a$1",
        "@$1",
        "$action",
        "$1a",
        "$0",
        "N'$1'",
    ],
)
def test_what_is_no_mark_stays(kept: str) -> None:
    """Text, names and comments are not looked into, money and names with $ are not taken."""
    text, values = translate(f"SELECT {kept}\n, $1", (5,))
    assert text == f"SELECT {kept}\n, ?"
    assert values == (5,)


def test_more_than_nine_marks() -> None:
    """$10 is the tenth value, not the first and a nought."""
    text, values = translate(" ".join(f"${n}" for n in range(1, 13)), tuple(range(12)))
    assert text == " ".join("?" * 12)
    assert values == tuple(range(12))


def test_a_null_is_written_out() -> None:
    """The server need not guess the type of a value that has none."""
    assert translate("INSERT INTO t VALUES ($1, $2)", (None, 1)) == (
        "INSERT INTO t VALUES (NULL, ?)",
        (1,),
    )


def test_a_mark_without_a_value_is_a_mistake() -> None:
    """It is told at once, not by the server."""
    with pytest.raises(ValueError, match=r"\$2, and 1 value"):
        translate("SELECT $1, $2", (1,))


def test_without_values_nothing_is_looked_for() -> None:
    """DDL goes as it is."""
    assert translate("CREATE TABLE [$1] (a money DEFAULT $1)", ()) == (
        "CREATE TABLE [$1] (a money DEFAULT $1)",
        (),
    )


def test_instants_are_sent_in_utc() -> None:
    """Columns have no zone: what is sent is UTC, as text, of which no driver cuts a digit."""
    zone = timezone(timedelta(hours=5, minutes=30))
    at = datetime(2024, 2, 29, 1, 2, 3, 456789, zone)
    assert translate("$1", (at,))[1] == ("2024-02-28T19:32:03.456789",)
    assert translate("$1", (date(2024, 2, 29),))[1] == ("2024-02-29",)


def test_numbers_beyond_bigint_are_decimals() -> None:
    """Drivers take 64 bits for an int."""
    assert translate("$1, $2", (2**63, -(2**63)))[1] == (Decimal(2**63), -(2**63))
    assert translate("$1", (True,))[1] == (True,)


def test_instants_come_in_utc() -> None:
    """What comes without a zone is UTC; a date is no instant."""
    naive = datetime(2024, 2, 29, 1, 2, 3, 456789)  # noqa: DTZ001
    assert received(naive) == naive.replace(tzinfo=UTC)
    assert received(date(2024, 2, 29)) == date(2024, 2, 29)
    assert received(None) is None


def test_offsets_come_in_utc() -> None:
    """A datetimeoffset of ODBC's structure is the instant it stands for."""
    raw = struct.pack("<hHHHHHIhh", 2024, 2, 29, 1, 2, 3, 456_789_100, -3, -30)
    assert with_offset(raw) == datetime(2024, 2, 29, 4, 32, 3, 456789, UTC)
    assert with_offset(None) is None


@given(st.lists(st.sampled_from(["'", "[", "]", '"', "--", "/*", "*/", "$1", "\n", "a", " "])))
def test_no_text_is_lost(parts: list[str]) -> None:
    """Whatever the statement, what is not a mark comes out as it went in."""
    statement = "".join(parts)
    text, values = translate(statement, (1,))
    assert text.count("?") == len(values)
    assert text.replace("?", "$1") == statement
