"""sp_describe_undeclared_parameters and sp_describe_first_result_set.

A parameter has the type of the column that it is stored in or compared with, else what PostgreSQL
infers for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqlglot import exp

from tests.support.tds.errors import Refused
from tests.support.tds.lexer import tokens
from tests.support.tds.prepare import Prepared, prepare
from tests.support.tds.template import identifier, quoted
from tests.support.tds.translate import parse_tree

if TYPE_CHECKING:
    from tests.support.tds.interpreter import Interpreter


def undeclared(interpreter: Interpreter, text: str) -> str:
    """A query that answers for a statement's undeclared parameters."""
    prepared = prepare(tokens(text.strip().rstrip(";")))
    tree = parse_tree(prepared)
    tables = [
        f"{identifier(table.db or 'dbo')}.{identifier(table.name)}"
        for table in tree.find_all(exp.Table)
        if table.db.lower() != "sys"
    ]
    rows = []
    for number, (variable, column) in enumerate(_parameters(tree, prepared, interpreter), 1):
        rows.append(f"({number}, {quoted(variable)}, {quoted(column)})")
    if not rows:
        return f"{_SHAPE} WHERE false"
    listed = ", ".join(f"to_regclass({quoted(table)})::oid" for table in tables) or "NULL::oid"
    return _SHAPE.format(rows=", ".join(rows), tables=listed)


_SHAPE = """
SELECT p.ordinal AS parameter_ordinal, p.name::tds.nvarchar(128) AS name,
  coalesce(c.system_type_id, 231) AS suggested_system_type_id,
  (CASE WHEN c.type_name IS NULL THEN 'nvarchar(4000)'
    WHEN c.max_length = -1 AND c.family IN ('utf16', 'bytes') THEN c.type_name || '(max)'
    WHEN c.family = 'utf16' THEN format('%s(%s)', c.type_name, c.max_length / 2)
    WHEN c.family = 'bytes' THEN format('%s(%s)', c.type_name, c.max_length)
    WHEN c.type_name = 'decimal' THEN format('decimal(%s,%s)', c.precision, c.scale)
    WHEN c.type_name IN ('time', 'datetime2', 'datetimeoffset') THEN format('%s(%s)', c.type_name, c.scale)
    ELSE c.type_name END)::tds.nvarchar(256) AS suggested_system_type_name,
  coalesce(c.max_length, 8000)::int2 AS suggested_max_length,
  coalesce(c.precision, 0)::tds.tinyint AS suggested_precision,
  coalesce(c.scale, 0)::tds.tinyint AS suggested_scale, NULL::int AS suggested_user_type_id,
  NULL::tds.nvarchar(128) AS suggested_user_type_database, NULL::tds.nvarchar(128) AS suggested_user_type_schema,
  NULL::tds.nvarchar(128) AS suggested_user_type_name, NULL::tds.nvarchar(4000) AS suggested_assembly_qualified_type_name,
  NULL::int AS suggested_xml_collection_id, NULL::tds.nvarchar(128) AS suggested_xml_collection_database,
  NULL::tds.nvarchar(128) AS suggested_xml_collection_schema, NULL::tds.nvarchar(128) AS suggested_xml_collection_name,
  false AS suggested_is_xml_document, false AS suggested_is_case_sensitive,
  false AS suggested_is_fixed_length_clr_type, true AS suggested_is_input, false AS suggested_is_output,
  NULL::tds.nvarchar(128) AS formal_parameter_name, NULL::int AS suggested_tds_type_id, NULL::int AS suggested_tds_length
FROM (VALUES {rows}) AS p (ordinal, name, column_name)
LEFT JOIN LATERAL (SELECT * FROM (SELECT *, '#' || row_number() OVER (PARTITION BY attrelid ORDER BY
    attidentity <> '' OR attgenerated <> '', attnum) AS place FROM tds.typed_columns WHERE attrelid IN ({tables})) c
  WHERE p.column_name IN (c.attname, c.place) ORDER BY array_position(ARRAY[{tables}], c.attrelid) LIMIT 1) c ON true
ORDER BY 1
"""


def _parameters(
    tree: exp.Expression, prepared: Prepared, interpreter: Interpreter
) -> Iterator[tuple[str, str]]:
    """Each undeclared variable once, with the column it belongs to ('' where none is seen)."""
    seen: dict[str, str] = {}
    for node in tree.find_all(exp.Parameter, bfs=False):
        value = prepared.values[int(node.name.removeprefix("k"))]
        if isinstance(value, str) and not value.startswith("@@") and value not in interpreter.scope:
            seen[value] = seen.get(value) or _column(node)
    order = [value for value in prepared.values if isinstance(value, str)]
    for variable in dict.fromkeys(order):
        if variable in seen:
            yield variable, seen[variable]


def _column(node: exp.Expression) -> str:
    """The column that a parameter is stored in (``#n``: the n-th) or compared with."""
    parent = node.parent
    insert = node.find_ancestor(exp.Insert)
    if insert is not None and isinstance(parent, exp.Tuple | exp.Select):
        if isinstance(parent, exp.Select) and parent is not insert.expression:
            return ""
        places = [at for at, one in enumerate(parent.expressions) if one is node]
        target = insert.this
        if not places:
            return ""
        named = target.expressions if isinstance(target, exp.Schema) else None
        return f"#{places[0] + 1}" if named is None else named[places[0]].name
    if isinstance(parent, exp.Binary):
        columns = [one for one in (parent.this, parent.expression) if isinstance(one, exp.Column)]
        return columns[0].name if columns else ""
    if isinstance(parent, exp.Between | exp.In) and isinstance(parent.this, exp.Column):
        return parent.this.name
    return ""


def first_result(interpreter: Interpreter, text: str) -> str:
    """Refused until a driver is seen to ask for it.

    Raises:
        Refused: always.
    """
    del interpreter
    raise Refused(f"sp_describe_first_result_set of {text[:60]}")
