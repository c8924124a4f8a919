"""Rules of transformation against the tables they are for: what fits, and what is for nothing.

Pure. Fail closed: a rule that is for no column of any table is told, since what it was meant for
lands in clear. Law 9: what is told names columns and rules, never a value.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from cdc_daemon.model.table import RuleSpec, TableId, TableSpec
from cdc_daemon.schema.table import SourceTable
from cdc_daemon.transformation.configured import Made, TableRules


@dataclass(frozen=True, slots=True)
class Fit:
    """What one table has to say of its rules."""

    issues: tuple[str, ...] = ()
    used: frozenset[RuleSpec] = frozenset()
    """Shared rules that are for some column of it."""


def fit(spec: TableSpec, rules: TableRules, table: SourceTable) -> Fit:
    """Whether the rules may be used for ``table``, as its catalog is now."""
    _, issues = rules.judge(spec, table)
    used = (made.spec for made in rules.made if made.spec.shared and _is_used(made, table))
    return Fit(issues, frozenset(used))


def idle(specs: Iterable[TableSpec], known: Mapping[TableId, Fit]) -> Iterator[RuleSpec]:
    """Shared rules that are for no column of any table; where one is unknown, nobody can say."""
    of_rule: dict[RuleSpec, list[TableId]] = {}
    for spec in specs:
        for rule in spec.rules:
            if rule.shared and _names_columns(rule):
                of_rule.setdefault(rule, []).append(spec.id)
    for rule, tables in of_rule.items():
        if all(table in known and rule not in known[table].used for table in tables):
            yield rule


def idle_issue(rule: RuleSpec) -> str:
    """The sentence about a rule that is ``idle``."""
    return f"the rule at {rule.origin} is for no column of any table"


def _names_columns(rule: RuleSpec) -> bool:
    return bool(rule.column or rule.pattern or rule.types)


def _is_used(made: Made, table: SourceTable) -> bool:
    return any(rule.hits(column) for rule in made.rules for column in table.columns)
