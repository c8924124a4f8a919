"""SELECT, INSERT, UPDATE and DELETE of T-SQL, for PostgreSQL. Pure: no database is asked.

sqlglot parses; what it reads is checked and rewritten here node by node, and what is not known
is refused by name. ``dml`` has the shapes of whole statements.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlglot
from sqlglot import exp

from tests.support.tds import functions
from tests.support.tds.dialect import PlainTsql, SlotPostgres
from tests.support.tds.errors import Refused, SqlError
from tests.support.tds.expressions import (
    average,
    call,
    cast,
    from_session,
    of_moments,
    within_group,
)
from tests.support.tds.prepare import Prepared

UNNAMED = "?column?"
"""PostgreSQL's name for a column without one; it goes out as ''."""
REFUSED = (
    exp.Command,
    exp.Into,
    exp.Pivot,
    exp.TableSample,
    exp.Merge,
    exp.CurrentTimestamp,
    exp.ScopeResolution,
    exp.Cast,
    exp.Lateral,
)


@dataclass(frozen=True, slots=True)
class Context:
    """What names mean: the database served, and the common table expressions of the statement."""

    database: str
    ctes: frozenset[str]


def parse_tree(prepared: Prepared) -> exp.Expression:
    """One statement as sqlglot reads it.

    Raises:
        SqlError: it is no statement that sqlglot reads.
    """
    try:
        trees = sqlglot.parse(prepared.text, read=PlainTsql)
    except sqlglot.errors.SqlglotError as error:
        near = error.errors[0].get("highlight") if getattr(error, "errors", None) else None
        raise SqlError(102, f"Incorrect syntax near '{near or prepared.text[:60]}'.") from None
    if len(trees) != 1 or trees[0] is None:
        raise Refused(prepared.text[:80])
    return trees[0]


def generate(tree: exp.Expression) -> str:
    """The SQL of a rewritten tree.

    Raises:
        Refused: sqlglot cannot say it in PostgreSQL's words.
    """
    try:
        return tree.sql(SlotPostgres, identify=True, unsupported_level=sqlglot.ErrorLevel.RAISE)
    except sqlglot.errors.UnsupportedError as error:
        raise Refused(str(error)) from None


def rewrite(tree: exp.Expression, prepared: Prepared, context: Context) -> exp.Expression:
    """Every node below ``tree`` in PostgreSQL's words; ``tree`` itself is returned."""
    for node in list(tree.walk(bfs=False))[::-1]:
        if isinstance(node, REFUSED):
            raise Refused(type(node).__name__.upper())
        new = _node(node, prepared, context)
        if new is not node:
            if node is tree:
                return new
            node.replace(new)
    return tree


def _node(node: exp.Expression, prepared: Prepared, context: Context) -> exp.Expression:
    match node:
        case exp.Table():
            return _table(node, context)
        case exp.Anonymous():
            return _function(node, prepared)
        case exp.Parameter():
            mark = "t" if _wants_type(node) else ""
            return exp.Parameter(this=exp.var(node.name.removeprefix("k") + mark))
        case exp.WithinGroup():
            return within_group(node)
        case exp.Limit() | exp.Fetch():
            options = node.args.get("limit_options")
            if options and (options.args.get("percent") or options.args.get("with_ties")):
                raise Refused("TOP PERCENT and WITH TIES")
    return _small(node)


def _small(node: exp.Expression) -> exp.Expression:
    """DEFAULT among values, COLLATE, LIKE without an escape."""
    match node:
        case exp.Column() if node.name.upper() == "DEFAULT" and not node.this.args.get("quoted"):
            return exp.var("DEFAULT")
        case exp.Collate():
            name = node.expression.name
            return exp.Collate(this=node.this, expression=exp.var(f'tds."{name}"'))
        case exp.Like() if not isinstance(node.parent, exp.Escape):
            return exp.Escape(this=node.copy(), expression=exp.Literal.string(""))
    return node


def _wants_type(node: exp.Parameter) -> bool:
    """Whether a string here must say that it is one: arguments, sums, and results."""
    parent = node.parent
    while isinstance(parent, exp.Paren | exp.Alias):
        parent = parent.parent
    if isinstance(parent, exp.Anonymous):
        return parent.name.lower() not in functions.UNTYPED
    if isinstance(parent, exp.Select):
        return parent.parent is None and node.arg_key != "limit"
    return isinstance(parent, exp.Add)


def _table(node: exp.Table, context: Context) -> exp.Expression:
    if not isinstance(node.this, exp.Identifier):
        raise Refused("a function in FROM")
    name, schema, database = node.name, node.db, node.catalog
    if database and database.lower() not in {context.database.lower(), "tempdb"}:
        raise SqlError(208, f"Invalid object name '{database}.{schema}.{name}'.")
    node.set("catalog", None)
    if node.this.args.get("temporary") or name.startswith("#"):
        node.set("this", exp.to_identifier("#" + name.lstrip("#"), quoted=True))
        node.set("db", exp.to_identifier("pg_temp"))
    elif schema.lower() == "sys":
        node.set("this", exp.to_identifier(name.lower(), quoted=True))
        node.set("db", exp.to_identifier("sys"))
    elif schema.lower() == "information_schema":
        node.set("this", exp.to_identifier(name.upper(), quoted=True))
        node.set("db", exp.to_identifier("INFORMATION_SCHEMA", quoted=True))
    elif not schema and name.lower() not in context.ctes:
        node.set("db", exp.to_identifier("dbo"))
    return node


def _function(node: exp.Anonymous, prepared: Prepared) -> exp.Expression:
    name = node.name.lower()
    arguments = node.expressions
    if isinstance(node.parent, exp.Dot):
        raise Refused(f"{node.parent.sql(PlainTsql)[:60]}: methods and functions of a schema")
    special = _special(node, name, arguments, prepared)
    if special is not None:
        return special
    if name in functions.SAME:
        return call(name, *arguments)
    if name in functions.OWN:
        return call(f"tds.{name}", *arguments)
    if name in functions.RENAMED:
        return call(functions.RENAMED[name], *arguments)
    raise SqlError(195, f"'{node.name}' is not a function that the TDS test server serves.")


def _special(
    node: exp.Anonymous, name: str, arguments: list[exp.Expression], prepared: Prepared
) -> exp.Expression | None:
    """Functions that are more than another name."""
    if name == "tds_cast":
        return cast(arguments, prepared)
    if name == "iif" and len(arguments) == 3:
        return exp.Case(ifs=[exp.If(this=arguments[0], true=arguments[1])], default=arguments[2])
    if name in {"year", "month", "day"}:
        moments = [call("tds.to_timestamp", moment) for moment in arguments]
        return call("tds.datepart", exp.Literal.string(name), *moments)
    if name == "avg":
        return average(node)
    if name in functions.SESSION:
        return from_session(name, arguments, prepared)
    if name in functions.PARTS_FIRST and arguments:
        return of_moments(name, arguments)
    return None
