"""Whether a rule of transformation can be built, told before anything runs.

The rule is really built, with a placeholder for secrets that are kept elsewhere. Imported where
there is a rule: nobody else pays for what it needs. Law 9: no issue quotes a secret.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from cdc_daemon.model.secret import SecretKind, SecretRef
from cdc_daemon.model.table import RuleSpec
from cdc_daemon.settings.issues import did_you_mean
from cdc_daemon.settings.node import Loc
from cdc_daemon.transformation.configured import PRESETS, Made, built
from cdc_daemon.transformation.plugins import NO_PLUGINS, Plugins
from cdc_daemon.transformation.registry import KINDS
from cdc_daemon.transformation.rules import TYPES
from cdc_daemon.transformation.tables import kinds_of, references, without

PLACEHOLDER = "a secret that is kept elsewhere"
_FOR_ROWS = frozenset({"filter", *PRESETS})
"""What finds its columns by itself, or needs none."""
_ANY_COLUMN = "column"


@dataclass(frozen=True, slots=True)
class Wrong:
    """What is wrong with one key of a rule, or with the rule (no ``loc``)."""

    loc: Loc
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A rule's issues and, where it has none, what should not stay as it is."""

    wrong: tuple[Wrong, ...]
    warnings: tuple[str, ...] = ()


def judged(spec: RuleSpec, installed: Callable[[], Plugins]) -> Judged:
    """All that is wrong with the rule itself, whatever tables it is for."""
    plain = {*KINDS, *PRESETS}
    plugins = NO_PLUGINS if plain.issuperset(kinds_of(spec)) else installed()
    known = {*plain, *plugins.kinds, *plugins.issues}
    wrong = [*_names(spec), *_types(spec)]
    if spec.use not in known:
        remedy = did_you_mean(spec.use, known)
        return Judged((Wrong(("use",), f"there is no transformer '{spec.use}'", remedy), *wrong))
    wrong += _columns(spec)
    made, issues = _built(_mended(spec), plugins)
    told = [Wrong((), issue, "correct the rule") for issue in issues]
    actions = [rule.action for one in made for rule in one.rules]
    warnings = dict.fromkeys(w for action in actions if (w := getattr(action, "warns", None)))
    return Judged((*told, *wrong), tuple(warnings))


def _names(spec: RuleSpec) -> Iterator[Wrong]:
    if spec.column is not None and spec.pattern is not None:
        yield Wrong(("pattern",), "stands beside column", "keep one of them")
    if spec.pattern is not None:
        try:
            re.compile(spec.pattern)
        except (re.error, OverflowError, RecursionError):
            yield Wrong(("pattern",), "is no regular expression", "see Python's `re`")


def _columns(spec: RuleSpec) -> Iterator[Wrong]:
    """Columns where there must be some, and where there must be none."""
    given = [name for name in ("column", "pattern") if getattr(spec, name) is not None]
    if spec.use == "filter":
        given += ["types"] if spec.types else []
        why, remedy = "filter is for rows", "name columns in `keep`"
    else:
        why, remedy = f"{spec.use} finds its columns by their names", "narrow it by `types`"
    if spec.use in _FOR_ROWS:
        yield from (Wrong((name,), why, remedy) for name in given)
    elif not given and not spec.types:
        yield Wrong((), "is for no column", "add column, pattern or types")


def _types(spec: RuleSpec) -> Iterator[Wrong]:
    for name in sorted(spec.types - set(TYPES)):
        yield Wrong(("types",), f"there is no type '{name}'", did_you_mean(name, TYPES))


def _mended(spec: RuleSpec) -> RuleSpec:
    """Without what was told before, so that all else is judged, too."""
    types = frozenset() if spec.use == "filter" else spec.types & set(TYPES)
    column = None if spec.use in _FOR_ROWS else _ANY_COLUMN
    return replace(spec, types=types, column=column, pattern=None)


def _built(spec: RuleSpec, plugins: Plugins) -> tuple[tuple[Made, ...], tuple[str, ...]]:
    rules, issues = built((spec,), _revealed, plugins)
    secrets = [one.locator for one in references(spec.options) if one.kind is SecretKind.PLAIN]
    return rules.made, tuple(without(text, secrets) for _, text in issues)


def _revealed(reference: SecretRef) -> str:
    """A plain secret is judged as it is: it may be too short."""
    return reference.locator if reference.kind is SecretKind.PLAIN else PLACEHOLDER
