"""Statements with ``$1`` … ``$n`` as ODBC takes them: ``?``, values in the order of the marks.

Law 6: instants go out in UTC, to the microsecond; a NULL is written out, because a mark for it
would make the server guess a type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from struct import Struct

_PARTS = re.compile(
    r"""
    '(?:[^']|'')*'                              # text
  | \[(?:[^\]]|\]\])*\]                         # a name
  | "(?:[^"]|"")*"                              # a name, or text
  | --[^\n]*                                    # a comment
  | (?P<comment>/\*)                            # the beginning of one that may hold others
  | (?<![\w@\#$])\$(?P<mark>[1-9]\d*)(?![\w@\#$])
    """,
    re.VERBOSE,
)
_COMMENT_ENDS = re.compile(r"/\*|\*/")
_BIGINT = range(-(2**63), 2**63)
_OFFSET = Struct("<hHHHHHIhh")
_NANOSECONDS = 1000


def translate(statement: str, values: Sequence[object]) -> tuple[str, tuple[object, ...]]:
    """The statement with ``?`` for its marks, and the values in their order.

    Raises:
        ValueError: a mark has no value.
    """
    if not values:
        return statement, ()
    text: list[str] = []
    ordered: list[object] = []
    done = 0
    for begin, end, number in _marks(statement):
        if number > len(values):
            raise ValueError(f"the statement has ${number}, and {len(values)} value(s)")
        value = _sent(values[number - 1])
        text += [statement[done:begin], "NULL" if value is None else "?"]
        if value is not None:
            ordered.append(value)
        done = end
    return "".join([*text, statement[done:]]), tuple(ordered)


def received(value: object) -> object:
    """A value as ODBC gives it: instants are in UTC."""
    return value.replace(tzinfo=UTC) if type(value) is datetime and not value.tzinfo else value


def with_offset(value: bytes | None) -> datetime | None:
    """A ``datetimeoffset`` as ODBC's structure holds it, in UTC."""
    if value is None:
        return None
    year, month, day, hour, minute, second, nanosecond, hours, minutes = _OFFSET.unpack(value)
    zone = timezone(timedelta(hours=hours, minutes=minutes))
    microsecond = nanosecond // _NANOSECONDS
    return datetime(year, month, day, hour, minute, second, microsecond, zone).astimezone(UTC)


def _marks(statement: str) -> Iterator[tuple[int, int, int]]:
    at = 0
    while (part := _PARTS.search(statement, at)) is not None:
        at = part.end()
        if part["comment"]:
            at = _comment_end(statement, at)
        elif part["mark"]:
            yield part.start(), part.end(), int(part["mark"])


def _comment_end(statement: str, at: int) -> int:
    depth = 1
    while depth:
        found = _COMMENT_ENDS.search(statement, at)
        if found is None:
            return len(statement)
        depth += 1 if found.group() == "/*" else -1
        at = found.end()
    return at


def _sent(value: object) -> object:
    if isinstance(value, datetime):
        # as text: the driver would cut a fraction to what it thinks the server's type holds
        instant = value.astimezone(UTC) if value.tzinfo is not None else value
        return instant.replace(tzinfo=None).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()  # FreeTDS makes another day of the first one, 1 January of year 1
    if isinstance(value, int) and value not in _BIGINT:
        return Decimal(value)
    return value
