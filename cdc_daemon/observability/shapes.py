"""The shapes a logged value may have: numbers, words, names, instants, digests.

Law 9. A shape looks at the exact type and calls no method of a foreign object, so no value can
make a log call fail, and nothing passes by having a clever ``__str__``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum
from pathlib import PurePath
from typing import Any, Final, TypeAlias, TypeGuard, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from cdc_daemon.model.table import QualifiedName, TableId

Loggable: TypeAlias = str | int | float | bool | list[str] | None
Shape: TypeAlias = Callable[[object], Loggable]
"""The value as it may be logged, or None where it has another shape."""

_T = TypeVar("_T")
_LARGEST: Final = 2**63
_MOST_NAMES: Final = 200
_WORDS: Final = re.compile(r"[a-z]+(?:[ _./-][a-z]+){0,12}")
_LONGEST_WORDS: Final = 80
_NAME: Final = re.compile(r"\w[\w $#-]{0,127}")
_TABLE: Final = re.compile(r"\w[\w$#-]{0,127}(?:\.\w[\w $#-]{0,127}){0,2}")


@dataclass(frozen=True, slots=True)
class Vouched:
    """A sentence whose author vouches that it holds no value of a row and no driver's text."""

    text: str


def exactly(value: object, kind: type[_T]) -> TypeGuard[_T]:
    """Whether `value` is of the class itself: no subclass, and ``__class__`` is not asked."""
    return type(value) is kind


def plain(value: object) -> str | None:
    """The text of a str, or of an Enum member whose value is one, as a str and no subclass."""
    content: Any = _enum_value(value)
    return str.__str__(content) if issubclass(type(content), str) else None


def matching(pattern: str) -> Shape:
    """Text that the whole of `pattern` fits."""
    compiled = re.compile(pattern)

    def shape(value: object) -> Loggable:
        text = plain(value)
        return text if text is not None and compiled.fullmatch(text) else None

    return shape


def words(value: object) -> str | None:
    """Lower-case words without digits: names of events, steps, states; nothing of a row's."""
    text = plain(value)
    fits = text is not None and len(text) <= _LONGEST_WORDS and _WORDS.fullmatch(text)
    return text if fits else None


def several_words(value: object) -> Loggable:
    """A tuple or list of `words`."""
    return _each(value, words)


def count(value: object) -> int | None:
    """A whole number of at most 64 bits, and no bool."""
    number: Any = _enum_value(value)
    if not issubclass(type(number), int) or exactly(number, bool):
        return None
    exact = int.__int__(number)
    return exact if -_LARGEST <= exact < _LARGEST else None


def number(value: object) -> int | float | str | None:
    """A number or a duration, the latter in seconds; to six places."""
    if exactly(value, timedelta):
        return round(value / timedelta(seconds=1), 6)
    if exactly(value, float):
        return round(value, 6) if math.isfinite(value) else repr(value)
    return count(value)


def flag(value: object) -> bool | None:
    """True or False."""
    return value if exactly(value, bool) else None


def instant(value: object) -> str | None:
    """An aware datetime in UTC, or a date."""
    if exactly(value, date):
        return value.isoformat()
    if not exactly(value, datetime) or type(value.tzinfo) not in (timezone, ZoneInfo):
        return None
    try:
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    except OverflowError:  # the first or last hours of the calendar
        return None


def table(value: object) -> str | None:
    """The name of a table, with up to two qualifiers."""
    if exactly(value, TableId):
        parts: tuple[object, ...] = (value.source, value.schema, value.name)
    elif exactly(value, QualifiedName):
        parts = (value.schema, value.name)
    else:
        text = plain(value)
        return text if text is not None and _TABLE.fullmatch(text) else None
    return ".".join(plain(part) or "?" for part in parts)


def name(value: object) -> str | None:
    """The name of a column, an index, a lane, a connection."""
    text = plain(value)
    return text if text is not None and _NAME.fullmatch(text) else None


def names(value: object) -> Loggable:
    """One `name` or `table`, or a tuple or list of them."""
    return _each(value, _any_name) or _any_name(value)


def run(value: object) -> Loggable:
    """The identity of a run: a UUID or a short token."""
    return str(value) if exactly(value, UUID) else _RUN(value)


def code(value: object) -> Loggable:
    """An SQLSTATE, or a number of an engine's own."""
    found = count(value)
    return found if found is not None else _CODE(value)


def path(value: object) -> str | None:
    """A path, given as one: a plain str is none."""
    return PurePath.__str__(value) if _is_path(value) else None


def sentence(value: object) -> str | None:
    """Text somebody vouches for; a plain str is none."""
    return plain(value.text) if exactly(value, Vouched) else None


def _any_name(value: object) -> str | None:
    return table(value) or name(value)


def _each(value: object, shape: Callable[[object], str | None]) -> list[str] | None:
    if not (exactly(value, tuple) or exactly(value, list)):
        return None
    items: tuple[object, ...] = tuple(value)
    fitting = [text for item in items[:_MOST_NAMES] if (text := shape(item)) is not None]
    return fitting if len(fitting) == min(len(items), _MOST_NAMES) else None


def _enum_value(value: object) -> object:
    if issubclass(type(value), Enum):
        return object.__getattribute__(value, "_value_")
    return value


def _is_path(value: object) -> TypeGuard[PurePath]:
    return type(value).__module__ == "pathlib" and issubclass(type(value), PurePath)


_RUN: Final = matching(r"[0-9A-Za-z_-]{1,64}")
_CODE: Final = matching(r"[A-Z]{0,4}-?[0-9A-Z]{1,6}")
