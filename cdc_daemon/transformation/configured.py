"""Rules as they are configured, made into a pipeline, and bound to a table.

Fail closed: a rule of a table's own that is for none of its columns is a mistake, since what it
was meant for would land in clear. A rule for many tables may be for no column of one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from cdc_daemon.errors import ConfigError, RulesDoNotFit
from cdc_daemon.model.secret import SecretRef
from cdc_daemon.model.table import RuleSpec, Strategy, TableSpec
from cdc_daemon.schema.table import SourceTable
from cdc_daemon.transformation.options import checked
from cdc_daemon.transformation.plugins import NO_PLUGINS, Plugins
from cdc_daemon.transformation.presets import create_gdpr_pipeline, create_pii_pipeline
from cdc_daemon.transformation.registry import KINDS, build
from cdc_daemon.transformation.resolve import resolve
from cdc_daemon.transformation.resolved import Resolved
from cdc_daemon.transformation.rules import Rule
from cdc_daemon.transformation.structure import RowFilter
from cdc_daemon.transformation.suggest import unknown

Secret = Callable[[SecretRef], str]
PRESETS = {"pii": create_pii_pipeline, "gdpr": create_gdpr_pipeline}
_PRESET_OPTIONS = tuple(
    option for option in KINDS["hash"].options if option.name in {"key", "key_version", "salt"}
)


@dataclass(frozen=True, slots=True)
class Made:
    """What became of one configured rule."""

    spec: RuleSpec
    rules: tuple[Rule, ...] = ()
    filters: tuple[RowFilter, ...] = ()


@dataclass(frozen=True, slots=True)
class TableRules:
    """A table's rules in their order."""

    made: tuple[Made, ...] = ()

    def bind(self, spec: TableSpec, table: SourceTable) -> Resolved:
        """The rules for ``table``, as its catalog is now.

        Raises:
            RulesDoNotFit: with everything that is wrong.
        """
        resolved, issues = self.judge(spec, table)
        if issues:
            raise RulesDoNotFit("\n".join(f"{spec.id}: {issue}" for issue in issues))
        return resolved

    def judge(self, spec: TableSpec, table: SourceTable) -> tuple[Resolved, tuple[str, ...]]:
        """The same, and what forbids to use it."""
        names = table.by_name
        rules = [
            rule
            for made in self.made
            for rule in made.rules
            if not made.spec.shared or rule.column is None or rule.column in names
        ]
        resolved = resolve(rules, [one for made in self.made for one in made.filters], table)
        told = (*resolved.broken, *resolved.refused.values())
        issues = [*told, *self._absent(table), *self._idle(table)]
        if resolved.transformed_key and spec.strategy is not Strategy.FULL:
            named = ", ".join(resolved.transformed_key)
            issues.append(f"key column {named} is transformed: that takes the strategy full")
        return resolved, tuple(issues)

    def _absent(self, table: SourceTable) -> Iterator[str]:
        """Rules of its own for a column that it does not have, by the place of the rule."""
        names = table.by_name
        for made in self.made:
            name = made.spec.column
            if name is not None and name not in names and not made.spec.shared:
                yield f"the rule at {made.spec.origin}: {unknown(name, names, 'column')}"

    def _idle(self, table: SourceTable) -> Iterator[str]:
        """Rules of its own that are for no column, though one may have the name."""
        for made in self.made:
            absent = made.spec.column is not None and made.spec.column not in table.by_name
            told = absent or not made.rules or made.spec.shared
            if told or any(rule.hits(one) for rule in made.rules for one in table.columns):
                continue
            yield f"the rule at {made.spec.origin} is for no column of the table"


NO_RULES = TableRules()


def built(
    specs: Iterable[RuleSpec], secret: Secret, plugins: Plugins = NO_PLUGINS
) -> tuple[TableRules, tuple[tuple[RuleSpec, str], ...]]:
    """The rules, and what is wrong with which of them; no issue quotes an option's value."""
    made: list[Made] = []
    issues: list[tuple[RuleSpec, str]] = []
    for spec in specs:
        try:
            made.append(_made(spec, secret, plugins))
        except ConfigError as error:
            issues += [(spec, issue) for issue in error.issues]
    return TableRules(tuple(made)), tuple(issues)


def _made(spec: RuleSpec, secret: Secret, plugins: Plugins) -> Made:
    options = {name: _revealed(value, secret) for name, value in spec.options.items()}
    if spec.use in PRESETS:
        return Made(spec, _preset(spec, options))
    action = build(spec.use, options, plugins)
    if isinstance(action, RowFilter):
        if spec.column or spec.pattern or spec.types:
            raise ConfigError(["filter: it is for rows; name columns in `keep`"])
        return Made(spec, filters=(action,))
    rule = Rule(
        action=action,
        column=spec.column,
        pattern=spec.pattern,
        types=spec.types,
        case_sensitive=spec.case_sensitive,
    )
    return Made(spec, (rule,))


def _preset(spec: RuleSpec, options: Mapping[str, Any]) -> tuple[Rule, ...]:
    if spec.column or spec.pattern:
        raise ConfigError([f"{spec.use}: it finds its columns by their names"])
    checked(spec.use, _PRESET_OPTIONS, options)
    key = options.get("key")
    pipeline = PRESETS[spec.use](
        options.get("salt"),
        key=key.encode() if isinstance(key, str) else key,
        key_version=options.get("key_version", ""),
    )
    if not spec.types:
        return pipeline.rules
    # a rule that names no type is for all of them: so it must not come to name none
    narrowed = [(rule, (rule.types or spec.types) & spec.types) for rule in pipeline.rules]
    if not any(types for _, types in narrowed):
        raise ConfigError([f"{spec.use}: it is for no column of type {_or(spec.types)}"])
    return tuple(replace(rule, types=types) for rule, types in narrowed if types)


def _or(types: Iterable[str]) -> str:
    return " or ".join(sorted(types))


def _revealed(value: Any, secret: Secret) -> Any:  # noqa: ANN401 - what configuration holds
    """Secrets in place of references, however deep (``when`` holds transformers)."""
    if isinstance(value, SecretRef):
        return secret(value)
    if isinstance(value, Mapping):
        return {name: _revealed(each, secret) for name, each in value.items()}
    if isinstance(value, tuple):
        return tuple(_revealed(each, secret) for each in value)
    return value
