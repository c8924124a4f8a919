"""PostgreSQL's types and the logical ones, both ways. Text only.

A type that is neither carried by its own carrier nor as the exact text it prints is refused by
name (law 6): composites, references to catalog objects (reg*), and types of extensions other
than citext, whose text need not read back as the same value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import polars as pl

from cdc_daemon.schema.table import Column
from cdc_daemon.schema.types import (
    MICROSECONDS,
    Binary,
    Boolean,
    Date,
    Decimal,
    Float,
    Integer,
    Json,
    LogicalType,
    Native,
    Text,
    Time,
    Timestamp,
    Uuid,
)

ENGINE = "postgresql"
_HEADER = 4
"""PostgreSQL stores lengths and precisions plus four in a type modifier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogType:
    """A type as ``pg_type`` describes it, domains already replaced by what they are based on."""

    schema: str
    name: str
    kind: str
    """``typtype``: b base, e enum, c composite, r range, m multirange, p pseudo."""
    modifier: int
    spelled: str
    """``format_type``: how it is written in DDL."""
    element: CatalogType | None = None
    """The element's type, of an array."""


_SIMPLE: Mapping[str, LogicalType] = MappingProxyType(
    {
        "bool": Boolean(),
        "int2": Integer(16),
        "int4": Integer(32),
        "int8": Integer(64),
        "oid": Integer(64),
        "float4": Float(32),
        "float8": Float(64),
        "text": Text(),
        "name": Text(),
        "char": Text(),
        "bytea": Binary(),
        "date": Date(),
        "uuid": Uuid(),
        "json": Json(),
        "jsonb": Json(binary=True),
        "money": Decimal(23, 4),  # 19 digits before the point and any locale's fraction
    }
)
_EXACT_TEXT = frozenset(
    {
        *("interval", "timetz", "xml", "tsvector", "tsquery", "jsonpath", "pg_snapshot"),
        *("txid_snapshot", "point", "line", "lseg", "box", "path", "polygon", "circle"),
    }
)
_EXACT_TEXT_KEYS = frozenset(["inet", "cidr", "macaddr", "macaddr8", "bit", "varbit", "pg_lsn"])


def logical_type(catalog: CatalogType) -> LogicalType | None:
    """The logical type, or None where the type is refused."""
    if catalog.kind == "e" or catalog.name == "citext":
        return Text()
    if catalog.element is not None:
        return _array(catalog, catalog.element)
    if catalog.schema != "pg_catalog":
        return None
    if catalog.kind in "rm":
        return Native(ENGINE, catalog.spelled)
    if catalog.name in _EXACT_TEXT or catalog.name in _EXACT_TEXT_KEYS:
        return Native(ENGINE, catalog.spelled, keyable=catalog.name in _EXACT_TEXT_KEYS)
    return _modified(catalog) or _SIMPLE.get(catalog.name)


def _array(catalog: CatalogType, element: CatalogType) -> LogicalType | None:
    if logical_type(element) is None:
        return None
    built_in = element.schema == "pg_catalog"
    return Native(ENGINE, catalog.spelled if built_in else "text[]")


def _modified(catalog: CatalogType) -> LogicalType | None:
    modifier = catalog.modifier
    length = modifier - _HEADER if modifier >= _HEADER else None
    precision = modifier if 0 <= modifier <= MICROSECONDS else MICROSECONDS
    match catalog.name:
        case "numeric":
            return _numeric(length)
        case "varchar":
            return Text(length)
        case "bpchar":  # without a length it is not padded
            return Text(length, fixed=length is not None)
        case "time":
            return Time(precision)
        case "timestamp":
            return Timestamp(precision)
        case "timestamptz":
            return Timestamp(precision, zoned=True)
        case _:
            return None


def _numeric(packed: int | None) -> Decimal:
    if packed is None:
        return Decimal()
    scale = ((packed & 0x7FF) ^ 0x400) - 0x400  # eleven bits, signed
    return Decimal((packed >> 16) & 0xFFFF, scale)


def column_type(logical: LogicalType) -> str:  # noqa: C901, PLR0912 - one case a type
    """How the logical type is spelled, as ``format_type`` would print it."""
    match logical:
        case Boolean():
            return "boolean"
        case Integer(bits):
            return {16: "smallint", 32: "integer", 64: "bigint"}[bits]
        case Decimal(None):
            return "numeric"
        case Decimal(precision, scale):
            return f"numeric({precision},{scale})"
        case Float(bits):
            return {32: "real", 64: "double precision"}[bits]
        case Text(None):
            return "text"
        case Text(length, fixed=True, utf16=False):
            return f"character({length})"
        case Text(length):  # in UTF-16 units a padded value may be shorter, and be padded again
            return f"character varying({length})"
        case Binary():
            return "bytea"
        case Date():
            return "date"
        case Time(precision) | Timestamp(precision) if precision > MICROSECONDS:
            return "text"
        case Time(precision):
            return f"time{_digits(precision)} without time zone"
        case Timestamp(precision, zoned):
            return f"timestamp{_digits(precision)} with{'' if zoned else 'out'} time zone"
        case Uuid():
            return "uuid"
        case Json(binary):
            return "jsonb" if binary else "json"
        case Native(engine, name):
            return name if engine == ENGINE else "text"


def _digits(precision: int) -> str:
    return "" if precision >= MICROSECONDS else f"({precision})"


def read_expression(quoted: str, column: Column) -> str:
    """What to select of a column so that the driver carries it exactly."""
    match column.type:
        case Text() if column.native.startswith(("character(", "bpchar")):
            return quoted  # a cast to text would strip the padding
        case Text() | Json() | Native():
            return f"{quoted}::text"
        case Decimal() if column.native == "money":
            return f"{quoted}::numeric(23,4)::text"
        case Decimal():
            return f"{quoted}::text"  # what the driver makes of it, at a fifth of the cost
        case Integer() if column.native == "oid":
            return f"{quoted}::bigint"
        case _:
            return quoted


def is_text(logical: LogicalType) -> bool:
    """Whether a column of it compares by a collation, which in a key must be that of bytes."""
    return column_type(logical).startswith(("text", "character"))


def is_sent_as_text(column: Column) -> bool:
    """Whether values reach the target as text that a cast there must read."""
    return isinstance(column.type, Decimal | Native) and column.carrier == pl.String
