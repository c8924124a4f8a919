"""Conversions and the functions of T-SQL that are more than another name in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from tests.support.tds import functions
from tests.support.tds.errors import Refused
from tests.support.tds.prepare import Prepared
from tests.support.tds.template import Value
from tests.support.tds.types import parse_type


def call(name: str, *arguments: exp.Expression) -> exp.Anonymous:
    """A call of a function of PostgreSQL."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def average(node: exp.Anonymous) -> exp.Expression:
    """The mean of whole numbers is a whole number in T-SQL."""
    if isinstance(node.parent, exp.Window):
        raise Refused("AVG ... OVER")
    argument = node.expressions[0]
    rows = exp.Anonymous(
        this="nullif", expressions=[call("count", argument.copy()), exp.Literal.number(0)]
    )
    return exp.Paren(this=exp.Div(this=call("tds.sum", argument), expression=rows, typed=True))


def from_session(
    name: str, arguments: Sequence[exp.Expression], prepared: Prepared
) -> exp.Expression:
    """A slot that the session fills: ``@@serverproperty:edition``."""
    asked = ""
    if arguments:
        place = arguments[0].name.strip("kt")
        value = prepared.values[int(place)] if place.isdigit() else None
        if not isinstance(value, Value):
            raise Refused(f"{name.upper()} of anything but a constant")
        asked = ":" + str(value.content).lower()
    prepared.values.append(f"@@{name}{asked}")
    return exp.Parameter(this=exp.var(f"{len(prepared.values) - 1}t"))


def cast(arguments: list[exp.Expression], prepared: Prepared) -> exp.Expression:
    """A CAST or CONVERT: a function that takes every type, then PostgreSQL's cast."""
    value, kind, *style = arguments
    written = prepared.values[int(kind.name.strip("kt"))]
    text = str(written.content) if isinstance(written, Value) else ""
    to = parse_type(text, default_length=30)
    if to is None or to.name == "sql_variant":
        raise Refused(f"CAST AS {text}")
    if to.name in {"datetime2", "time"} and to.size == 7:
        return call(f"tds.to_{to.name}_7", value)
    if to.name == "datetimeoffset":
        return call("tds.to_datetimeoffset", value, exp.Literal.number(to.size or 0))
    converter = functions.CONVERTERS.get(to.name)
    if style and to.name in {"varbinary", "binary"} and style[0].name in {"1", "2"}:
        converter = "tds.hex_bytes"
    elif style and converter != "tds.as_text":
        style = []  # a style only says how text is read; ISO is what is read here
    inner = call(converter, value, *style) if converter else value
    if to.name in {"datetime", "smalldatetime", "money", "smallmoney", "tinyint"}:
        inner = inner if converter else _typed(inner, "numeric")
        return call(f"tds.to_{to.name}", inner)
    return _typed(inner, to.postgres())


def _typed(value: exp.Expression, postgres: str) -> exp.Expression:
    """``CAST(value AS type)`` with the type spelt as given: sqlglot would spell its own."""
    return call("CAST", exp.Alias(this=value, alias=exp.var(postgres)))


def of_moments(name: str, arguments: list[exp.Expression]) -> exp.Expression:
    """DATEADD and its kin, whose first argument is a part of a date."""
    part = functions.DATE_PARTS.get(arguments[0].name.lower())
    if part is None:
        raise Refused(f"{name.upper()}({arguments[0].name})")
    moments = arguments[1:]
    if name != "dateadd":
        moments = [call("tds.to_timestamp", moment) for moment in moments]
    return call(f"tds.{name}", exp.Literal.string(part), *moments)


def within_group(node: exp.WithinGroup) -> exp.Expression:
    """STRING_AGG(x, ',') WITHIN GROUP (ORDER BY y) as PostgreSQL has it."""
    call, order = node.this, node.expression
    if not isinstance(call, exp.Anonymous) or call.name != "string_agg":
        raise Refused("WITHIN GROUP")
    last = call.expressions[-1].copy()
    ordered = exp.Order(this=last, expressions=order.expressions)
    return exp.Anonymous(this="string_agg", expressions=[*call.expressions[:-1], ordered])
