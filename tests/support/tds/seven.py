"""Seven digits of a second, out: time(7), datetime2(7) and datetimeoffset, which are text here."""

from __future__ import annotations

from datetime import date

from tests.support.tds.errors import SqlError
from tests.support.tds.wire import NULL_BYTE, WireType, time_width


def units(clock: bytes, scale: int) -> int:
    """``HH:MM:SS[.fffffff]`` in units of 10**-scale seconds.

    Raises:
        SqlError: it has more digits than the scale.
    """
    seconds = int(clock[0:2]) * 3600 + int(clock[3:5]) * 60 + int(clock[6:8])
    fraction = clock[9:]
    if len(fraction) > scale:
        raise SqlError(8115, f"A time does not fit a scale of {scale}.")
    return seconds * 10**scale + int(fraction.ljust(scale, b"0") or 0)


def _day(text: bytes) -> bytes:
    return (date(int(text[0:4]), int(text[5:7]), int(text[8:10])).toordinal() - 1).to_bytes(
        3, "little"
    )


def time_7() -> WireType:
    """TIME of scale 7, from its text."""
    return WireType(
        b"\x29\x07", NULL_BYTE, lambda raw: b"\x05" + units(raw, 7).to_bytes(5, "little")
    )


def datetime2_7() -> WireType:
    """DATETIME2 of scale 7, from its text."""
    return WireType(
        b"\x2a\x07",
        NULL_BYTE,
        lambda raw: b"\x08" + units(raw[11:], 7).to_bytes(5, "little") + _day(raw),
    )


def datetimeoffset(scale: int) -> WireType:
    """DATETIMEOFFSET, from ``UTC time|+hh:mm``."""
    width = time_width(scale)
    size = bytes([width + 5])

    def encode(raw: bytes) -> bytes:
        minutes = int(raw[-5:-3]) * 60 + int(raw[-2:])
        offset = -minutes if raw[-6:-5] == b"-" else minutes
        clock = units(raw[11:-7], scale).to_bytes(width, "little")
        return size + clock + _day(raw) + offset.to_bytes(2, "little", signed=True)

    return WireType(bytes([0x2B, scale]), NULL_BYTE, encode)
