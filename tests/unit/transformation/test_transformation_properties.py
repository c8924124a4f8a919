"""What holds for any value: one definition, no exception, no leak, and again changes nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal as Number

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cdc_daemon.transformation import (
    ConditionalTransformer,
    ConstantTransformer,
    GeneraliseTransformer,
    HashingTransformer,
    NullTransformer,
    PIIMaskingTransformer,
    Rejected,
    Rule,
    TransformationPipeline,
    TruncateTransformer,
    TypeConversionTransformer,
    condition,
)
from cdc_daemon.transformation.conversion import TYPES
from cdc_daemon.transformation.masks import MASKS

FEW = settings(deadline=None, max_examples=30)
KEY = b"sixteen bytes, at least"
KINDS = [PIIMaskingTransformer(kind=kind) for kind in MASKS]
HASHES = [
    HashingTransformer(key=KEY),
    HashingTransformer(key=b"\xff" * 20, truncate=32),
    HashingTransformer(key=KEY, algorithm="blake2b"),
    HashingTransformer(salt="salt and pepper", algorithm="sha512"),
]
CONVERSIONS = [
    *(TypeConversionTransformer(to) for to in TYPES),
    TypeConversionTransformer("timestamp", zoned=True),
    TypeConversionTransformer("decimal", precision=8, scale=3),
    TypeConversionTransformer("integer", bits=16, on_failure="null"),
]
ON_TEXT = [
    *KINDS,
    *HASHES,
    *CONVERSIONS,
    *(PIIMaskingTransformer(kind=kind, unmatched="keep") for kind in MASKS),
    *(PIIMaskingTransformer(kind=kind, unmatched="reject") for kind in MASKS),
    PIIMaskingTransformer(kind="phone", mask_char="•", preserve_format=False),
    PIIMaskingTransformer(kind="email", mask_char="$", email_preserve_domain=False),
    TruncateTransformer(3),
    NullTransformer(),
    ConstantTransformer("x"),
    ConditionalTransformer(condition({"column": "a", "matches": "[0-9]"}), KINDS[0], HASHES[0]),
    ConditionalTransformer(lambda value, _: value[0] > "m", KINDS[0]),
]
ON_ANY = [
    *HASHES,
    *CONVERSIONS,
    *(GeneraliseTransformer(period) for period in ("month", "year", "decade")),
    PIIMaskingTransformer(kind="phone"),
    PIIMaskingTransformer(kind="keep_last", count=1, unmatched="keep"),
]

LIKELY = st.sampled_from(
    [
        "user@example.com",
        "a@b",
        "@",
        "x@@y",
        "(123) 456-7890",
        "123-45-6789",
        "4532 1234 5678 9010",
        "192.168.1.1",
        "2001:db8::1",
        "::",
        "DE89 3704 0044 0532 0130 00",
        "O'Brien",
        "2024-02-29",
        "2024-02-29T10:11:12.5+02:00",
        "1.50",
        "true",
        "",
    ]
)
SHAPED = st.from_regex(r"[0-9\u0660-\u0669 ().+@:é-]{0,24}", fullmatch=True)
TEXT = st.none() | st.text() | LIKELY | SHAPED | st.text("0123456789-@.:aé😀", max_size=20)
VALUES = (
    st.lists(st.none() | st.booleans()),
    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1)),
    st.lists(st.none() | st.floats()),
    st.lists(st.none() | st.decimals(allow_nan=False) | st.just(Number("NaN"))),
    st.lists(st.none() | st.dates()),
    st.lists(st.none() | st.datetimes().map(lambda one: one.replace(fold=0))),
    st.lists(st.none() | st.times()),
    st.lists(st.none() | st.binary()),
    st.lists(st.none() | st.uuids()),
)


def named(transformer) -> str:
    return transformer.describe()


def one_by_one(transformer, values: Sequence[object]) -> list[object]:
    return [transformer(value, {"field_name": "a", "row": {"a": value}}) for value in values]


def together(transformer, values: Sequence[object]) -> list[object]:
    """The same list out of a batch, with what was rejected in its place."""
    pipeline = TransformationPipeline([Rule(action=transformer, column="a")])
    rows = pipeline.transform_rows([{"a": value} for value in values])
    rejected = {one.row: Rejected(one.reason) for one in rows.rejected}
    left = iter(rows)
    return [rejected.get(n) if n in rejected else next(left)["a"] for n in range(len(values))]


@pytest.mark.parametrize("transformer", ON_TEXT, ids=named)
@FEW
@given(values=st.lists(TEXT, max_size=8))
def test_a_column_of_text_is_its_values_one_by_one(transformer, values):
    """The vectorised result is the row-wise one, on any Unicode and NULL, and nothing raises."""
    assert repr(together(transformer, values)) == repr(one_by_one(transformer, values))


@pytest.mark.parametrize("transformer", ON_ANY, ids=named)
@FEW
@given(data=st.data())
def test_a_column_of_any_type_is_its_values_one_by_one(transformer, data):
    """Dates, floats and bytes, too; what a transformer refuses is rejected in both ways."""
    values = data.draw(st.one_of(VALUES))
    assert repr(together(transformer, values)) == repr(one_by_one(transformer, values))


@pytest.mark.parametrize(
    "transformer", [one for one in (*KINDS, *ON_TEXT[-7:]) if one.idempotent], ids=named
)
@FEW
@given(values=st.lists(TEXT, max_size=8))
def test_again_changes_nothing_where_that_is_promised(transformer, values):
    """What was transformed and is transformed again is the same."""
    once = [one for one in together(transformer, values) if not isinstance(one, Rejected)]
    assert together(transformer, once) == once


def promised(kind: str, value: str) -> set[str]:
    """The masks of ``value`` that keep the promise of ``kind``, written again in plain Python."""
    hidden = {"*" * len(value)}
    digits = [n for n, sign in enumerate(value) if re.fullmatch(r"\d", sign)]
    clear = set(digits[-4:]) | {n for n, sign in enumerate(value) if not re.fullmatch(r"\d", sign)}
    numbers = "".join(sign if n in clear else "*" for n, sign in enumerate(value))
    match kind:
        case "email" if re.fullmatch("[^@]{2,}@[^@]+", value):
            local, _, domain = value.partition("@")
            return {local[0] + "*" * (len(local) - 1) + "@" + domain}
        case "phone" if len(digits) > 4 and not any(sign.isalpha() for sign in value):
            return {numbers} | hidden
        case "card" if 13 <= len(digits) <= 19 and not any(sign.isalpha() for sign in value):
            return {numbers} | hidden
        case "ssn" if len(digits) == 9:
            last = "".join(value[n] for n in digits[-4:])
            return {f"***-**-{last}" if "-" in value else f"*****{last}"}
        case "keep_first" if len(value) > 4:
            return {value[:4] + "*" * (len(value) - 4)}
        case "keep_last" if len(value) > 4:
            return {"*" * (len(value) - 4) + value[-4:]}
    return hidden


@pytest.mark.parametrize(
    "kind", ["email", "phone", "card", "ssn", "keep_first", "keep_last", "all"]
)
@FEW
@given(value=TEXT)
def test_nothing_stays_in_clear_but_what_is_promised(kind, value):
    """A mask of its kind gives what a plain reading of its promise gives."""
    assume(value is not None)
    assert PIIMaskingTransformer(kind=kind)(value) in promised(kind, value)


@pytest.mark.parametrize("kind", ["ip", "ipv4", "ipv6", "iban", "name"])
@FEW
@given(value=TEXT)
def test_masks_of_names_and_addresses_cover_most(kind, value):
    """An address keeps its network, an account its country and end, a word its first letter."""
    assume(value)
    masked = PIIMaskingTransformer(kind=kind)(value)
    clear = re.sub(r"[*\s:./'\u2019,_-]", "", masked)
    match kind:
        case "name":
            assert not re.search(r"\w[^\W_]", masked)
        case "iban":
            assert len(clear) <= 6
        case "ipv4":
            assert len(clear) <= 3
        case _:
            assert len(clear) <= 16
            assert masked.count(":") >= 2 or len(clear) <= 3


@FEW
@given(values=st.lists(TEXT, min_size=1, max_size=30), split=st.integers(0, 30))
def test_batches_do_not_matter(values, split):
    """However rows are cut into batches, each comes out the same."""
    for transformer in (KINDS[0], KINDS[1], HASHES[0], HASHES[2]):
        whole = together(transformer, values)
        assert whole == together(transformer, values[:split]) + together(
            transformer, values[split:]
        )


@FEW
@given(values=st.lists(TEXT, max_size=8))
def test_frames_are_rows(values):
    """A frame gives what its rows give."""
    pipeline = TransformationPipeline([Rule(action=KINDS[1], column="a")])
    frame = pl.DataFrame({"a": pl.Series(values, dtype=pl.String)})
    rows = pipeline.transform_rows([{"a": value} for value in values])
    assert pipeline.transform_frame(frame).frame["a"].to_list() == [row["a"] for row in rows]
