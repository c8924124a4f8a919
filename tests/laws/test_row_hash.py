"""The row hash against an independent reading of its published recipe.

The recipe is a promise to everyone who kept a hash: law 5 rests on it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from decimal import Decimal as Number

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdc_daemon.cdc.canonical import canonical
from cdc_daemon.cdc.row_hash import key_digest, row_hash_v1
from cdc_daemon.schema.types import Binary, Decimal, Float, Integer, Text, Time, Timestamp
from tests.factories import make_column, make_columns, make_frame
from tests.row_hash_reference import (
    NAMES,
    VALUES,
    form,
    hashes,
    message,
    read_back,
    reference,
    scaled,
    tables,
)

LAW = settings(deadline=None, max_examples=60)


@LAW
@given(tables())
def test_the_vectorised_hash_is_the_published_recipe(table):
    """Every logical type hashes as the recipe says, whatever its values (law 5)."""
    columns, rows = table
    assert hashes(columns, rows) == reference(columns, rows)


@LAW
@given(tables())
def test_the_vectorised_key_digest_is_the_published_recipe(table):
    """A key digest is the recipe over the key, with one zero for floats."""
    columns, rows = table
    assert hashes(columns, rows, key_digest) == reference(columns, rows, key=True)


@pytest.mark.parametrize("logical", VALUES, ids=str)
def test_each_logical_type_hashes_by_the_recipe(logical):
    """No logical type is left to chance: each is hashed over many of its values."""

    @settings(deadline=None, max_examples=20)
    @given(st.lists(st.none() | VALUES[logical], min_size=10, max_size=30))
    def check(values):
        columns, rows = (make_column("n", logical),), [(value,) for value in values]
        assert hashes(columns, rows) == reference(columns, rows)

    check()


@LAW
@given(tables())
def test_the_recipe_can_be_read_back(table):
    """What is hashed is unambiguous: names and forms can be read back from it."""
    columns, rows = table
    for row in rows:
        written = [
            text.encode()
            for column, value in sorted(zip(columns, row, strict=True), key=lambda p: p[0].name)
            if value is not None
            for text in (column.name, form(column.type, value, key=False))
        ]
        assert read_back(message(columns, row)) == written


@LAW
@given(tables(), st.randoms(use_true_random=False))
def test_the_order_of_columns_does_not_matter(table, random):
    """A source that gives its columns in another order gives the same hashes (law 5)."""
    columns, rows = table
    order = list(range(len(columns)))
    random.shuffle(order)
    moved = [columns[n] for n in order]
    assert row_hash_v1(make_frame(columns, rows), moved).to_list() == hashes(columns, rows)


@LAW
@given(tables(), NAMES, st.sampled_from(list(VALUES)))
def test_a_column_that_is_null_changes_no_hash(table, name, logical):
    """A column added to the source, NULL in every row, gives no new version (law 5)."""
    columns, rows = table
    if name in {column.name for column in columns}:
        return
    wider = (*columns, make_column(name, logical, field="added"))
    assert hashes(wider, [(*row, None) for row in rows]) == hashes(columns, rows)


@LAW
@given(tables(), st.integers(1, 3))
def test_batches_may_be_cut_anywhere(table, size):
    """A row's hash does not depend on the batch it comes in (law 5)."""
    columns, rows = table
    frame = make_frame(columns, rows)
    pieces = [row_hash_v1(piece, columns) for piece in frame.iter_slices(size)]
    assert [h for piece in pieces for h in piece.to_list()] == hashes(columns, rows)


@pytest.mark.parametrize("height", [0, 1, 2, 63, 64, 65, 66, 255, 256, 257, 258, 5000])
def test_a_batch_of_any_height_hashes(height):
    """Heights around the sizes of the ready-made lengths hash like any other."""
    columns = make_columns({"t": Text(), "n": Integer(32)})
    rows = [("x" * (n % 300), n) for n in range(height)]
    assert hashes(columns, rows) == reference(columns, rows)


# --- what must differ, and what must not ---------------------------------------------------

TWO = make_columns({"a": Text(), "b": Text()})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", "bc"), ("ab", "c")),
        (("a", None), (None, "a")),
        (("", None), (None, None)),
        (("", ""), (None, "")),
        (("a", " "), ("a", "")),
        (("a\x1f", "b"), ("a", "\x1fb")),
        (("1:b1:", "c"), ("", "1:b1:c")),
        (("é", None), ("e\u0301", None)),
        (("A", None), ("a", None)),
        (("a ", None), ("a", None)),
    ],
)
def test_rows_that_differ_hash_apart(one, other):
    """Values cannot move from field to field, and '' is not NULL, nor a blank (T10, T11)."""
    first, second = hashes(TWO, [one, other])
    assert first != second
    assert len(set(hashes(TWO, [one, other], key_digest))) == 2


def test_names_with_digits_and_colons_do_not_collide():
    """A name that looks like a length is still a name (T11)."""
    rows = {
        (("1:a", "x"),),
        (("1", ":ax"),),
        (("a", "1:x"),),
        (("1:a1:x1", ""),),
        (("a", "x"), ("1", "")),
        (("a", "x1:1"),),
        (("1:1", "x"), ("a", "")),
        (("1", "x"), ("1:a", "")),
    }
    seen = {
        hashes(make_columns({name: Text() for name, _ in row}), [[v for _, v in row]])[0]
        for row in rows
    }
    assert len(seen) == len(rows)


@pytest.mark.parametrize("value", [0, 1, -1, 7, 120, -32768, 32767])
def test_a_number_hashes_alike_at_any_width_and_scale(value):
    """A column that is widened at the source gives no new version (T15, T17)."""
    carried = [
        (Integer(16), value),
        (Integer(32), value),
        (Integer(64), value),
        (Decimal(5, 0), Number(value)),
        (Decimal(38, 10), Number(value)),
        (Decimal(), str(value)),
        (Decimal(), f"{value}.000"),
        (Decimal(60, 20), f"{value}." + "0" * 20),
    ]
    assert len({hashes((make_column("n", kind),), [(v,)])[0] for kind, v in carried}) == 1


@LAW
@given(st.sampled_from([(38, 0), (38, 38), (38, 10), (5, 2), (1, 1)]), st.data())
def test_a_decimal_hashes_alike_as_decimal_and_as_text(shape, data):
    """A NaN elsewhere in the column, for which it is read as text, changes no hash (law 5)."""
    column = make_column("n", Decimal(*shape))
    values = data.draw(st.lists(scaled(*shape), min_size=1, max_size=10))
    as_text = [(format(value, "f"),) for value in values]
    assert hashes((replace(column, as_text=True),), as_text) == hashes(
        (column,), [(value,) for value in values]
    )


@pytest.mark.parametrize(
    ("printed", "same"),
    [(".5", "0.5"), ("-.5", "-0.5"), (".50", "0.5"), ("-.0", "0"), (".0", "0"), ("5.", "5")],
)
def test_a_number_hashes_alike_with_and_without_its_leading_zero(printed, same):
    """Engines that print .5 and those that print 0.5 mean one number (law 5)."""
    column = (make_column("n", Decimal()),)
    assert hashes(column, [(printed,)]) == hashes(column, [(same,)])
    assert hashes(column, [(printed,)]) == reference(column, [(printed,)])


@pytest.mark.parametrize(
    ("printed", "canonical"),
    [("nan", "NaN"), ("inf", "Infinity"), ("-inf", "-Infinity"), ("-infinity", "-Infinity")],
)
def test_special_numbers_hash_alike_however_they_are_printed(printed, canonical):
    """NaN and infinities have one form, whatever driver printed them (law 5)."""
    column = (make_column("n", Decimal()),)
    assert hashes(column, [(printed,)]) == hashes(column, [(canonical,)])


@LAW
@given(st.datetimes(), st.booleans())
def test_an_instant_hashes_alike_as_microseconds_and_as_text(at, only_time):
    """A column that gets a seventh digit at the source gives no new version (law 5, T17)."""
    since = datetime.combine(at, time.min) if only_time else datetime(1970, 1, 1)  # noqa: DTZ001
    micros = (at - since) // timedelta(microseconds=1)
    kind = Time if only_time else Timestamp
    text = at.isoformat(" ", "microseconds")[11 if only_time else 0 :]
    forms = [(kind(6), micros), (kind(7), text + "0"), (kind(7), text)]
    for recipe in (row_hash_v1, key_digest):
        seen = {hashes((make_column("t", logical),), [(v,)], recipe)[0] for logical, v in forms}
        assert len(seen) == 1
    seventh = [(kind(7), f"{text}{digit}") for digit in range(10)]
    assert len({hashes((make_column("t", k),), [(v,)])[0] for k, v in seventh}) == 10


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("1970-01-01 00:00:00.0000000", "0"),
        ("1969-12-31 23:59:59.9999999", "-0.1"),
        ("1969-12-31 23:59:59.9999990", "-1"),
        ("1970-01-01 00:00:00.0000012", "1.2"),
        ("0001-01-01 00:00:00.0000001", "-62135596799999999.9"),
        ("9999-12-31 23:59:59.9999999", "253402300799999999.9"),
    ],
)
def test_tenths_of_microseconds_are_an_exact_number(text, form):
    """The form of an instant is a number as decimals have it, on both sides of 1970."""
    column = make_column("c", Timestamp(7))
    shown = make_frame((column,), [(text,)]).select(canonical(column)).item()
    assert shown == form


@given(st.floats(width=32))
def test_a_float_hashes_alike_at_both_widths(value):
    """A real that becomes a double precision gives no new version."""
    narrow, wide = (hashes((make_column("f", Float(b)),), [(value,)]) for b in (32, 64))
    assert narrow == wide


def test_every_nan_is_one_nan():
    """The sign and payload of a NaN are no change (law 5)."""
    payloads = np.array([0x7FF8 << 48, 0xFFF8 << 48, (0x7FF8 << 48) + 1], dtype=np.uint64)
    frame = pl.DataFrame({"c0": payloads.view(np.float64)})
    column = (make_column("f", Float(64)),)
    for recipe in (row_hash_v1, key_digest):
        assert recipe(frame, column).n_unique() == 1


@pytest.mark.parametrize("width", [32, 64])
def test_negative_zero_is_zero_in_a_key_and_itself_in_a_row(width):
    """Databases hold -0.0 and 0.0 for one key; a row that changes between them has changed."""
    column = (make_column("f", Float(width)),)
    rows = [(0.0,), (-0.0,)]
    assert len(set(hashes(column, rows, key_digest))) == 1
    assert len(set(hashes(column, rows))) == 2


def test_columns_that_are_not_hashed_contribute_nothing():
    """A rowversion that moves by itself gives no new version."""
    columns = (make_column("a"), make_column("v", Binary(), field="c1", hashed=False))
    rows = [("x", b"1"), ("x", b"2"), ("x", None)]
    assert set(hashes(columns, rows)) == set(hashes(columns[:1], [("x",)]))
