"""Row hashes, pinned: a library whose output changes must not change history."""

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal as Number

import pytest

from cdc_daemon.cdc.row_hash import CURRENT, HASH, KEY, RECIPES, key_digest, row_hash_v1
from cdc_daemon.schema.table import Column
from cdc_daemon.schema.types import (
    Binary,
    Boolean,
    Date,
    Decimal,
    Float,
    Integer,
    Json,
    Native,
    Time,
    Timestamp,
    Uuid,
)
from tests.factories import INFINITY, make_column, make_columns
from tests.row_hash_reference import DAY, LAST, hashes

PINNED: tuple[tuple[Column, object, str], ...] = (
    (make_column("t"), None, "99aa06d3014798d86001c324468d497f"),
    (make_column("t"), "", "a3436aa143bcc639d00a47ac9119cea2"),
    (make_column("t"), "a", "7c771903b7f29d8bfdc5978225f8a7ca"),
    (make_column("Größe"), "😀\t\n\x1f", "32193997849c67987cf9b39072a3bf50"),
    (make_column("t"), "x" * 255, "47057047bb67c3c72d2a7364d33708e5"),
    (make_column("t"), "x" * 256, "319a4e510ad9b5d4e3e36607334e41c0"),
    (make_column("t"), "é" * 4096, "9e2418e894cdcb0dee50a9914ef06bf9"),
    (make_column("b", Boolean()), True, "8bde1df6010494dbc1cc810f8e6e71e3"),
    (make_column("n", Integer(64)), -(2**63), "05d0c8276cfae824b33a65ab206991cc"),
    (make_column("n", Decimal(10, 2)), Number("1.50"), "af8727c83df4c4e78b67e08b47315d2c"),
    (make_column("n", Decimal()), "-" + "9" * 50 + ".10", "583686486300a6d4c6458e811d70bc3c"),
    (make_column("n", Decimal()), "NaN", "98f62ccf48e5f4762dd4827257afd284"),
    (make_column("f", Float(64)), 0.1, "5d9a0f6e016dbcc8cdf5a8dca637fc98"),
    (make_column("f", Float(64)), -0.0, "3b37a6733816f9302abe98b0e9a3a7c3"),
    (make_column("f", Float(64)), math.nan, "b0adca9f15634c52efbe5662ddd8b371"),
    (make_column("f", Float(32)), INFINITY, "80f83c5c5a1584cdb2b242f6ceea0eb5"),
    (make_column("x", Binary()), b"\x00\xff", "1ca84c1abbab54c6fbf70980dfeb8d48"),
    (make_column("u", Uuid()), bytes(range(16)), "b328462f167943a846658b06c138a1dc"),
    (make_column("d", Date()), date(1, 1, 1), "fcb51b3035dc927270d084c01959cc5b"),
    (make_column("d", Date()), date(9999, 12, 31), "10af5745b5c80a17481637e2c81dc0a3"),
    (make_column("d", Date()), INFINITY, "ead7425bdd564d81a4cd2a2f4ed82ecf"),
    (make_column("h", Time()), DAY, "fdeffd42468629e7c30e7263a261d610"),
    (make_column("s", Timestamp(zoned=True)), LAST, "beae783d6dfdf18e73d21abf6dddb855"),
    (make_column("s", Timestamp()), -INFINITY, "365c04a80fb9f2bf229941be3f494242"),
    (make_column("j", Json(binary=True)), '{"a": 1}', "1c51738be0f43d15f6369032fad33d88"),
    (
        make_column("r", Native("postgresql", "inet")),
        "10.0.0.1",
        "21dd5009157a712ab0621dbc3023456a",
    ),
)
PINNED_ROW = "4d5690fd0ac079570a71dd51a85779c0"


@pytest.mark.parametrize(("column", "value", "pinned"), PINNED)
def test_hashes_are_those_of_the_day_they_were_published(column, value, pinned):
    """No upgrade of a library or of the daemon changes a hash (law 5)."""
    assert f"{hashes((column,), [(value,)])[0]:032x}" == pinned


def test_the_hash_of_a_whole_row_is_that_of_the_day_it_was_published():
    """The parts of a row come in the recipe's order, by name, for ever (law 5)."""
    columns = make_columns({f"{c.name}{n}": c.type for n, (c, _, _) in enumerate(PINNED)})
    row = tuple(value for _, value, _ in PINNED)
    assert f"{hashes(columns, [row])[0]:032x}" == PINNED_ROW
    assert f"{hashes(columns, [row], key_digest)[0]:032x}" != PINNED_ROW  # the negative zero


def test_recipe_one_stays_in_the_code():
    """Old versions are compared under the recipe they were written with (law 5)."""
    assert RECIPES[1] is row_hash_v1
    assert max(RECIPES) == CURRENT
    assert (KEY, HASH) == ("_key_digest", "_row_hash")
