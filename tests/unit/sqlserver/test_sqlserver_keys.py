"""Keys in SQL Server: no two collapse, and every one that is let in fits an index."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdc_daemon.databases.sqlserver.dialect import SqlServerDialect
from cdc_daemon.databases.sqlserver.keys import INDEX_BYTES, byte_columns, key_bytes, key_value
from cdc_daemon.schema.types import (
    Binary,
    Boolean,
    Date,
    Decimal,
    Float,
    Integer,
    Native,
    Text,
    Time,
    Timestamp,
    Uuid,
)
from tests.factories import make_column, make_table

PART_BYTES = 8  # a column, as the extractor counts
INSTANT = 8
WIDEST = 17  # of the types that are their own key: decimal(38)
CHARACTERS = st.characters(exclude_categories=["Cs"])


@pytest.mark.parametrize(
    ("logical", "length"),
    [
        (Text(10, utf16=True), 22),
        (Text(10), 42),
        (Text(10, fixed=True), 42),
        (Text(4000, utf16=True), 1692),
        (Text(), 1692),
        (Binary(16), 17),
        (Binary(), 1692),
        (Decimal(), 1692),
        (Decimal(39, 0), 1692),
        (Native("postgresql", "inet", keyable=True), 1692),
        (Native("sqlserver", "hierarchyid", keyable=True), 1692),
        (Decimal(38, 10), None),
        (Integer(64), None),
        (Boolean(), None),
        (Float(64), None),
        (Date(), None),
        (Time(7), None),
        (Timestamp(7), None),
        (Timestamp(zoned=True), None),
        (Uuid(), None),
    ],
    ids=str,
)
def test_values_whose_equality_blurs_are_keys_by_their_bytes(logical, length):
    """Text ignores trailing spaces, binary strings trailing zeros; numbers and times do not."""
    column = make_column("a", logical)
    assert key_bytes(column) == length
    assert len(byte_columns(make_table({"ID": logical}))) == (length is not None)


def padded_equal(one: bytes, other: bytes) -> bool:
    """As SQL Server compares binary strings: the shorter one goes on with zeros."""
    size = max(len(one), len(other))
    return one.ljust(size, b"\0") == other.ljust(size, b"\0")


@settings(deadline=None)
@given(st.text(CHARACTERS, max_size=8), st.text(" \0aA", max_size=4), st.text(" \0", max_size=3))
def test_texts_are_one_key_only_if_they_are_one(start, end, tail):
    """Whatever follows, spaces and NUL too: UTF-16 and a full stop are equal for equal text."""
    texts = [start, start + end, start + tail, (start + end).lower(), start + "."]
    for one in texts:
        for other in texts:
            bytes_of = [f"{text}.".encode("utf-16-le") for text in (one, other)]
            assert padded_equal(*bytes_of) is (one == other)


@given(st.binary(max_size=4), st.integers(0, 3))
def test_binary_strings_are_one_key_only_if_they_are_one(value, zeros):
    """The byte at the end tells trailing zeros apart."""
    longer = value + bytes(zeros)
    assert padded_equal(value + b"\1", longer + b"\1") is (zeros == 0)


@settings(deadline=None)
@given(
    st.lists(st.text(CHARACTERS, max_size=300) | st.binary(max_size=300) | st.none(), max_size=5)
)
def test_every_key_within_the_limit_fits_both_indexes(key):
    """The bytes of a key that the extractor lets in are no more than an index takes (law 3).

    None stands for a value that is its own key; its canonical form has one byte or more.
    """
    forms, stored = 0, INSTANT
    for value in key:
        match value:
            case None:
                forms, stored = forms + 1, stored + WIDEST
            case bytes():
                forms, stored = forms + 2 * len(value), stored + len(value) + 1
            case _:
                forms += len(value.encode())
                stored += len(f"{value}.".encode("utf-16-le"))
    if forms + PART_BYTES * len(key) <= SqlServerDialect().max_key_bytes:
        assert stored <= INDEX_BYTES


@settings(deadline=None)
@given(st.text(CHARACTERS, max_size=40))
def test_a_text_of_its_length_fits_the_bytes_of_its_column(text):
    """The cast to bytes cuts nothing, whatever the characters (law 6)."""
    stored = len(f"{text}.".encode("utf-16-le"))
    units = len(text.encode("utf-16-le")) // 2
    assert stored <= key_bytes(make_column("a", Text(units, utf16=True)))
    assert stored <= key_bytes(make_column("a", Text(len(text))))


@pytest.mark.parametrize(
    ("logical", "value"),
    [
        (Text(5, utf16=True), "CAST(l.[a] + N'.' AS varbinary(12))"),
        (Binary(5), "CAST(l.[a] AS varbinary(5)) + 0x01"),
        (
            Native("postgresql", "inet", keyable=True),
            "CAST(l.[a] + N'.' AS varbinary(1692))",
        ),
    ],
)
def test_the_bytes_are_made_of_the_loaded_value(logical, value):
    """As it was loaded, before any cast to a type of the server."""
    assert key_value(make_column("a", logical), "l.[a]") == value


@pytest.mark.parametrize(
    ("printed", "key"),
    [
        ("1.50", "1.5"),
        ("1.5", "1.5"),
        ("100", "100"),
        ("100.00", "100"),
        ("0.10", "0.1"),
        ("0.00", "0"),
        ("-10.010", "-10.01"),
        ("NaN", "NaN"),
        ("Infinity", "Infinity"),
    ],
)
def test_a_number_is_one_key_however_many_zeros_it_is_printed_with(printed, key):
    """The bytes are those of the canonical form, which the key digest is made of too (T12)."""
    expression = key_value(make_column("a", Decimal()), "v")
    inner = re.fullmatch(r"CAST\((CASE .* END) \+ N'\.' AS varbinary\(1692\)\)", expression)[1]
    assert _evaluated(inner, printed) == key


def _evaluated(expression: str, value: str) -> str:
    """The CASE of REPLACE and RTRIM, as T-SQL has them."""
    test, rest = re.fullmatch(r"CASE WHEN (.*?) THEN v ELSE (.*) END", expression).groups()
    assert test == "CHARINDEX(N'.', v) = 0"
    python = rest.replace("N'", "'").replace("REPLACE(", "replace(").replace("RTRIM(", "rtrim(")
    functions = {"replace": str.replace, "rtrim": lambda text: text.rstrip(" "), "v": value}
    return value if "." not in value else eval(python, functions)
