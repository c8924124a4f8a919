"""Whole SELECT, INSERT, UPDATE and DELETE statements in PostgreSQL's shapes.

UPDATE and DELETE name their target among the tables of FROM in T-SQL, and outside it in
PostgreSQL. Where the joins are inner ones the target is taken out of FROM, else it is joined to
itself by ctid. UPDLOCK and XLOCK become FOR UPDATE where one table is read, TABLOCKX becomes LOCK
TABLE. An INSERT that looks under UPDLOCK, HOLDLOCK whether its row is there waits for whoever
inserts it: ON CONFLICT DO NOTHING. Other hints change nothing. Equality and unique indexes tell case
and trailing spaces apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlglot import exp

from tests.support.tds.errors import Refused, SqlError
from tests.support.tds.lexer import Token, tokens
from tests.support.tds.prepare import Prepared, prepare
from tests.support.tds.targets import locate, narrow
from tests.support.tds.template import Template, template
from tests.support.tds.translate import UNNAMED, Context, generate, parse_tree, rewrite

AGGREGATES = frozenset({"count", "count_big", "sum", "avg", "min", "max", "string_agg"})


@dataclass(frozen=True, slots=True)
class Statement:
    """One translated statement; ``lock``: tables to lock before it, within a transaction."""

    template: Template
    lock: tuple[str, ...] = ()
    reads: bool = False


def translate(parts: Sequence[Token], database: str) -> Statement:
    """A statement of T-SQL for PostgreSQL.

    Raises:
        Refused: something in it is not served.
        SqlError: it is not T-SQL.
    """
    prepared = prepare(parts)
    tree = parse_tree(prepared)
    ctes = frozenset(cte.alias.lower() for cte in tree.find_all(exp.CTE))
    context = Context(database, ctes)
    _shape(tree, prepared)
    locks: tuple[str, ...] = ()
    if isinstance(tree, exp.Query):
        _lock_rows(tree, prepared)
    tree = rewrite(tree, prepared, context)
    if "TABLOCKX" in prepared.hints:
        locks = tuple(_plain_name(table) for table in tree.find_all(exp.Table) if table.db)
    if isinstance(tree, exp.Query):
        _name_columns(tree)
    reads = isinstance(tree, exp.Query)
    return Statement(template(generate(tree), prepared.values), locks, reads)


def expression(parts: Sequence[Token], database: str) -> str:
    """A scalar expression, as a DEFAULT or CHECK has it, without variables."""

    def unknown(name: str) -> None:
        raise SqlError(137, f'Must declare the scalar variable "{name}".')

    select = [*tokens("SELECT"), *parts]
    prepared = prepare(select)
    tree = rewrite(parse_tree(prepared), prepared, Context(database, frozenset()))
    if not isinstance(tree, exp.Select) or len(tree.expressions) != 1:
        raise Refused("an expression of several columns")
    made = template(generate(tree.expressions[0]), prepared.values)
    untyped = replace(made, slots=tuple(replace(slot, typed=False) for slot in made.slots))
    return untyped.fill(unknown)  # type: ignore[arg-type]


def _shape(tree: exp.Expression, prepared: Prepared) -> None:
    match tree:
        case exp.Update():
            _update(tree)
        case exp.Delete():
            _delete(tree)
        case exp.Insert() | exp.Select() | exp.SetOperation() | exp.Subquery():
            pass
        case _:
            raise Refused(type(tree).__name__.upper())
    if prepared.top:
        _limit(tree, prepared)
    if prepared.output:
        tree.set("returning", _returning(prepared))
    if isinstance(tree, exp.Insert) and prepared.hints >= {"UPDLOCK", "HOLDLOCK"}:
        tree.set("conflict", exp.OnConflict(action=exp.var("DO NOTHING")))


def _update(tree: exp.Update) -> None:
    for assignment in tree.expressions:
        if not isinstance(assignment, exp.EQ) or not isinstance(assignment.this, exp.Column):
            raise Refused("an assignment of this form in UPDATE")
        assignment.this.set("table", None)
        assignment.this.set("db", None)
    source = tree.args.get("from_")
    if source is None:
        return
    found = locate(tree.this, source.this)
    if found is None:
        return
    others, conditions = found
    tree.set("from_", exp.From(this=others) if others is not None else None)
    narrow(tree, conditions)


def _delete(tree: exp.Delete) -> None:
    targets = tree.args.get("tables")
    if not targets:
        return
    source = tree.this
    target = targets[0]
    tree.set("tables", None)
    tree.set("this", target)
    found = locate(target, source)
    if found is None:
        tree.set("using", [source])
        return
    others, conditions = found
    tree.set("using", [others] if others is not None else None)
    narrow(tree, conditions)


def _limit(tree: exp.Expression, prepared: Prepared) -> None:
    """UPDATE TOP (n) and DELETE TOP (n) of one table."""
    if tree.args.get("from_") is not None or tree.args.get("using"):
        raise Refused("TOP in an UPDATE or DELETE with FROM")
    table = tree.this.copy()
    table.set("joins", None)
    some = exp.Select(expressions=[exp.column("ctid")]).from_(table)
    if tree.args.get("where") is not None:
        some.set("where", tree.args["where"].copy())
    count = parse_tree(Prepared(text=f"SELECT {prepared.top}")).expressions[0]
    some.set("limit", exp.Limit(expression=count))
    tree.set(
        "where", exp.Where(this=exp.In(this=exp.column("ctid"), query=exp.Subquery(this=some)))
    )


def _returning(prepared: Prepared) -> exp.Returning:
    """OUTPUT: INSERTED is PostgreSQL's ``new``, DELETED is ``old``."""
    tree = parse_tree(Prepared(text=f"SELECT {prepared.output}"))
    for column in tree.find_all(exp.Column):
        side = {"inserted": "new", "deleted": "old"}.get(column.table.lower())
        if side is None:
            raise Refused(f"OUTPUT {column.sql()}")
        column.set("table", exp.to_identifier(side))
    return exp.Returning(expressions=[one.copy() for one in tree.expressions])


def _lock_rows(tree: exp.Query, prepared: Prepared) -> None:
    called = {node.name.lower() for node in tree.find_all(exp.Anonymous)}
    one_table = (
        isinstance(tree, exp.Select) and tree.args.get("from_") and not tree.args.get("joins")
    )
    grouped = tree.args.get("group") or tree.args.get("distinct") or called & AGGREGATES
    if prepared.hints & {"UPDLOCK", "XLOCK"} and one_table and not grouped:
        tree.set(
            "locks", [exp.Lock(update=True, wait=False if "READPAST" in prepared.hints else None)]
        )


def _plain_name(table: exp.Table) -> str:
    return exp.Table(this=table.this.copy(), db=table.args["db"].copy()).sql(
        "postgres", identify=True
    )


def _name_columns(tree: exp.Query) -> None:
    """Columns without a name go out without one: PostgreSQL would make one up."""
    select = tree
    while isinstance(select, exp.SetOperation | exp.Subquery):
        select = select.this
    for at, column in enumerate(select.expressions):
        if not isinstance(column, exp.Column | exp.Alias | exp.Star):
            named = exp.Alias(this=column, alias=exp.to_identifier(UNNAMED, quoted=True))
            select.expressions[at] = named
            select.set("expressions", select.expressions)
