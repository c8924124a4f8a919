"""SQL Server's types and the logical ones, both ways. Text only.

A type that is neither carried by its own carrier nor as exact text or bytes is refused by name
(law 6): ``sql_variant``, CLR types of users, and whatever is not listed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
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

ENGINE = "sqlserver"

_MAX = -1
"""The length of a type without a bound, as the catalog has it."""
_CHARACTERS = 4_000
"""The longest bounded nvarchar, in UTF-16 units."""
_BYTES = 8_000
_DIGITS = 38


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogType:
    """A type as ``sys.columns`` describes it, alias types already replaced by what they are."""

    name: str
    max_length: int
    """Bytes; -1 without a bound."""
    precision: int = 0
    scale: int = 0
    user_defined: bool = False
    """A CLR type of a user, whatever its name."""

    @property
    def spelled(self) -> str:
        """As it is written in DDL."""
        match self.name:
            case "nchar" | "nvarchar":
                return f"{self.name}({'max' if self.max_length == _MAX else self.max_length // 2})"
            case "char" | "varchar" | "binary" | "varbinary":
                return f"{self.name}({'max' if self.max_length == _MAX else self.max_length})"
            case "decimal" | "numeric":
                return f"{self.name}({self.precision},{self.scale})"
            case "time" | "datetime2" | "datetimeoffset":
                return f"{self.name}({self.scale})"
            case "float":
                return "float(53)"
            case "timestamp":
                return "rowversion"
            case _:
                return self.name


_SIMPLE: Mapping[str, LogicalType] = MappingProxyType(
    {
        "bit": Boolean(),
        "tinyint": Integer(16),
        "smallint": Integer(16),
        "int": Integer(32),
        "bigint": Integer(64),
        "money": Decimal(19, 4),
        "smallmoney": Decimal(10, 4),
        "real": Float(32),
        "float": Float(64),
        "date": Date(),
        "smalldatetime": Timestamp(0),
        "datetime": Timestamp(3),
        "text": Text(),
        "ntext": Text(),
        "image": Binary(),
        "geography": Binary(),
        "geometry": Binary(),
        "timestamp": Binary(8),
        "uniqueidentifier": Uuid(),
        "xml": Native(ENGINE, "xml"),
        "hierarchyid": Native(ENGINE, "hierarchyid", keyable=True),  # a path has one spelling
    }
)


def logical_type(catalog: CatalogType) -> LogicalType | None:
    """The logical type, or None where the type is refused."""
    if catalog.user_defined:
        return None
    length = None if catalog.max_length == _MAX else catalog.max_length
    match catalog.name:
        case "decimal" | "numeric":
            return Decimal(catalog.precision, catalog.scale)
        case "time":
            return Time(catalog.scale)
        case "datetime2":
            return Timestamp(catalog.scale)
        case "datetimeoffset":
            return Native(ENGINE, catalog.spelled)
        case "nchar" | "nvarchar":
            fixed = catalog.name == "nchar"
            return Text(length and length // 2, fixed=fixed, utf16=length is not None)
        case "char" | "varchar":  # a character of any code page is one UTF-16 unit a byte at most
            if length is None or length > _CHARACTERS:
                return Text()
            return Text(length, fixed=catalog.name == "char", utf16=True)
        case "binary" | "varbinary":
            return Binary(length)
        case name:
            return _SIMPLE.get(name)


def column_type(logical: LogicalType) -> str:  # noqa: C901, PLR0912 - one case a type
    """How the logical type is spelled, as ``CatalogType.spelled`` has it.

    Text that is padded is kept with its padding in a type that pads nothing: of what a code page
    or another engine counts as n characters, SQL Server could make more, and its rows hold no
    more than 8,060 bytes of columns of fixed length.
    """
    match logical:
        case Boolean():
            return "bit"
        case Integer(bits):
            return {16: "smallint", 32: "int", 64: "bigint"}[bits]
        case Decimal(int() as precision, int() as scale) if (
            precision <= _DIGITS and 0 <= scale <= precision
        ):
            return f"decimal({precision},{scale})"
        case Float(bits):
            return {32: "real", 64: "float(53)"}[bits]
        case Text(int() as length, utf16=utf16):
            units = length if utf16 else 2 * length
            return f"nvarchar({units})" if units <= _CHARACTERS else "nvarchar(max)"
        case Binary(int() as length) if length <= _BYTES:
            return f"varbinary({length})"
        case Binary():
            return "varbinary(max)"
        case Date():
            return "date"
        case Time(precision):
            return f"time({precision})"
        case Timestamp(precision, zoned):
            return f"datetime{'offset' if zoned else '2'}({precision})"
        case Uuid():
            return "uniqueidentifier"
        case Native(engine, name) if engine == ENGINE:
            return name
        case Decimal() | Text() | Json() | Native():
            return "nvarchar(max)"


def stored(column: Column) -> Column:
    """The column as bronze has it, to read it from there, whatever the source calls its type."""
    return replace(column, native=column_type(column.type))


def read_expression(quoted: str, column: Column) -> str:
    """What to select of a column so that every driver carries it exactly."""
    native = column.native.partition("(")[0]
    match column.type:
        case Text() | Native() | Json():
            text = _read_text(quoted, column, native)
            length = "max" if _MAXIMAL in column.native + text else _BYTES
            return f"CAST({text} AS varbinary({length}))" if column.as_text else text
        case Decimal() if column.as_text and native == "decimal":
            return f"CAST({quoted} AS nvarchar(41))"
        case Decimal() if native in {"money", "smallmoney"}:
            return f"CAST({quoted} AS {column_type(column.type)})"
        case Integer() if native == "tinyint":
            return f"CAST({quoted} AS smallint)"
        case Time(precision) if precision > MICROSECONDS:
            return f"CONVERT(varchar(16), {quoted}, 121)"
        case Timestamp(precision, False) if precision > MICROSECONDS:
            return f"CONVERT(varchar(27), {quoted}, 121)"
        case Timestamp(precision) if native != "datetime2":  # instants are kept at +00:00
            return f"CAST({quoted} AS datetime2({precision}))"
        case Binary() if native in {"image", "geography", "geometry"}:
            return f"CAST({quoted} AS varbinary(max))"
        case Binary() if native == "rowversion":
            return f"CAST({quoted} AS binary(8))"
        case _:
            return quoted


def by_bytes(column: Column) -> Column:
    """The column read as its UTF-16 bytes, which no driver changes, if it is text."""
    is_text = isinstance(column.type, Text) or column.native in {"xml", "hierarchyid"}
    return replace(column, as_text=True) if is_text else column


def is_read_unbounded(column: Column) -> bool:
    """Whether what is selected of a column may be of any length, and so is fetched by itself."""
    return _MAXIMAL in column.native + read_expression("", column)


def _read_text(quoted: str, column: Column, native: str) -> str:
    match native:
        case "char" | "varchar":  # the server knows the code page
            bounded = isinstance(column.type, Text) and column.type.length is not None
            return f"CAST({quoted} AS {column_type(column.type) if bounded else 'nvarchar(max)'})"
        case "text" | "ntext" | "xml":
            return f"CAST({quoted} AS nvarchar(max))"
        case "hierarchyid":
            return f"CAST({quoted} AS nvarchar(4000))"
        case "datetimeoffset":
            return f"CONVERT(varchar(34), {quoted}, 121)"
        case _:
            return quoted


def load_type(column: Column) -> str:
    """The column's type in a load table, which takes what drivers send as it is."""
    match column.type:
        case Decimal() if column.carrier == pl.String and column_type(column.type) != _UNBOUNDED:
            return "nvarchar(41)"
        case Time(precision) if precision > MICROSECONDS:
            return "nvarchar(16)"
        case Timestamp(precision) if precision > MICROSECONDS:
            return "nvarchar(27)"
        case Timestamp(precision, True):
            return f"datetime2({precision})"
        case Native(engine, name) if engine == ENGINE:
            return _NATIVE_TEXT[name.partition("(")[0]]
        case logical:
            return column_type(logical)


_MAXIMAL = "(max)"
_UNBOUNDED = "nvarchar(max)"
_NATIVE_TEXT: Mapping[str, str] = MappingProxyType(
    {"xml": _UNBOUNDED, "hierarchyid": "nvarchar(4000)", "datetimeoffset": "nvarchar(34)"}
)


def loaded_value(column: Column, value: str) -> str:
    """``value`` of a load table as the column's type in bronze."""
    kind = column_type(column.type)
    if load_type(column) == kind:
        return value
    if kind == "xml":
        return f"CONVERT(xml, {value}, 1)"  # a cast would drop white space
    return f"CAST({value} AS {kind})"
