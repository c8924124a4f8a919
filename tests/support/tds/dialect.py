"""sqlglot's T-SQL, kept from being clever: functions stay calls of their names.

sqlglot's own parser turns many functions into nodes of its own that lose what T-SQL said. Here
every function but the predicates stays ``Anonymous``; ``functions`` decides which are served.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.postgres import Postgres
from sqlglot.dialects.tsql import TSQL

SLOT = "\x01{}\x02"
"""Where a value goes in a statement for PostgreSQL: see ``template``."""


class PlainTsql(TSQL):
    """T-SQL whose functions are not interpreted."""

    class Parser(TSQL.Parser):  # type: ignore[name-defined,misc]
        """Of T-SQL, without its functions."""

        FUNCTIONS: ClassVar[dict[str, Any]] = {}
        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {}
        NO_PAREN_FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            name: parser
            for name, parser in TSQL.Parser.NO_PAREN_FUNCTION_PARSERS.items()
            if name == "CASE"
        }


class SlotPostgres(Postgres):
    """PostgreSQL whose parameters are slots."""

    class Generator(Postgres.Generator):  # type: ignore[name-defined,misc]
        """Of PostgreSQL, with slots."""

        def parameter_sql(self, expression: exp.Parameter) -> str:
            return SLOT.format(expression.name)

        def anonymous_sql(self, expression: exp.Anonymous) -> str:
            """The name as it is written: ``functions`` has made it lower case and qualified."""
            arguments = self.expressions(expression, flat=True)
            return f"{expression.name}({arguments})"
