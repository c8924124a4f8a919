"""Hashes: keyed ones against the standard library, salted ones against the first document's."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import date
from decimal import Decimal as Number
from uuid import UUID

import polars as pl
import pytest

from cdc_daemon.errors import ConfigError
from cdc_daemon.schema.types import Decimal, Integer, Text
from cdc_daemon.transformation import (
    HashingTransformer,
    Rejected,
    Rule,
    Site,
    TransformationPipeline,
)
from tests.factories import make_column, make_frame, make_table

KEY = b"sixteen bytes, at least"
SALT = "salt and pepper"
ALGORITHMS = ("sha256", "sha384", "sha512", "blake2b", "blake2s")


def mac(text: str, key: bytes = KEY, algorithm: str = "sha256") -> str:
    return hmac.new(key, text.encode(), algorithm).hexdigest()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("value", ["", "a", "ü😀\x00", "x" * 1000])
def test_keyed_hashes_are_hmac(algorithm, value):
    """Anybody with the key can compute them, with any library."""
    hashing = HashingTransformer(key=KEY, algorithm=algorithm)
    assert hashing(value) == mac(value, algorithm=algorithm)


@pytest.mark.parametrize("key", [b"\xff" * 16, b"\xff\x00" * 32, b"\xff" * 65, b"k" * 65])
def test_keys_are_any_bytes(key):
    """A key is not text: short of a block, a whole one, and longer."""
    assert HashingTransformer(key=key)("a") == mac("a", key)
    assert HashingTransformer(key=key)(None) is None


@pytest.mark.parametrize(
    ("value", "form"),
    [
        (12, "12"),
        (True, "1"),
        (Number("1.50"), "1.5"),
        (-0.0, "0"),
        (date(1970, 1, 2), "1"),
        (UUID(int=1), "0" * 31 + "1"),
        (b"\x00\xff", "00ff"),
        (10**30, str(10**30)),
        ({"b": 1, "a": [2]}, '{"a": [2], "b": 1}'),
    ],
)
def test_what_is_hashed_is_the_canonical_form(value, form):
    """Joins survive between engines that serve a value in different types."""
    assert HashingTransformer(key=KEY)(value) == mac(form)


def test_joins_survive_between_types_of_columns():
    """The same number in an integer and in a decimal column gives the same hash."""
    pipeline = TransformationPipeline([Rule(action=HashingTransformer(key=KEY), pattern=".*")])
    table = make_table({"A": Integer(32), "B": Decimal(12, 3), "C": Text()}, key=())
    frame = make_frame(table.columns, [(7, Number("7.000"), "7")])
    (row,) = pipeline.resolve(table).apply(frame).frame.rows()
    assert set(row) == {mac("7")}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        (12345, "12345"),
        (True, "True"),
        (1e-07, "1e-07"),
        (date(2024, 2, 29), "2024-02-29"),
        ({"b": 1, "a": 2}, json.dumps({"a": 2, "b": 1})),
        ([1, "x"], '[1, "x"]'),
    ],
)
def test_salted_hashes_are_those_of_the_first_document(algorithm, value, text):
    """Who has such hashes already gets the same ones."""
    expected = hashlib.new(algorithm, f"{SALT}{text}".encode()).hexdigest()
    assert HashingTransformer(salt=SALT, algorithm=algorithm)(value) == expected
    assert HashingTransformer(salt=SALT, algorithm=algorithm, truncate=16)(value) == expected[:16]


def test_only_salted_hashes_are_warned_about():
    """The keyed one is the one to use."""
    assert HashingTransformer(salt=SALT).warns
    assert HashingTransformer(key=KEY).warns is None


def test_results_can_be_short_and_say_their_key():
    """128 bits unless less is asked for; the version tells old hashes from new ones."""
    short = HashingTransformer(key=KEY, truncate=32, key_version="v2", prefix_version=True)
    assert short("a") == f"v2:{mac('a')[:32]}"
    assert HashingTransformer(key=KEY, truncate=8, allow_short=True)("a") == mac("a")[:8]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "either a `key`"),
        ({"key": KEY, "salt": SALT}, "either a `key`"),
        ({"key": b"short"}, "16 bytes"),
        ({"salt": "short"}, "8 characters"),
        ({"key": KEY, "algorithm": "md5"}, "algorithm 'md5'"),
        ({"key": KEY, "truncate": 31}, "32 hex digits"),
        ({"salt": SALT, "truncate": 0}, "1 hex digits"),
        ({"key": KEY, "prefix_version": True}, "key_version"),
    ],
)
def test_weak_hashes_are_refused(options, said):
    """What protects nothing is an error, and the secret is not in it."""
    with pytest.raises(ConfigError, match=said) as raised:
        HashingTransformer(**options)
    assert "short" not in str(raised.value).replace("allow_short", "")


def test_keys_are_told_apart_and_told_to_nobody():
    """Descriptions change with the key, and neither they nor reprs nor expressions hold it."""
    first, second = (HashingTransformer(key=key, key_version="1") for key in (KEY, KEY + b"!"))
    assert first.describe() != second.describe()
    assert first.describe() == HashingTransformer(key=KEY, key_version="1").describe()
    expression = first.expression(pl.col("c0"), Site(column=make_column()))
    for text in (repr(first), first.describe(), str(expression), repr(expression)):
        assert KEY.decode() not in text
    assert (
        SALT not in repr(HashingTransformer(salt=SALT)) + HashingTransformer(salt=SALT).describe()
    )


def test_values_that_are_none_of_a_database_are_rejected():
    """A Python object is not hashed by its address, nor a broken text by a guess."""
    hashing = HashingTransformer(key=KEY)
    assert hashing(object()) == Rejected("unsupported_value")
    assert hashing("\ud800") == Rejected("unsupported_value")
    assert hashing({"a": object()}) == Rejected("unsupported_value")
