"""Keys as bytes, where SQL Server's ``=`` would blur them (DESIGN 3, Keys).

Its text ignores trailing spaces under every collation, and its binary strings ignore trailing
zeros; so such a value is indexed and joined as its bytes, with a full stop behind text and a byte
behind binary strings.
"""

from __future__ import annotations

from cdc_daemon.databases.sqlserver.types import column_type
from cdc_daemon.schema.naming import KEY_BYTES
from cdc_daemon.schema.table import Column, SourceTable
from cdc_daemon.schema.types import Binary, Decimal, Native, Text

INDEX_BYTES = 1_700
"""The most that a nonclustered index takes of a key."""
_INSTANT_BYTES = 8
"""``_valid_from`` is behind the key in one of the indexes."""
MAX_KEY_BYTES = (INDEX_BYTES - _INSTANT_BYTES) // 2
"""Of canonical text and 8 bytes a column: UTF-16 and what is put behind double them at most."""
_LONGEST = INDEX_BYTES - _INSTANT_BYTES


def key_bytes(column: Column) -> int | None:
    """The length of the column with a value's bytes; None where the value itself is the key."""
    match column.type:
        case Text(int() as length, utf16=utf16):
            return min((2 if utf16 else 4) * length + 2, _LONGEST)
        case Binary(int() as length):
            return min(length + 1, _LONGEST)
        case Decimal() if column_type(column.type) != "nvarchar(max)":
            return None
        case Text() | Binary() | Decimal() | Native():
            return _LONGEST
        case _:
            return None


def key_value(column: Column, value: str) -> str:
    """The bytes of ``value``, as it was loaded; not longer than ``key_bytes``."""
    length = key_bytes(column) or _LONGEST
    if isinstance(column.type, Binary):
        return f"CAST({value} AS varbinary({length - 1})) + 0x01"
    text = _shortest_number(value) if isinstance(column.type, Decimal) else value
    return f"CAST({text} + N'.' AS varbinary({length}))"


def _shortest_number(text: str) -> str:
    """Without the zeros behind the point that make no difference: 1.50 and 1.5 are one key."""
    cut = _trimmed(_trimmed(text, "0"), ".")
    return f"CASE WHEN CHARINDEX(N'.', {text}) = 0 THEN {text} ELSE {cut} END"


def _trimmed(text: str, character: str) -> str:
    blank = f"REPLACE({text}, N'{character}', N' ')"
    return f"REPLACE(RTRIM({blank}), N' ', N'{character}')"


def byte_columns(table: SourceTable) -> tuple[tuple[str, Column], ...]:
    """The name of each column of bytes, and the key column whose bytes it holds."""
    return tuple(
        (f"{KEY_BYTES}{position}", column)
        for position, column in enumerate(table.key_columns, 1)
        if key_bytes(column) is not None
    )
