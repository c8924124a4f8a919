"""SQL Server's types: read from T-SQL, written for PostgreSQL.

A type that PostgreSQL lacks is a base type of schema ``tds`` (types.sql).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tests.support.tds.errors import Refused, SqlError

MAX = -1
PLAIN: Mapping[str, str] = MappingProxyType(
    {
        "bit": "boolean",
        "tinyint": "tds.tinyint",
        "smallint": "int2",
        "int": "int4",
        "bigint": "int8",
        "real": "float4",
        "date": "date",
        "datetime": "tds.datetime",
        "smalldatetime": "tds.smalldatetime",
        "money": "tds.money",
        "smallmoney": "tds.smallmoney",
        "uniqueidentifier": "uuid",
        "xml": "tds.xml",
        "hierarchyid": "tds.hierarchyid",
        "sql_variant": "tds.sql_variant",
        "text": 'tds."text"',
        "ntext": "tds.ntext",
        "image": "tds.image",
        "geography": "tds.geography",
        "geometry": "tds.geometry",
        "rowversion": "tds.rowversion",
    }
)
SYNONYMS: Mapping[str, str] = MappingProxyType(
    {
        "integer": "int",
        "dec": "decimal",
        "numeric": "decimal",
        "timestamp": "rowversion",
        "character": "char",
        "double precision": "float",
    }
)
LIMITS: Mapping[str, int] = MappingProxyType(
    {
        "nvarchar": 4000,
        "nchar": 4000,
        "varchar": 8000,
        "char": 8000,
        "varbinary": 8000,
        "binary": 8000,
    }
)
FRACTIONS = frozenset({"time", "datetime2", "datetimeoffset"})
KNOWN = frozenset({*PLAIN, *LIMITS, *FRACTIONS, "decimal", "float", "sysname"})
_SHAPE = re.compile(
    r"^\s*(?:\[?sys\]?\s*\.\s*)?\[?([A-Za-z][A-Za-z0-9_ ]*?)\]?\s*"
    r"(?:\(\s*(max|\d+)\s*(?:,\s*(\d+)\s*)?\))?\s*$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class SqlType:
    """A system type of SQL Server; ``size`` is a length (MAX: -1), precision or scale as written."""

    name: str
    size: int | None = None
    scale: int = 0

    def postgres(self) -> str:
        """The PostgreSQL type that holds it."""
        match self.name:
            case name if name in LIMITS:
                limited = "" if self.size == MAX else f"({self.size})"
                return f'tds."{name}"{limited}'
            case "decimal":
                return f"numeric({self.size},{self.scale})"
            case "float":
                return "float4" if self.size is not None and self.size <= 24 else "float8"
            case "time" | "datetime2" as name:
                plain = "time" if name == "time" else "timestamp"
                return f"tds.{name}_7" if self.size == 7 else f"{plain}({self.size})"
            case "datetimeoffset":
                return f"tds.datetimeoffset({(self.size or 0) + 1})"
        return PLAIN[self.name]


def parse_type(text: str, *, default_length: int = 1) -> SqlType | None:
    """The system type that ``text`` names, or None where it names none (an alias type, perhaps).

    Args:
        text: ``nvarchar(10)``, ``[decimal](38, 4)``, ``varbinary(max)`` ...
        default_length: of character and binary types without one: 1 in a declaration, 30 in CAST.

    Raises:
        SqlError: a length, precision or scale that SQL Server does not have.
    """
    found = _SHAPE.match(text)
    name = " ".join(found[1].lower().split()) if found else ""
    name = SYNONYMS.get(name, name)
    if found is None or name not in KNOWN:
        return None
    size = MAX if (found[2] or "").lower() == "max" else int(found[2]) if found[2] else None
    return _checked(name, size, int(found[3] or 0), default_length)


def _checked(name: str, size: int | None, scale: int, default_length: int) -> SqlType:
    if name == "sysname":
        return SqlType("nvarchar", 128)
    if name in LIMITS:
        size = default_length if size is None else size
        variable = name in {"nvarchar", "varchar", "varbinary"}
        if not (0 < size <= LIMITS[name] or (size == MAX and variable)):
            raise SqlError(2717, f"The size ({size}) given to the type '{name}' is not allowed.")
        return SqlType(name, size)
    if name in FRACTIONS:
        size = 7 if size is None else size
        if not 0 <= size <= 7:
            raise SqlError(1002, f"Specified scale {size} is invalid.")
        return SqlType(name, size)
    if name == "decimal":
        size = 18 if size is None else size
        if not (1 <= size <= 38 and scale <= size):
            raise SqlError(1007, f"decimal({size},{scale}) is out of range.")
        return SqlType(name, size, scale)
    if size is not None and name != "float":
        raise Refused(f"{name} with a size")
    return SqlType(name, size)
