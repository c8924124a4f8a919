"""Names in the target: no two columns of a source ever share one."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdc_daemon.schema.naming import (
    LOAD_COLUMNS,
    RESERVED,
    STAGE_COLUMNS,
    VERSION_COLUMNS,
    is_reserved,
    shortened,
    target_name,
)

LIMIT = 63
NAMES = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=80),
    st.builds(
        lambda name, n: name + "_src" * n, st.sampled_from(sorted(RESERVED)), st.integers(0, 4)
    ),
    st.builds(lambda name, n: name + "_src" * n, st.text("_srcid", max_size=6), st.integers(0, 4)),
)


@pytest.mark.parametrize(
    "name", ["ID", "order", 'a"b', "a]b", "Größe", "_x", "id_src", "😀", " a "]
)
def test_a_name_that_clashes_with_nothing_stays(name):
    """Source names are kept, however awkward (T16)."""
    assert target_name(name, LIMIT) == name


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_a_reserved_name_gets_a_suffix(name):
    """A version column of ours is never one of the source's, in however long a chain."""
    assert target_name(name, LIMIT) == f"{name}_src"
    assert target_name(f"{name}_src", LIMIT) == f"{name}_src_src"
    assert target_name(f"{name}_src_src", LIMIT) == f"{name}_src_src_src"


@pytest.mark.parametrize("name", ["_VALID_FROM", "_valid_from_src2", "x_valid_from", "_src", ""])
def test_a_name_that_only_resembles_a_reserved_one_stays(name):
    """The rule looks at the very name, and case counts."""
    assert target_name(name, LIMIT) == name


@given(st.sets(NAMES, min_size=2, max_size=12))
def test_no_two_columns_share_a_target_name(names):
    """The rule is injective, without knowing the other columns (law 6)."""
    assert len({target_name(name, LIMIT) for name in names}) == len(names)


@given(NAMES, st.integers(20, 128))
def test_a_target_name_fits_and_is_never_reserved(name, limit):
    """A target's name is within the engine's limit and is no version column."""
    given_name = target_name(name, limit)
    assert len(given_name.encode()) <= limit
    assert given_name not in RESERVED


def test_a_long_name_is_cut_and_told_apart():
    """Two long names with one beginning stay two."""
    one, other = "x" * 70 + "a", "x" * 70 + "b"
    digest = hashlib.sha256(one.encode()).hexdigest()[:8]
    assert target_name(one, LIMIT) == "x" * 54 + "_" + digest
    assert target_name(one, LIMIT) != target_name(other, LIMIT)


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("é" * 31 + "x", None),
        ("é" * 32, "é" * 27),
        ("x" + "é" * 31 + "y", "x" + "é" * 26),
        ("😀" * 16, "😀" * 13),
        ("x" * 63, None),
        ("x" * 64, "x" * 54),
    ],
)
def test_the_limit_is_in_bytes_and_cuts_no_character(name, kept):
    """63 bytes of UTF-8 fit; beyond, whole characters are kept before the digest."""
    short = shortened(name, LIMIT)
    if kept is None:
        assert short == name
    else:
        assert short[:-9] == kept
        assert short[-9] == "_"
        assert len(short.encode()) <= LIMIT


def test_a_chain_too_long_for_the_target_is_cut_apart_too():
    """Renaming comes before cutting, so that long chains stay apart as well."""
    chains = ["_valid_from" + "_src" * n for n in range(40)]
    assert len({target_name(name, LIMIT) for name in chains}) == len(chains)


def test_reserved_names_are_those_of_our_own_columns():
    """Every column the daemon adds to a table of the target is reserved."""
    added = frozenset((*VERSION_COLUMNS, *STAGE_COLUMNS, *LOAD_COLUMNS))
    assert added == RESERVED
    assert all(is_reserved(name) for name in added)
    assert "_changed_at" in RESERVED


@pytest.mark.parametrize(
    ("name", "renamed"),
    [
        ("_key_bytes_1", "_key_bytes_1_src"),
        ("_key_bytes_", "_key_bytes__src"),
        ("_key_bytes_12_src", "_key_bytes_12_src_src"),
        ("_load_row", "_load_row_src"),
        ("_key_bytes_x", "_key_bytes_x"),
        ("_key_bytes", "_key_bytes"),
        ("key_bytes_1", "key_bytes_1"),
    ],
)
def test_columns_of_key_bytes_are_reserved_by_their_pattern(name, renamed):
    """A source column named like one with the bytes of a key is renamed, and no other (T16)."""
    assert target_name(name, LIMIT) == renamed
