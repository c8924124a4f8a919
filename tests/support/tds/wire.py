"""Rows out: TDS column descriptions and values, from PostgreSQL's binary results.

A ``WireType`` is TYPE_INFO and a function from PostgreSQL's binary value to the value on the
wire. The types of old, text, ntext and image, go out as their (max) kinds; hierarchyid and
sql_variant as nvarchar, geography and geometry as varbinary(max).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.support.tds.errors import Refused, SqlError

Encode = Callable[[bytes], bytes]
COLLATION = bytes.fromhex("0904d00034")
"""SQL_Latin1_General_CP1_CI_AS: code page 1252."""
NULL_BYTE, NULL_SHORT, NULL_PLP = b"\x00", b"\xff\xff", b"\xff" * 8
EPOCH = 730_119
"""Days from 0001-01-01 to PostgreSQL's day 0."""
DAY = 86_400_000_000
_INT8, _PAIR = struct.Struct(">q"), struct.Struct("<iI")


@dataclass(frozen=True, slots=True)
class WireType:
    """How one column goes out; ``encode`` is never given NULL, for which ``null`` goes out."""

    info: bytes
    null: bytes
    encode: Encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a result."""

    name: str
    type: WireType
    nullable: bool = True
    identity: bool = False


def metadata(columns: Sequence[Column]) -> bytes:
    """The COLMETADATA token."""
    parts = [b"\x81", len(columns).to_bytes(2, "little")]
    for column in columns:
        flags = 0x08 | (0x01 if column.nullable else 0) | (0x10 if column.identity else 0)
        name = column.name.encode("utf-16-le")
        parts += [bytes(4), flags.to_bytes(2, "little"), column.type.info]
        parts += [bytes([len(name) // 2]), name]
    return b"".join(parts)


def fixed(kind: int, width: int) -> WireType:
    """INTN, FLTN, BITN: the bytes turned round."""
    prefix = bytes([width])
    return WireType(bytes([kind, width]), NULL_BYTE, lambda raw: prefix + raw[::-1][:width])


def numeric_digits(raw: bytes, scale: int) -> int:
    """PostgreSQL's numeric as a whole number of 10**-scale.

    Raises:
        SqlError: it is not finite, or has digits beyond the scale.
    """
    count, weight, sign, _ = struct.unpack_from(">HhHH", raw)
    if sign & 0xC000 == 0xC000:
        raise SqlError(8115, "NaN and infinity are no decimals.")
    number = 0
    for digit in struct.unpack_from(f">{count}H", raw, 8):
        number = number * 10_000 + digit
    shift = 4 * (weight - count + 1) + scale
    if shift >= 0:
        number *= 10**shift
    else:
        number, rest = divmod(number, 10**-shift)
        if rest:
            raise SqlError(8115, f"A decimal does not fit a scale of {scale}.")
    return -number if sign else number


def decimal(precision: int, scale: int) -> WireType:
    """DECIMALN."""
    width = 4 if precision <= 9 else 8 if precision <= 19 else 12 if precision <= 28 else 16
    limit = 10**precision
    size = bytes([width + 1])

    def encode(raw: bytes) -> bytes:
        number = numeric_digits(raw, scale)
        if abs(number) >= limit:
            raise SqlError(8115, f"A decimal does not fit a precision of {precision}.")
        sign = b"\x01" if number >= 0 else b"\x00"
        return size + sign + abs(number).to_bytes(width, "little")

    return WireType(bytes([0x6A, width + 1, precision, scale]), NULL_BYTE, encode)


def money(width: int) -> WireType:
    """MONEYN: ten-thousandths."""

    def encode(raw: bytes) -> bytes:
        number = numeric_digits(raw, 4)
        if width == 4:
            return b"\x04" + number.to_bytes(4, "little", signed=True)
        high, low = divmod(number, 1 << 32)
        return b"\x08" + _PAIR.pack(high, low)

    return WireType(bytes([0x6E, width]), NULL_BYTE, encode)


def time_width(scale: int) -> int:
    """Bytes of a time of day."""
    return 3 if scale <= 2 else 4 if scale <= 4 else 5


def _clock(microseconds: int, scale: int, width: int) -> bytes:
    units = microseconds * 10 if scale == 7 else microseconds // 10 ** (6 - scale)
    return units.to_bytes(width, "little")


def date_type() -> WireType:
    """DATE."""

    def encode(raw: bytes) -> bytes:
        day = int.from_bytes(raw, "big", signed=True) + EPOCH
        _check_day(day)
        return b"\x03" + day.to_bytes(3, "little")

    return WireType(b"\x28", NULL_BYTE, encode)


def _check_day(day: int) -> None:
    if not 0 <= day <= 3_652_058:
        raise SqlError(8115, "A date is outside the years 1 to 9999.")


def time_type(scale: int) -> WireType:
    """TIME."""
    width = time_width(scale)

    def encode(raw: bytes) -> bytes:
        (value,) = _INT8.unpack(raw)
        if value >= DAY:
            raise SqlError(8115, "24:00 is no time.")
        return bytes([width]) + _clock(value, scale, width)

    return WireType(bytes([0x29, scale]), NULL_BYTE, encode)


def datetime2(scale: int) -> WireType:
    """DATETIME2."""
    width = time_width(scale)
    size = bytes([width + 3])

    def encode(raw: bytes) -> bytes:
        day, clock = divmod(_INT8.unpack(raw)[0], DAY)
        _check_day(day + EPOCH)
        return size + _clock(clock, scale, width) + (day + EPOCH).to_bytes(3, "little")

    return WireType(bytes([0x2A, scale]), NULL_BYTE, encode)


def datetime_type() -> WireType:
    """DATETIME: days since 1900 and three-hundredths of a second."""

    def encode(raw: bytes) -> bytes:
        day, clock = divmod(_INT8.unpack(raw)[0], DAY)
        return b"\x08" + _PAIR.pack(day + 36_524, round(clock * 3 / 10_000))

    return WireType(b"\x6f\x08", NULL_BYTE, encode)


def smalldatetime() -> WireType:
    """SMALLDATETIME: days since 1900 and minutes."""

    def encode(raw: bytes) -> bytes:
        day, clock = divmod(_INT8.unpack(raw)[0], DAY)
        return b"\x04" + struct.pack("<HH", day + 36_524, clock // 60_000_000)

    return WireType(b"\x6f\x04", NULL_BYTE, encode)


def zoned(scale: int) -> WireType:
    """DATETIMEOFFSET from timestamptz, at +00:00."""
    inner = datetime2(scale)
    size = bytes([time_width(scale) + 5])
    return WireType(
        bytes([0x2B, scale]), NULL_BYTE, lambda raw: size + inner.encode(raw)[1:] + b"\x00\x00"
    )


def sized(kind: int, size: int, recode: Encode, collation: bytes = b"") -> WireType:
    """A character or binary type of at most ``size`` bytes."""

    def encode(raw: bytes) -> bytes:
        value = recode(raw)
        if len(value) > size:
            raise SqlError(8152, f"A value of {len(value)} bytes does not fit {size}.")
        return len(value).to_bytes(2, "little") + value

    return WireType(bytes([kind]) + size.to_bytes(2, "little") + collation, NULL_SHORT, encode)


def large(kind: int, recode: Encode, collation: bytes = b"") -> WireType:
    """A (max) type: its length, one chunk, the end."""

    def encode(raw: bytes) -> bytes:
        value = recode(raw)
        chunk = len(value).to_bytes(4, "little") + value if value else b""
        return len(value).to_bytes(8, "little") + chunk + bytes(4)

    return WireType(bytes([kind]) + b"\xff\xff" + collation, NULL_PLP, encode)


def xml() -> WireType:
    """XML without a schema."""
    inner = large(0xF1, utf16)
    return WireType(b"\xf1\x00", NULL_PLP, inner.encode)


def utf16(raw: bytes) -> bytes:
    """UTF-8 to UTF-16LE."""
    return raw.decode().encode("utf-16-le")


def code_page(raw: bytes) -> bytes:
    """UTF-8 to code page 1252; what it lacks is refused, not replaced."""
    try:
        return raw if raw.isascii() else raw.decode().encode("cp1252")
    except UnicodeEncodeError:
        raise Refused("a varchar with characters outside code page 1252; use nvarchar") from None
