"""The row hash's published recipe, read again in plain Python, and rows to try it on.

It shares no code with the product: where the two disagree, one of them broke the promise.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal as Number

import xxhash
from hypothesis import strategies as st

from cdc_daemon.cdc.row_hash import row_hash_v1
from cdc_daemon.schema.types import (
    Binary,
    Boolean,
    Date,
    Decimal,
    Float,
    Integer,
    Json,
    LogicalType,
    Native,
    Text,
    Time,
    Timestamp,
    Uuid,
)
from tests.factories import EPOCH, INFINITY, make_columns, make_frame

SECOND = 1_000_000
DAY = 86_400 * SECOND
FIRST = (date.min - EPOCH).days * DAY
LAST = (date.max - EPOCH).days * DAY + DAY - 1


def form(logical: LogicalType, value: object, *, key: bool) -> str:
    match logical:
        case Boolean():
            return "1" if value else "0"
        case Time() | Timestamp() if isinstance(value, str):
            return number(tenths(value) / Number(10))
        case Integer() | Time():
            return str(value)
        case Decimal():
            return number(Number(value))
        case Float():
            return bits(0.0 if key and value == 0 else value)
        case Binary() | Uuid():
            return value.hex()
        case Date() | Timestamp() if isinstance(value, float):
            return "Infinity" if value > 0 else "-Infinity"
        case Date():
            return str((value - EPOCH).days)
        case Timestamp():
            return str(value)
        case _:
            return value


def number(value: Number) -> str:
    if value.is_nan():
        return "NaN"
    if value.is_infinite():
        return "Infinity" if value > 0 else "-Infinity"
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if value == 0 else text


def tenths(text: str) -> Number:
    """Tenths of microseconds since midnight or 1970, of an instant as it is written."""
    day, _, clock = text.rpartition(" ")
    seconds = timedelta(days=(date.fromisoformat(day) - EPOCH).days if day else 0)
    hours, minutes, rest = clock.split(":")
    seconds += timedelta(hours=int(hours), minutes=int(minutes), seconds=int(rest[:2]))
    return Number(seconds // timedelta(seconds=1) * 10 * SECOND + int(rest[3:]))


def bits(value: float) -> str:
    if math.isnan(value):
        return "9221120237041090560"
    return str(struct.unpack(">Q", struct.pack(">d", value))[0])


def message(columns, row, *, key=False) -> bytes:
    parts = []
    for column, value in sorted(zip(columns, row, strict=True), key=lambda pair: pair[0].name):
        if value is not None and (key or column.hashed):
            for text in (column.name, form(column.type, value, key=key)):
                raw = text.encode()
                parts.append(b"%d:%s" % (len(raw), raw))
    return b"".join(parts)


def reference(columns, rows, *, key=False) -> list[int]:
    return [xxhash.xxh3_128_intdigest(message(columns, row, key=key)) for row in rows]


def read_back(raw: bytes) -> list[bytes]:
    parts = []
    while raw:
        length, _, rest = raw.partition(b":")
        parts.append(rest[: int(length)])
        raw = rest[int(length) :]
    return parts


def hashes(columns, rows, recipe: Callable = row_hash_v1) -> list[int]:
    return recipe(make_frame(columns, rows), columns).to_list()


CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
TEXTS = st.one_of(
    st.text(CHARACTERS, max_size=12),
    st.sampled_from(
        ["", " ", "\t\n\r\x01\x1f\x7f", "0:", "1:a", "😀", "e\u0301", "\u2028", "NULL"]
    ),
    st.builds(
        lambda character, length: character * length,
        st.sampled_from(["x", "é", "😀"]),
        st.sampled_from([63, 64, 65, 127, 128, 129, 255, 256, 257, 1024, 4095, 4096, 4097, 9000]),
    ),
)
BYTES = st.one_of(
    st.binary(max_size=20),
    st.builds(bytes, st.sampled_from([31, 32, 33, 127, 128, 129, 2047, 2048, 2049, 5000])),
)
PRINTED = st.one_of(
    st.from_regex(r"-?[0-9]{1,60}(\.[0-9]{0,60})?", fullmatch=True),
    st.sampled_from(
        [
            "NaN",
            "Infinity",
            "-Infinity",
            "00012.500",
            "-0.00",
            "1",
            "0",
            "-0",
            "000",
            "100",
            "0.10",
            "-00100.0",
        ]
    ),
)


def scaled(precision: int, scale: int) -> st.SearchStrategy[Number]:
    edge = 10**precision - 1
    return st.integers(-edge, edge).map(
        lambda n: Number((int(n < 0), tuple(map(int, str(abs(n)))), -scale))
    )


def integers(width: int) -> st.SearchStrategy[int]:
    return st.integers(-(2 ** (width - 1)), 2 ** (width - 1) - 1)


INFINITIES = st.sampled_from([-INFINITY, INFINITY])
VALUES: dict[LogicalType, st.SearchStrategy] = {
    Boolean(): st.booleans(),
    **{Integer(width): integers(width) for width in (16, 32, 64)},
    **{Decimal(p, s): scaled(p, s) for p, s in ((38, 0), (38, 38), (38, 10), (5, 2), (1, 1))},
    Decimal(): PRINTED,
    Decimal(40, 3): PRINTED.filter(lambda text: "f" not in text),
    Decimal(4, -2): PRINTED.filter(lambda text: "f" not in text),
    Float(64): st.floats() | st.sampled_from([0.0, -0.0, 1e-12, 1e20, 5e-324]),
    Float(32): st.floats(width=32) | st.sampled_from([0.0, -0.0]),
    Text(): TEXTS,
    Text(5, fixed=True): TEXTS,
    Json(): TEXTS,
    Native("postgresql", "interval"): TEXTS,
    Binary(): BYTES,
    Uuid(): st.binary(min_size=16, max_size=16),
    Date(): st.dates() | INFINITIES,
    Time(): st.integers(0, DAY) | st.just(DAY),
    Time(7): st.builds(
        lambda at, digit: f"{at.isoformat('microseconds')}{digit}", st.times(), st.integers(0, 9)
    ),
    Timestamp(7): st.builds(
        lambda at, digit: f"{at.isoformat(' ', 'microseconds')}{digit}",
        st.datetimes(),
        st.integers(0, 9),
    ),
    Timestamp(): st.integers(FIRST, LAST) | INFINITIES,
    Timestamp(zoned=True): st.integers(FIRST, LAST) | INFINITIES,
}
NAMES = st.text('ab12:é "_', min_size=1, max_size=6) | TEXTS.filter(bool)


@st.composite
def tables(draw, values=VALUES):
    types = draw(st.dictionaries(NAMES, st.sampled_from(list(values)), min_size=1, max_size=5))
    row = st.tuples(*(st.none() | values[logical] for logical in types.values()))
    return make_columns(types), draw(st.lists(row, max_size=6))
