"""Conversion of values to another type, with a stated policy for those that have none there."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal as Number
from types import MappingProxyType
from typing import Literal, get_args
from uuid import UUID

import polars as pl

from cdc_daemon.errors import ConfigError
from cdc_daemon.schema.carrier import DECIMAL_DIGITS
from cdc_daemon.schema.table import Column
from cdc_daemon.schema.types import (
    Binary,
    Boolean,
    Date,
    Decimal,
    Float,
    Integer,
    Json,
    LogicalType,
    Text,
    Time,
    Timestamp,
    Uuid,
)
from cdc_daemon.transformation.forms import days_in_range, text_form
from cdc_daemon.transformation.readings import read
from cdc_daemon.transformation.site import Site
from cdc_daemon.transformation.suggest import one_of
from cdc_daemon.transformation.transformer import Transformer, lost, never

OnFailure = Literal["quarantine", "null", "fail"]
TYPES = ("integer", "decimal", "float", "boolean", "date", "timestamp", "text", "uuid")
_PYTHON: Mapping[type, str] = MappingProxyType(
    {
        int: "integer",
        Number: "decimal",
        float: "float",
        bool: "boolean",
        date: "date",
        datetime: "timestamp",
        str: "text",
        UUID: "uuid",
    }
)
_BITS = (16, 32, 64)
_UUID_BYTES = 16


@dataclass(frozen=True, slots=True)
class TypeConversionTransformer(Transformer):
    """Values become values of ``target_type``: one of ``TYPES``, or Python's type for it.

    Text is read as ``readings`` says, strictly. ``on_failure`` says what becomes of a value that
    has none in that type: its row is set aside, it becomes NULL, or the table stops.

    Raises:
        ConfigError: on an unknown type or policy, or a precision and scale that no number has.
    """

    target_type: str | type
    on_failure: str = "quarantine"
    bits: int = 64
    """Of an integer (16, 32, 64) or a float (32, 64)."""
    precision: int | None = None
    scale: int | None = None
    """Of a decimal, both or none; without them it is of any size."""
    zoned: bool = False
    """Whether a timestamp is an instant, with its zone in the text."""

    def __post_init__(self) -> None:
        if isinstance(self.target_type, type) and self.target_type not in _PYTHON:
            raise ConfigError([f"values are not converted to {self.target_type.__name__}"])
        one_of(self.name, TYPES, "type")
        one_of(self.on_failure, get_args(OnFailure), "choice of `on_failure`")
        if self.bits not in _BITS[self.name == "float" :]:
            raise ConfigError([f"no {self.name} has {self.bits} bits"])
        if (self.precision is None) != (self.scale is None):
            raise ConfigError(["`precision` and `scale` come together"])
        if self.precision is not None and not (
            0 <= (self.scale or 0) <= self.precision <= DECIMAL_DIGITS and self.precision
        ):
            raise ConfigError(
                [f"a decimal has a scale within a precision of 1 to {DECIMAL_DIGITS}"]
            )

    @property
    def name(self) -> str:
        """The type's name, of ``TYPES``."""
        return _PYTHON[self.target_type] if isinstance(self.target_type, type) else self.target_type

    @property
    def fatal(self) -> bool:
        """Where the policy is ``fail``."""
        return self.on_failure == "fail"

    @property
    def idempotent(self) -> bool:
        """A value of the type is one already."""
        return True

    def describe(self) -> str:
        """Type and policy."""
        number = f"({self.precision},{self.scale})" if self.precision else ""
        bits = f"({self.bits})" if self.name in {"integer", "float"} else ""
        zone = " zoned" if self.zoned else ""
        return f"convert to {self.name}{bits}{number}{zone}, else {self.on_failure}"

    def refuses(self, column: Column) -> str | None:
        """Types between which there is no one way."""
        if _possible(column.type, self.output(column)):
            return None
        return f"there is no one way from {type(column.type).__name__.lower()} to {self.name}"

    def output(self, column: Column) -> LogicalType:
        """The type; the column's own where it is text already."""
        match self.name:
            case "integer":
                return Integer(self.bits)
            case "decimal":
                return Decimal(self.precision, self.scale)
            case "float":
                return Float(self.bits)
            case "boolean":
                return Boolean()
            case "date":
                return Date()
            case "timestamp":
                return Timestamp(zoned=self.zoned)
            case "uuid":
                return Uuid()
            case _:
                return column.type if isinstance(column.type, Text) else Text()

    def expression(self, value: pl.Expr, site: Site) -> pl.Expr:
        """The value there, NULL where it has none."""
        column, wanted = site.column, self.output(site.column)
        match column.type, wanted:
            case Date() | Timestamp(), Date():
                return _day(value, column)
            case Date(), Timestamp():
                return days_in_range(value).cast(pl.Datetime("us"))
            case Timestamp(zoned=zoned), Timestamp() if zoned == self.zoned:
                return value
            case Binary(), Uuid():
                return pl.when(value.bin.size() == _UUID_BYTES).then(value)
            case Integer() | Decimal(), Boolean():
                return read(text_form(value, column), wanted)
            case Float(), Integer() | Decimal():
                return _from_float(value, wanted)
            case Float(), Float():
                return _float(value, wanted)
            case Boolean(), Integer() | Decimal():
                return read(value.cast(pl.Int8).cast(pl.String), wanted)
            case _:
                return read(text_form(value, column), wanted) if wanted != column.type else value

    def rejected(self, before: pl.Expr, after: pl.Expr, site: Site) -> pl.Expr:
        """Values that are none of the type."""
        del site
        return never() if self.on_failure == "null" else lost(before, after, f"not_{self.name}")


def _possible(given: LogicalType, wanted: LogicalType) -> bool:
    match given, wanted:
        case Timestamp(zoned=before), Timestamp(zoned=after):
            return before == after
        case _, Text():
            return True
        case Date(), Timestamp(zoned=zoned):
            return not zoned
        case Date() | Timestamp(), Date():
            return True
        case (
            (Boolean() | Integer() | Decimal() | Float()),
            (Boolean() | Integer() | Decimal() | Float()),
        ):
            return {type(given), type(wanted)} != {Boolean, Float}
        case ((Binary() | Uuid()), Uuid()):
            return True
        case ((Json() | Binary() | Time() | Date() | Timestamp() | Uuid()), _):
            return False
        case ((Boolean() | Integer() | Decimal() | Float()), _):
            return False
        case _:
            return True


def _day(value: pl.Expr, column: Column) -> pl.Expr:
    """An infinity is that of the other type, too."""
    if isinstance(column.type, Date):
        return value
    return read(text_form(value, column).str.extract(r"^(\S+)"), Date())


def _from_float(value: pl.Expr, wanted: LogicalType) -> pl.Expr:
    """By the shortest text of the number, without exponent and without a fraction of zeros."""
    text = value.map_batches(_plain_texts, return_dtype=pl.String, is_elementwise=True)
    return read(text.str.strip_suffix(".0"), wanted)


def _plain_texts(values: pl.Series) -> pl.Series:
    texts = [
        None if value is None or not math.isfinite(value) else format(Number(repr(value)), "f")
        for value in values.to_list()
    ]
    return pl.Series(values.name, texts, dtype=pl.String)


def _float(value: pl.Expr, wanted: LogicalType) -> pl.Expr:
    """A narrower one only where it is the same number."""
    if isinstance(wanted, Float) and wanted.bits == 32:  # noqa: PLR2004 - bits
        narrow = value.cast(pl.Float32)
        return pl.when(narrow.cast(pl.Float64).eq_missing(value.cast(pl.Float64))).then(narrow)
    return value.cast(pl.Float64)
