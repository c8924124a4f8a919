"""What can go wrong, as SQL Server numbers it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

UNSERVED = 50_000
"""The number of whatever this server does not serve."""
NUMBERS: Mapping[str, int] = MappingProxyType(
    {
        "08P01": 102,
        "0A000": UNSERVED,
        "21000": 512,
        "22001": 2628,
        "22003": 8115,
        "22007": 241,
        "22008": 242,
        "22012": 8134,
        "22P02": 245,
        "23502": 515,
        "23503": 547,
        "23505": 2627,
        "23514": 547,
        "25006": 3906,
        "3F000": 2760,
        "40001": 3960,
        "40P01": 1205,
        "42501": 229,
        "42601": 102,
        "42702": 209,
        "42703": 207,
        "42704": 15151,
        "42710": 2714,
        "42701": 2705,
        "42803": 8120,
        "42804": 206,
        "42846": 529,
        "42883": 195,
        "42P01": 208,
        "42P06": 2714,
        "42P07": 2714,
        "428C9": 544,
        "55P03": 1222,
        "57014": 3617,
        "57P01": 596,
        "54000": 1946,
    }
)
SEVERITIES: Mapping[int, int] = MappingProxyType(
    {102: 15, 195: 15, 229: 14, 515: 16, 547: 16, 1205: 13, 1222: 16, 2601: 14, 2627: 14, 596: 21}
)
DOOMS: frozenset[int] = frozenset({1205, 3960, 3617})
"""Errors that end the transaction whatever XACT_ABORT says."""


class SqlError(Exception):
    """An error the client is told of.

    Args:
        number: SQL Server's number of it.
        message: what is shown.
    """

    def __init__(self, number: int, message: str) -> None:
        super().__init__(message)
        self.number = number
        self.severity = SEVERITIES.get(number, 16)


class Refused(SqlError):
    """The client asked for what this server does not serve; it is told so."""

    def __init__(self, what: str) -> None:
        super().__init__(UNSERVED, f"The TDS test server does not serve this: {what}")


class Cancelled(Exception):
    """The client sent an attention; nothing of the running message goes on."""


class Disconnected(Exception):
    """The client is gone, or the server is being stopped."""


def from_postgres(sqlstate: str, message: str) -> SqlError:
    """SQL Server's error for one of PostgreSQL's; unknown ones keep their SQLSTATE in the text."""
    number = NUMBERS.get(sqlstate)
    if number == 2627 and "_key" not in message and "pkey" not in message:
        number = 2601  # a unique index, not a constraint
    if number is None:
        return SqlError(UNSERVED, f"[{sqlstate}] {message}")
    return SqlError(number, message)
