"""Values in: TYPE_INFO and the values of RPC parameters, as ``template.Value``."""

from __future__ import annotations

import struct
import uuid
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from tests.support.tds.errors import UNSERVED, Refused, SqlError
from tests.support.tds.template import Value

FIXED = {
    0x30: 1,
    0x32: 1,
    0x34: 2,
    0x38: 4,
    0x3A: 4,
    0x3B: 4,
    0x3C: 8,
    0x3D: 8,
    0x3E: 8,
    0x7A: 4,
    0x7F: 8,
}
BYTE_SIZED = frozenset({0x24, 0x26, 0x68, 0x6D, 0x6E, 0x6F})
CHARACTERS = frozenset({0xA7, 0xAF, 0xE7, 0xEF})
BINARIES = frozenset({0xA5, 0xAD})
PLP, PLP_NULL = 0xFFFF, 0xFFFFFFFFFFFFFFFF
UTF8_FLAG = 0x04


@dataclass(frozen=True, slots=True)
class TypeInfo:
    """A type as it came: its number, size (PLP: max), precision, scale, code page."""

    kind: int
    size: int = 0
    precision: int = 0
    scale: int = 0
    encoding: str = "cp1252"


def read_type(data: bytes, at: int) -> tuple[TypeInfo, int]:
    """TYPE_INFO at ``at``, and the place behind it.

    Raises:
        Refused: a type that is not read: table values, variants.
    """
    kind = data[at]
    at += 1
    if kind in FIXED:
        return TypeInfo(kind, FIXED[kind]), at
    if kind in BYTE_SIZED:
        return TypeInfo(kind, data[at]), at + 1
    if kind in {0x6A, 0x6C}:
        return TypeInfo(kind, data[at], data[at + 1], data[at + 2]), at + 3
    if kind == 0x28:
        return TypeInfo(kind, 3), at
    if kind in {0x29, 0x2A, 0x2B}:
        return TypeInfo(kind, 0, 0, data[at]), at + 1
    if kind in BINARIES:
        return TypeInfo(kind, data[at] | data[at + 1] << 8), at + 2
    return _read_text_type(kind, data, at)


def _read_text_type(kind: int, data: bytes, at: int) -> tuple[TypeInfo, int]:
    if kind in CHARACTERS:
        size = data[at] | data[at + 1] << 8
        page = "utf-8" if data[at + 5] & UTF8_FLAG else "cp1252"
        return TypeInfo(kind, size, encoding="utf-16-le" if kind in {0xE7, 0xEF} else page), at + 7
    if kind == 0xF1:
        if data[at]:
            raise Refused("xml with a schema")
        return TypeInfo(kind, PLP, encoding="utf-16-le"), at + 1
    if kind in {0x22, 0x23, 0x63}:
        page = "utf-16-le" if kind == 0x63 else "cp1252"
        return TypeInfo(kind, 0, encoding=page), at + (4 if kind == 0x22 else 9)
    raise Refused(f"a value of TDS type 0x{kind:02x}")


def read_raw(data: bytes, at: int, info: TypeInfo) -> tuple[bytes | None, int]:
    """The bytes of a value, None for NULL, and the place behind it."""
    if info.kind in FIXED:
        return data[at : at + info.size], at + info.size
    if info.size == PLP:
        return read_chunks(data, at)
    if info.kind in CHARACTERS or info.kind in BINARIES:
        size = data[at] | data[at + 1] << 8
        at += 2
        return (None, at) if size == 0xFFFF else (data[at : at + size], at + size)
    if info.kind in {0x22, 0x23, 0x63}:
        size = int.from_bytes(data[at : at + 4], "little")
        at += 4
        return (None, at) if size == 0xFFFFFFFF else (data[at : at + size], at + size)
    size = data[at]
    at += 1
    return (None, at) if size == 0 else (data[at : at + size], at + size)


def read_chunks(data: bytes, at: int) -> tuple[bytes | None, int]:
    """A (max) value: chunks to an empty one."""
    total = int.from_bytes(data[at : at + 8], "little")
    at += 8
    if total == PLP_NULL:
        return None, at
    chunks = []
    while size := int.from_bytes(data[at : at + 4], "little"):
        chunks.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return b"".join(chunks), at + 4


def value(raw: bytes | None, info: TypeInfo) -> Value:
    """What the bytes say.

    Raises:
        SqlError: text that is not text: a lone surrogate.
    """
    kind = _kind(info)
    if raw is None:
        return Value(kind, None)
    match kind:
        case "nvarchar" | "varchar":
            return Value(kind, text(raw, info.encoding))
        case "binary":
            return Value(kind, bytes(raw))
        case "bit":
            return Value(kind, raw[0] != 0)
        case "int" | "bigint":
            return Value(kind, int.from_bytes(raw, "little", signed=len(raw) > 1))
        case "real" | "float":
            return Value(kind, repr(struct.unpack("<f" if len(raw) == 4 else "<d", raw)[0]))
        case "decimal":
            return Value(kind, str(_decimal(raw, info)))
        case "uniqueidentifier":
            return Value(kind, str(uuid.UUID(bytes_le=bytes(raw))))
    return Value(kind, _temporal(raw, info))


def text(raw: bytes, encoding: str) -> str:
    """Characters.

    Raises:
        SqlError: a lone surrogate, or bytes outside the code page.
    """
    if encoding == "utf-16-le" and raw[:2] == b"\xff\xfe":
        raw = raw[2:]  # Microsoft's clients put a mark before xml
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        raise SqlError(UNSERVED, "The TDS test server cannot store lone surrogates.") from None


def _kind(info: TypeInfo) -> str:
    number = info.kind
    if number in {0xE7, 0xEF, 0x63, 0xF1}:
        return "nvarchar"
    if number in {0xA7, 0xAF, 0x23}:
        return "varchar"
    if number in {0xA5, 0xAD, 0x22}:
        return "binary"
    if number in {0x30, 0x34, 0x38, 0x7F, 0x26}:
        return "bigint" if info.size == 8 else "int"
    names = {
        0x32: "bit",
        0x68: "bit",
        0x6A: "decimal",
        0x6C: "decimal",
        0x3C: "decimal",
        0x6E: "decimal",
        0x7A: "decimal",
        0x28: "date",
        0x29: "time",
        0x2A: "datetime2",
        0x2B: "datetimeoffset",
        0x24: "uniqueidentifier",
    }
    if number in names:
        return names[number]
    if number in {0x3D, 0x3A, 0x6F}:
        return "datetime"
    return "real" if info.size == 4 else "float"


def _decimal(raw: bytes, info: TypeInfo) -> Decimal:
    if info.kind in {0x6A, 0x6C}:
        number = int.from_bytes(raw[1:], "little")
        return Decimal((0 if raw[0] else 1, tuple(map(int, str(number))), -info.scale))
    if len(raw) == 4:
        number = int.from_bytes(raw, "little", signed=True)
    else:
        high, low = struct.unpack("<iI", raw)
        number = high << 32 | low
    return Decimal((int(number < 0), tuple(map(int, str(abs(number)))), -4))


def _temporal(raw: bytes, info: TypeInfo) -> str:
    match info.kind:
        case 0x28:
            return day(raw).isoformat()
        case 0x29:
            return clock(raw, info.scale)
        case 0x2A:
            return f"{day(raw[-3:]).isoformat()} {clock(raw[:-3], info.scale)}"
        case 0x2B:
            return zoned(raw, info.scale)
    if len(raw) == 4:
        days, minutes = struct.unpack("<HH", raw)
        microseconds = minutes * 60_000_000
    else:
        days, ticks = struct.unpack("<iI", raw)
        microseconds = round(ticks * 10 / 3) * 1000
    rest = clock((microseconds).to_bytes(5, "little"), 6)
    return f"{(date(1900, 1, 1) + timedelta(days)).isoformat()} {rest}"


def day(raw: bytes) -> date:
    """Three bytes: days since 0001-01-01."""
    return date.fromordinal(int.from_bytes(raw, "little") + 1)


def clock(raw: bytes, scale: int) -> str:
    """``HH:MM:SS.fffffff`` from units of 10**-scale seconds; seven digits always."""
    seconds, fraction = divmod(int.from_bytes(raw, "little") * 10 ** (7 - scale), 10_000_000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{fraction:07}"


def zoned(raw: bytes, scale: int) -> str:
    """``UTC time|+hh:mm``, to the scale's digits: how the server keeps datetimeoffset."""
    offset = int.from_bytes(raw[-2:], "little", signed=True)
    digits = clock(raw[:-5], scale)[: 9 + scale if scale else 8]
    sign = "-" if offset < 0 else "+"
    hours, minutes = divmod(abs(offset), 60)
    return f"{day(raw[-5:-2]).isoformat()} {digits}|{sign}{hours:02}:{minutes:02}"
