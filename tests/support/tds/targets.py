"""The target of UPDATE and DELETE: found among the tables of FROM, and set apart from them."""

from __future__ import annotations

from sqlglot import exp

from tests.support.tds.errors import Refused

OWN_TARGET = "tds_target"


def locate(
    target: exp.Table, source: exp.Expression
) -> tuple[exp.Expression | None, list[exp.Expression]] | None:
    """Finds the target among the tables of FROM, and makes it the table that is named there.

    Returns:
        The other tables and the conditions that join them; None when it is not among them.
    """
    joins = list(source.args.get("joins") or ())
    tables = [source, *(join.this for join in joins)]
    places = [at for at, one in enumerate(tables) if _same(target, one)]
    if not places:
        return None
    named = tables[places[0]]
    if not isinstance(named, exp.Table):
        raise Refused("UPDATE or DELETE of a derived table")
    simple = all(
        not join.args.get("side")
        and (join.args.get("kind") or "INNER") in {"INNER", "CROSS"}
        and not join.args.get("using")
        for join in joins
    )
    if simple:
        return _taken_out(target, tables, places[0], joins)
    real = exp.Table(
        this=named.this.copy(), db=named.args.get("db"), catalog=named.args.get("catalog")
    )
    alias = named.alias_or_name
    _become(target, real, OWN_TARGET)
    same_row = exp.EQ(
        this=exp.column("ctid", table=OWN_TARGET), expression=exp.column("ctid", table=alias)
    )
    return source, [same_row]


def _taken_out(
    target: exp.Table, tables: list[exp.Expression], place: int, joins: list[exp.Join]
) -> tuple[exp.Expression | None, list[exp.Expression]]:
    named = tables.pop(place)
    conditions = [join.args["on"] for join in joins if join.args.get("on") is not None]
    for table in [named, *tables]:
        table.set("joins", None)
    _become(target, named, named.alias)
    if not tables:
        return None, conditions
    first, *rest = tables
    first.set("joins", [exp.Join(this=table, kind="CROSS") for table in rest])
    return first, conditions


def _become(target: exp.Table, real: exp.Expression, alias: str) -> None:
    for part in ("this", "db", "catalog"):
        target.set(part, real.args.get(part))
    target.set("joins", None)
    target.set(
        "alias", exp.TableAlias(this=exp.to_identifier(alias, quoted=True)) if alias else None
    )


def _same(target: exp.Table, table: exp.Expression) -> bool:
    """Whether a table of FROM is the target: by its alias, or by its name."""
    if table.alias:
        return not target.db and table.alias.lower() == target.name.lower()
    return (
        isinstance(table, exp.Table)
        and table.name.lower() == target.name.lower()
        and (not target.db or not table.db or target.db.lower() == table.db.lower())
    )


def narrow(tree: exp.Expression, conditions: list[exp.Expression]) -> None:
    """Adds conditions to a statement's WHERE."""
    where = tree.args.get("where")
    every = [*conditions, *([where.this] if where is not None else [])]
    if every:
        tree.set("where", exp.Where(this=exp.and_(*every, copy=False)))
