"""Bulk values: from TDS bytes to the bytes of PostgreSQL's binary COPY."""

from __future__ import annotations

import struct
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal

from tests.support.tds.errors import UNSERVED, Refused, SqlError
from tests.support.tds.template import Value
from tests.support.tds.values import TypeInfo, text, value
from tests.support.tds.wire import DAY, EPOCH

Recode = Callable[[bytes], bytes]
TEXTS = frozenset(
    [
        "text",
        "varchar",
        "bpchar",
        "tds.nvarchar",
        "tds.varchar",
        "tds.nchar",
        "tds.char",
        "tds.text",
        "tds.ntext",
        "tds.xml",
        "tds.hierarchyid",
        "tds.datetime2_7",
        "tds.time_7",
    ]
)
BINARIES = frozenset(
    ["bytea", "tds.varbinary", "tds.binary", "tds.image", "tds.geography", "tds.geometry"]
)
INTEGERS = {"int2": 2, "int4": 4, "int8": 8, "tds.tinyint": 2}
STAMPS = frozenset({"timestamp", "tds.datetime", "tds.smalldatetime"})
_STAMP = struct.Struct(">q")


def recoder(info: TypeInfo, kind: str, modifier: int, name: str) -> Recode:
    """The function for a column.

    Args:
        info: what comes.
        kind: PostgreSQL's type that it goes into.
        modifier: that type's modifier.
        name: the column's, for errors.

    Raises:
        Refused: there is none.
    """
    source = value_kind(info)
    size = modifier - 4 if modifier >= 4 else -1
    made: Recode | None = None
    if kind in TEXTS and source in {"nvarchar", "varchar"}:
        made = _text(info, kind, size, name)
    elif kind in BINARIES and source == "binary":
        made = _binary(kind, size, name)
    elif kind in INTEGERS and source in {"int", "bigint", "bit"}:
        made = _integer(info, kind, name)
    elif source == kind == "bool" or (source == "bit" and kind == "bool"):
        made = _bit
    elif source in {"real", "float"} and kind in {"float4", "float8"}:
        made = _float(info, kind)
    elif kind in {"numeric", "tds.money", "tds.smallmoney"}:
        made = _decimal(info, source, kind, modifier, name)
    elif kind == "uuid" and source == "uniqueidentifier":
        made = _guid
    else:
        made = _temporal(info, source, kind, size)
    if made is None:
        raise Refused(f"a bulk load of {source} into the column {name} of type {kind}")
    return made


def value_kind(info: TypeInfo) -> str:
    """The kind of value that comes."""
    return value(None, info).kind


def _text(info: TypeInfo, kind: str, size: int, name: str) -> Recode:
    limit = (
        size
        if kind in {"varchar", "bpchar", "tds.nvarchar", "tds.nchar", "tds.varchar", "tds.char"}
        else -1
    )
    bytes_counted = kind in {"tds.varchar", "tds.char"}

    def recode(raw: bytes) -> bytes:
        spelt = text(raw, info.encoding)
        made = spelt.encode()
        if b"\0" in made:
            raise SqlError(UNSERVED, f"The TDS test server cannot store NUL (column {name}).")
        length = len(made) if bytes_counted else len(spelt)
        if limit >= 0 and max(length, len(raw) // 2 if info.encoding == "utf-16-le" else 0) > limit:
            raise SqlError(4863, f"Bulk load: the column {name} is too long.")
        return made

    return recode


def _binary(kind: str, size: int, name: str) -> Recode:
    def recode(raw: bytes) -> bytes:
        if 0 <= size < len(raw):
            raise SqlError(4863, f"Bulk load: the column {name} is too long.")
        return raw.ljust(size, b"\0") if kind == "tds.binary" else raw

    return recode


def _integer(info: TypeInfo, kind: str, name: str) -> Recode:
    width = INTEGERS[kind]
    bits = 8 * width - 1
    if kind != "tds.tinyint" and info.size == width > 1:
        return lambda raw: raw[::-1]

    def recode(raw: bytes) -> bytes:
        number = int.from_bytes(raw, "little", signed=len(raw) > 1)
        lowest, beyond = (0, 256) if kind == "tds.tinyint" else (-(1 << bits), 1 << bits)
        if not lowest <= number < beyond:
            raise SqlError(8115, f"Arithmetic overflow in the column {name}.")
        return number.to_bytes(width, "big", signed=True)

    return recode


def _bit(raw: bytes) -> bytes:
    return b"\x01" if raw[0] else b"\x00"


def _guid(raw: bytes) -> bytes:
    return raw[3::-1] + raw[5:3:-1] + raw[7:5:-1] + raw[8:]


def _float(info: TypeInfo, kind: str) -> Recode:
    if kind == ("float4" if info.size == 4 else "float8"):
        return lambda raw: raw[::-1]
    source, to = ("<f", ">d") if info.size == 4 else ("<d", ">f")
    return lambda raw: struct.pack(to, struct.unpack(source, raw)[0])


def numeric(number: int, scale: int) -> bytes:
    """PostgreSQL's binary numeric of number * 10**-scale."""
    sign = 0x4000 if number < 0 else 0
    pad = -scale % 4
    rest = abs(number) * 10**pad
    fraction = (scale + pad) // 4
    digits: list[int] = []
    while rest:
        rest, digit = divmod(rest, 10_000)
        digits.append(digit)
    weight = len(digits) - fraction - 1
    start = 0
    while start < len(digits) and digits[start] == 0:
        start += 1
    kept = digits[start:][::-1]
    return struct.pack(f">hhHH{len(kept)}H", len(kept), weight if kept else 0, sign, scale, *kept)


def _decimal(info: TypeInfo, source: str, kind: str, modifier: int, name: str) -> Recode | None:
    if source not in {"decimal", "int", "bigint"}:
        return None
    scale, precision = 4, 19 if kind == "tds.money" else 10
    if kind == "numeric":
        packed = modifier - 4
        scale, precision = (packed & 0x7FF, packed >> 16) if modifier >= 4 else (info.scale, 38)
    limit = 10**precision
    exact = info.kind in {0x6A, 0x6C} and info.scale == scale

    def recode(raw: bytes) -> bytes:
        if exact:
            number = int.from_bytes(raw[1:], "little") * (1 if raw[0] else -1)
        else:
            given = Decimal(str(value(raw, info).content)).scaleb(scale)
            number = int(given.to_integral_value(ROUND_HALF_UP))
        if abs(number) >= limit:
            raise SqlError(8115, f"Arithmetic overflow in the column {name}.")
        return numeric(number, scale)

    return recode


def _temporal(info: TypeInfo, source: str, kind: str, size: int) -> Recode | None:
    if kind == "date" and source == "date":
        return lambda raw: (int.from_bytes(raw, "little") - EPOCH).to_bytes(4, "big", signed=True)
    if kind in STAMPS and source in {"datetime2", "datetime"}:
        return _stamp(info, kind, size + 4)
    if kind == "time" and source == "time":
        return lambda raw: _STAMP.pack(_microseconds(raw, info.scale))
    if (kind, source) in {("tds.datetime2_7", "datetime2"), ("tds.time_7", "time")}:
        return lambda raw: str(value(raw, info).content).encode()
    if kind == "date" and source in {"datetime2", "datetime"}:
        stamp = _stamp(info, "timestamp", 6)
        return lambda raw: (_STAMP.unpack(stamp(raw))[0] // DAY).to_bytes(4, "big", signed=True)
    if kind == "tds.datetimeoffset" and source == "datetimeoffset":
        return _zoned(info, size - 1)
    if kind == "timestamptz" and source == "datetimeoffset":
        return lambda raw: _STAMP.pack(
            (int.from_bytes(raw[-5:-2], "little") - EPOCH) * DAY
            + _microseconds(raw[:-5], info.scale)
        )
    return None


def _microseconds(raw: bytes, scale: int) -> int:
    units = int.from_bytes(raw, "little")
    return (units + 5) // 10 if scale == 7 else units * 10 ** (6 - scale)


def _stamp(info: TypeInfo, kind: str, digits: int) -> Recode:
    scale = info.scale
    coarse = 10 ** (6 - digits) if kind == "timestamp" and 0 <= digits < 6 else 1

    def recode(raw: bytes) -> bytes:
        if info.kind == 0x2A:
            days = int.from_bytes(raw[-3:], "little") - EPOCH
            moment = days * DAY + _microseconds(raw[:-3], scale)
        elif len(raw) == 4:
            days, minutes = struct.unpack("<HH", raw)
            moment = (days - 36_524) * DAY + minutes * 60_000_000
        else:
            days, ticks = struct.unpack("<iI", raw)
            moment = (days - 36_524) * DAY + round(ticks * 10 / 3) * 1000
        if coarse > 1:
            moment = (moment + coarse // 2) // coarse * coarse
        if kind == "tds.datetime":
            ticks = round(moment % DAY * 3 / 10_000)
            moment = moment // DAY * DAY + round(ticks * 10 / 3) * 1000
        elif kind == "tds.smalldatetime":
            moment = (moment + 29_998_000) // 60_000_000 * 60_000_000
        return _STAMP.pack(moment)

    return recode


def _zoned(info: TypeInfo, digits: int) -> Recode:
    def recode(raw: bytes) -> bytes:
        whole: Value = value(raw, info)
        stamp, _, offset = str(whole.content).rpartition("|")
        head, _, fraction = stamp.partition(".")
        kept = fraction.ljust(7, "0")[: digits if digits >= 0 else 7]
        return f"{head}{'.' if kept else ''}{kept}|{offset}".encode()

    return recode
