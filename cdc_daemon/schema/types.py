"""Logical types: what a column means, whatever engine it lives in.

A value's canonical form, and so its hash, belongs to its logical type (``cdc.canonical``).
"""

from __future__ import annotations

from dataclasses import dataclass

MICROSECONDS = 6
"""The digits of a fraction that the carriers of times and timestamps hold."""


@dataclass(frozen=True, slots=True)
class Boolean:
    """True or false."""


@dataclass(frozen=True, slots=True)
class Integer:
    """A signed whole number of 16, 32 or 64 ``bits``."""

    bits: int


@dataclass(frozen=True, slots=True)
class Decimal:
    """An exact number; without ``precision`` of any size and scale, with NaN and infinities."""

    precision: int | None = None
    scale: int | None = None


@dataclass(frozen=True, slots=True)
class Float:
    """An IEEE 754 binary number of 32 or 64 ``bits``."""

    bits: int


@dataclass(frozen=True, slots=True)
class Text:
    """Unicode text of at most ``length`` characters; ``fixed`` ones are padded with spaces."""

    length: int | None = None
    fixed: bool = False
    utf16: bool = False
    """``length`` counts UTF-16 units: a character beyond U+FFFF is two of them."""


@dataclass(frozen=True, slots=True)
class Binary:
    """Bytes."""

    length: int | None = None


@dataclass(frozen=True, slots=True)
class Date:
    """A day of the proleptic Gregorian calendar, or an infinity."""


@dataclass(frozen=True, slots=True)
class Time:
    """A time of day without zone; ``precision`` is the digits of its fraction. 24:00 is one.

    With more digits than ``MICROSECONDS`` it is text: ``HH:MM:SS.fffffff``.
    """

    precision: int = 6


@dataclass(frozen=True, slots=True)
class Timestamp:
    """A date and time, or an infinity; ``zoned`` ones are instants, kept in UTC.

    With more digits than ``MICROSECONDS`` it is text: ``YYYY-MM-DD HH:MM:SS.fffffff``.
    """

    precision: int = 6
    zoned: bool = False


@dataclass(frozen=True, slots=True)
class Uuid:
    """A 128-bit identifier."""


@dataclass(frozen=True, slots=True)
class Json:
    """A JSON document as its engine prints it; ``binary`` where the engine parses it (jsonb)."""

    binary: bool = False


@dataclass(frozen=True, slots=True)
class Native:
    """A type that only ``engine`` has, carried as the exact text its ``name`` reads back."""

    engine: str
    name: str
    keyable: bool = False
    """Its text decides equality, so that it may be part of a key."""


LogicalType = (
    Boolean
    | Integer
    | Decimal
    | Float
    | Text
    | Binary
    | Date
    | Time
    | Timestamp
    | Uuid
    | Json
    | Native
)


def may_be_key(logical: LogicalType) -> bool:
    """Whether equality of values is equality of canonical forms, as a key needs it.

    JSON is not: ``1.0`` and ``1.00`` are equal there and print differently.
    """
    match logical:
        case Json():
            return False
        case Native(keyable=keyable):
            return keyable
        case _:
            return True
