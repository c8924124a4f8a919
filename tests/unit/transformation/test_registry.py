"""What configuration can name: kinds, their options, and errors that help."""

from __future__ import annotations

import pytest

from cdc_daemon.errors import ConfigError
from cdc_daemon.transformation import (
    ConditionalTransformer,
    ConstantTransformer,
    Drop,
    GeneraliseTransformer,
    HashingTransformer,
    NullTransformer,
    PIIMaskingTransformer,
    Rename,
    RowFilter,
    TruncateTransformer,
    TypeConversionTransformer,
    build,
    condition,
    documentation,
)

KEY = "sixteen bytes, at least"
GERMAN = {"column": "country", "equals": "DE"}


@pytest.mark.parametrize(
    ("kind", "options", "built"),
    [
        ("mask", {"kind": "email"}, PIIMaskingTransformer(kind="email")),
        (
            "hash",
            {"key": KEY, "key_version": "1"},
            HashingTransformer(key=KEY.encode(), key_version="1"),
        ),
        ("hash", {"salt": "salt and pepper"}, HashingTransformer(salt="salt and pepper")),
        ("convert", {"to": "integer", "bits": 32}, TypeConversionTransformer("integer", bits=32)),
        ("generalise", {"to": "year"}, GeneraliseTransformer("year")),
        ("null", {}, NullTransformer()),
        ("constant", {"value": "x"}, ConstantTransformer("x")),
        ("truncate", {"length": 3}, TruncateTransformer(3)),
        ("drop", {}, Drop()),
        ("rename", {"to": "a"}, Rename("a")),
        ("filter", {"keep": GERMAN, "deletes": True}, RowFilter(condition(GERMAN), deletes=True)),
        (
            "when",
            {"when": GERMAN, "then": {"use": "null"}, "else": {"use": "mask", "kind": "all"}},
            ConditionalTransformer(
                condition(GERMAN), NullTransformer(), PIIMaskingTransformer(kind="all")
            ),
        ),
    ],
)
def test_every_kind_is_built(kind, options, built):
    """What is written is what is made; the same text makes the same thing."""
    assert build(kind, options) == built == build(kind, options)


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("maks", {}, "unknown transformer 'maks'; is it 'mask'?"),
        ("mask", {}, "`kind` is missing"),
        ("mask", {"kind": "emial"}, "unknown mask 'emial'; is it 'email'?"),
        (
            "mask",
            {"kind": "email", "mask_chr": "x"},
            "unknown option 'mask_chr'; is it 'mask_char'",
        ),
        ("mask", {"kind": 7}, "`kind` takes a text"),
        ("truncate", {"length": True}, "`length` takes a integer"),
        ("hash", {"key": 12}, "`key` takes a key"),
        ("when", {"when": GERMAN, "then": {"kind": "null"}}, "says which one to `use`"),
        ("when", {"when": GERMAN, "then": {"use": "drop"}}, "not done in some rows"),
        ("when", {"when": 7, "then": {"use": "null"}}, "a condition is a mapping"),
        ("null", {"value": 1}, "unknown option 'value'"),
    ],
)
def test_errors_name_what_was_written_and_what_was_meant(kind, options, said):
    """Unknown kinds and options, and values of other types."""
    with pytest.raises(ConfigError) as raised:
        build(kind, options)
    assert said in str(raised.value)


def test_all_issues_of_one_transformer_come_at_once():
    """And no value is quoted: it may be a secret."""
    with pytest.raises(ConfigError) as raised:
        build("hash", {"key": 5, "salt": 12345, "pepper": "s3cret"})
    assert len(raised.value.issues) == 3
    assert "s3cret" not in str(raised.value)
    assert "12345" not in str(raised.value)


def test_every_kind_and_option_is_documented():
    """The page about them is made of this."""
    kinds = documentation()
    assert [kind.name for kind in kinds][:3] == ["mask", "hash", "convert"]
    assert all(kind.meaning and all(o.meaning for o in kind.options) for kind in kinds)
