"""``config/TYPES.md``, made from what the engines' modules of types say.

``python -m cdc_daemon.databases.types_document > config/TYPES.md`` writes it anew.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from cdc_daemon.databases.postgresql import types as postgresql
from cdc_daemon.databases.sqlserver import types as sqlserver
from cdc_daemon.schema.types import (
    MICROSECONDS,
    Binary,
    Boolean,
    Date,
    Decimal,
    Float,
    Integer,
    LogicalType,
    Text,
    Time,
    Timestamp,
    Uuid,
    may_be_key,
)

_HEAD = """\
# Types

What a column of a source becomes: its logical type, the type of its column in a target of either
engine, and the canonical form that its row hash and key digest are made of (`cdc/canonical.py`).
Made from `databases/*/types.py` by `databases/types_document.py`; do not edit.

* A type that can be carried neither exactly nor as exact text is refused by name: exclude the
  column, or read a view that casts it.
* A value that the target cannot hold (an infinite date, a NaN in a SQL Server float, `24:00`)
  fails its batch, naming the column, and nothing is written.
* Types marked * cannot be in a key: values that are equal may print differently.
"""
_TAIL = """\
## Notes

* `time(7)` and `datetime2(7)` are carried as their text, because no carrier has tenths of
  microseconds. In PostgreSQL they stay text.
* Padding belongs to the value: `char(n)` of SQL Server is read, hashed and kept with its spaces.
* SQL Server counts UTF-16 units, PostgreSQL characters: text of PostgreSQL gets columns of twice
  the length, and `nvarchar(max)` beyond 4,000 units.
* Domains and alias types go by what they are based on; arrays of PostgreSQL by their elements.
* `rowversion`, period columns and computed columns that are not deterministic are carried and
  not hashed: they change without a change of the row.
* Masked columns of SQL Server are refused unless the login has UNMASK; encrypted ones always are.
* Text with half a surrogate pair is no text: it fails its batch, naming the column.
"""

_NUMERIC = (18 << 16 | 4) + 4  # numeric(18,4), as the catalog packs it
_POSTGRESQL = (
    *((name, name, -1) for name in ("bool", "int2", "int4", "int8", "oid", "float4", "float8")),
    ("numeric", "numeric(18,4)", _NUMERIC),
    ("numeric", "numeric", -1),
    ("money", "money", -1),
    ("varchar", "character varying(10)", 14),
    ("bpchar", "character(10)", 14),
    ("text", "text", -1),
    ("bytea", "bytea", -1),
    ("date", "date", -1),
    ("time", "time without time zone", -1),
    ("timestamp", "timestamp without time zone", -1),
    ("timestamp", "timestamp(3) without time zone", 3),
    ("timestamptz", "timestamp with time zone", -1),
    ("timetz", "time with time zone", -1),
    *((name, name, -1) for name in ("interval", "uuid", "json", "jsonb", "xml", "inet", "bit")),
    *((name, name, -1) for name in ("point", "tsvector", "regclass", "xid")),
)
_SQLSERVER = (
    *((name, 0, 0, 0) for name in ("bit", "tinyint", "smallint", "int", "bigint")),
    ("decimal", 9, 18, 4),
    *((name, 0, 0, 0) for name in ("money", "smallmoney", "real", "float")),
    ("char", 10, 0, 0),
    ("varchar", 10, 0, 0),
    ("nchar", 20, 0, 0),
    ("nvarchar", 20, 0, 0),
    *((name, -1, 0, 0) for name in ("varchar", "nvarchar")),
    *((name, 16, 0, 0) for name in ("text", "ntext", "image")),
    ("binary", 10, 0, 0),
    ("varbinary", 10, 0, 0),
    ("varbinary", -1, 0, 0),
    ("date", 3, 0, 0),
    *(("time", 5, 0, scale) for scale in (3, 7)),
    *((name, 8, 0, 0) for name in ("smalldatetime", "datetime")),
    *(("datetime2", 8, 0, scale) for scale in (6, 7)),
    ("datetimeoffset", 10, 0, 7),
    *((name, 8, 0, 0) for name in ("uniqueidentifier", "xml", "timestamp", "hierarchyid")),
    *((name, -1, 0, 0) for name in ("geography", "geometry", "sql_variant")),
)

Samples = Iterable[tuple[str, LogicalType | None]]


def document() -> str:
    """The whole page."""
    return "\n".join(
        (
            _HEAD,
            *_section("From PostgreSQL", _of_postgresql()),
            *_section("From SQL Server", _of_sqlserver()),
            _TAIL,
        )
    )


def _of_postgresql() -> Iterator[tuple[str, LogicalType | None]]:
    for name, spelled, modifier in _POSTGRESQL:
        catalog = postgresql.CatalogType(
            schema="pg_catalog", name=name, kind="b", modifier=modifier, spelled=spelled
        )
        yield spelled, postgresql.logical_type(catalog)


def _of_sqlserver() -> Iterator[tuple[str, LogicalType | None]]:
    for name, length, precision, scale in _SQLSERVER:
        catalog = sqlserver.CatalogType(
            name=name, max_length=length, precision=precision, scale=scale
        )
        yield catalog.spelled, sqlserver.logical_type(catalog)


def _section(heading: str, samples: Samples) -> Iterator[str]:
    yield f"## {heading}\n"
    yield "| source type | logical type | in PostgreSQL | in SQL Server | canonical form |"
    yield "|---|---|---|---|---|"
    for spelled, logical in samples:
        yield _row(spelled, logical)
    yield ""


def _row(spelled: str, logical: LogicalType | None) -> str:
    if logical is None:
        return f"| `{spelled}` | refused | | | |"
    mark = "" if may_be_key(logical) else " *"
    targets = f"`{postgresql.column_type(logical)}` | `{sqlserver.column_type(logical)}`"
    return f"| `{spelled}`{mark} | {_logical(logical)} | {targets} | {_form(logical)} |"


def _logical(logical: LogicalType) -> str:
    """Values as they are, truths by their name, nothing for what is absent or false."""
    given = ((name, getattr(logical, name)) for name in logical.__dataclass_fields__)
    shown = [name if value is True else str(value) for name, value in given if _says(value)]
    return f"{type(logical).__name__}({', '.join(shown)})" if shown else type(logical).__name__


def _says(value: object) -> bool:
    return value is not None and value is not False


def _form(logical: LogicalType) -> str:
    match logical:
        case Boolean():
            return "`0` or `1`"
        case Integer() | Decimal():
            return "decimal digits"
        case Float():
            return "bits as binary64, as a number"
        case Binary() | Uuid():
            return "hex digits"
        case Date():
            return "days since 1970"
        case Time(precision) | Timestamp(precision):
            tenths = ", with tenths" if precision > MICROSECONDS else ""
            since = "midnight" if isinstance(logical, Time) else "1970"
            return f"microseconds since {since}{tenths}"
        case Text() | _:
            return "the text"


if __name__ == "__main__":
    sys.stdout.write(document())
