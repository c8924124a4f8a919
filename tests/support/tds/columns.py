"""Which wire type a PostgreSQL result column has: by its type's OID and modifier.

PostgreSQL's own types have a mapping too, for tables that a test made without T-SQL.
"""

from __future__ import annotations

from collections.abc import Mapping

from tests.support.tds import seven, wire
from tests.support.tds.errors import Refused
from tests.support.tds.wire import COLLATION, WireType

VARCHAR_HEADER = 4
"""What PostgreSQL adds to a length to make a type modifier."""
BUILT_IN: Mapping[int, str] = {
    16: "bool",
    17: "bytea",
    18: "char",
    19: "name",
    20: "int8",
    21: "int2",
    23: "int4",
    25: "text",
    26: "oid",
    114: "json",
    142: "pgxml",
    700: "float4",
    701: "float8",
    705: "text",
    1042: "bpchar",
    1043: "varchar",
    1082: "date",
    1083: "time",
    1114: "timestamp",
    1184: "timestamptz",
    1700: "numeric",
    2278: "text",
    2950: "uuid",
}


def _same(raw: bytes) -> bytes:
    return raw


def _guid(raw: bytes) -> bytes:
    return b"\x10" + raw[3::-1] + raw[5:3:-1] + raw[7:5:-1] + raw[8:]


GUID = WireType(b"\x24\x10", wire.NULL_BYTE, _guid)
NVARCHAR_MAX = wire.large(0xE7, wire.utf16, COLLATION)
VARBINARY_MAX = wire.large(0xA5, _same)
BIT = WireType(b"\x68\x01", wire.NULL_BYTE, lambda raw: b"\x01" + raw)
INT = wire.fixed(0x26, 4)
PLAIN: Mapping[str, WireType] = {
    "bool": BIT,
    "bytea": VARBINARY_MAX,
    "char": wire.sized(0xEF, 2, wire.utf16, COLLATION),
    "name": wire.sized(0xE7, 256, wire.utf16, COLLATION),
    "int8": wire.fixed(0x26, 8),
    "int2": wire.fixed(0x26, 2),
    "int4": INT,
    "oid": INT,
    "text": NVARCHAR_MAX,
    "json": NVARCHAR_MAX,
    "pgxml": wire.xml(),
    "float4": wire.fixed(0x6D, 4),
    "float8": wire.fixed(0x6D, 8),
    "date": wire.date_type(),
    "uuid": GUID,
    "tds.tinyint": wire.fixed(0x26, 1),
    "tds.money": wire.money(8),
    "tds.smallmoney": wire.money(4),
    "tds.datetime": wire.datetime_type(),
    "tds.smalldatetime": wire.smalldatetime(),
    "tds.datetime2_7": seven.datetime2_7(),
    "tds.time_7": seven.time_7(),
    "tds.xml": wire.xml(),
    "tds.text": wire.large(0xA7, wire.code_page, COLLATION),
    "tds.ntext": NVARCHAR_MAX,
    "tds.image": VARBINARY_MAX,
    "tds.geography": VARBINARY_MAX,
    "tds.geometry": VARBINARY_MAX,
    "tds.rowversion": wire.sized(0xAD, 8, _same),
    "tds.hierarchyid": wire.sized(0xE7, 8000, wire.utf16, COLLATION),
    "tds.sql_variant": wire.sized(0xE7, 8000, wire.utf16, COLLATION),
}


def wire_type(name: str, modifier: int) -> WireType:
    """The wire type of a PostgreSQL type; ``name`` is a key of PLAIN or one of those below.

    Raises:
        Refused: there is none.
    """
    if name in PLAIN:
        return PLAIN[name]
    size = modifier - VARCHAR_HEADER
    match name:
        case "numeric":
            return _numeric(modifier)
        case "time":
            return wire.time_type(modifier if modifier >= 0 else 6)
        case "timestamp":
            return wire.datetime2(modifier if modifier >= 0 else 6)
        case "timestamptz":
            return wire.zoned(modifier if modifier >= 0 else 6)
        case "tds.datetimeoffset":
            return seven.datetimeoffset(size - 1 if modifier >= 0 else 7)
        case "varchar" | "tds.nvarchar":
            if 0 < size <= 4000:
                return wire.sized(0xE7, 2 * size, wire.utf16, COLLATION)
            return NVARCHAR_MAX
    return _sized_type(name, size)


def _sized_type(name: str, size: int) -> WireType:
    match name:
        case "bpchar" | "tds.nchar" if size < 1:  # an expression's: PostgreSQL lost its length
            return wire.sized(0xE7, 8000, wire.utf16, COLLATION)
        case "bpchar" | "tds.nchar":
            return wire.sized(0xEF, 2 * min(size, 4000), wire.utf16, COLLATION)
        case "tds.varchar" if size > 0:
            return wire.sized(0xA7, size, wire.code_page, COLLATION)
        case "tds.varchar":
            return wire.large(0xA7, wire.code_page, COLLATION)
        case "tds.char":
            return wire.sized(
                0xAF if size > 0 else 0xA7, size if size > 0 else 8000, wire.code_page, COLLATION
            )
        case "tds.varbinary":
            return wire.sized(0xA5, size, _same) if size > 0 else VARBINARY_MAX
        case "tds.binary":
            return wire.sized(0xAD if size > 0 else 0xA5, size if size > 0 else 8000, _same)
    raise Refused(f"a result column of PostgreSQL's type {name}")


def _numeric(modifier: int) -> WireType:
    """Without a modifier the scale is unknown; see ``rows.scale_of``."""
    packed = modifier - VARCHAR_HEADER
    precision, scale = packed >> 16 & 0xFFFF, packed & 0x7FF
    if modifier < 0 or not (1 <= precision <= 38 and scale <= precision):
        return wire.decimal(38, 10)
    return wire.decimal(precision, scale)
