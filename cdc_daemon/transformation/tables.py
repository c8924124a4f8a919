"""The rules of every table, built with the secrets they name.

Rules that many tables share are built once, and a secret is fetched once, however many rules name
it. Law 9: no issue quotes a secret, whatever a plug-in says of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from cdc_daemon.errors import SecretError
from cdc_daemon.model.secret import SecretRef
from cdc_daemon.model.table import RuleSpec, TableId, TableSpec
from cdc_daemon.transformation.configured import PRESETS, Made, Secret, TableRules, built
from cdc_daemon.transformation.plugins import NO_PLUGINS, Plugins, load_plugins
from cdc_daemon.transformation.registry import KINDS

HIDDEN = "<secret>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Of all tables; where anything is ``missing`` or ``refused``, of none (fail closed)."""

    of: Mapping[TableId, TableRules] = field(default_factory=dict)
    """Tables that have rules."""
    missing: tuple[str, ...] = ()
    """Secrets that cannot be fetched, each with the first rule that names it."""
    refused: tuple[str, ...] = ()
    """Rules that cannot be built, a secret that is too short among them."""

    @property
    def issues(self) -> tuple[str, ...]:
        """All that forbids to use them."""
        return (*self.missing, *self.refused)


def rules_of_tables(tables: Sequence[TableSpec], secret: Secret) -> Rules:
    """The rules of ``tables`` with every issue; plug-ins are loaded where one is named."""
    specs = {id(spec): spec for table in tables for spec in table.rules}
    secrets, missing = _fetched(specs.values(), secret)
    plugins = plugins_for(chain.from_iterable(map(kinds_of, specs.values())))
    made: dict[int, tuple[Made, ...]] = {}
    refused: list[str] = []
    for number, spec in specs.items():
        if secrets.keys() >= set(references(spec.options)):
            rules, issues = built((spec,), secrets.__getitem__, plugins)
            made[number] = rules.made
            refused += [f"{spec.origin}: {without(text, secrets.values())}" for _, text in issues]
    if missing or refused:
        return Rules(missing=missing, refused=tuple(refused))
    return Rules(of=_composed(tables, made))


def references(written: object) -> Iterator[SecretRef]:
    """The secrets that options name, however deep."""
    if isinstance(written, SecretRef):
        yield written
    elif isinstance(written, Mapping):
        for each in written.values():
            yield from references(each)
    elif isinstance(written, tuple):
        for each in written:
            yield from references(each)


def kinds_of(spec: RuleSpec) -> Iterator[str]:
    """The transformer that the rule uses, and those in its branches."""
    yield spec.use
    yield from _inner_kinds(spec.options)


def plugins_for(kinds: Iterable[str]) -> Plugins:
    """Those that are installed, where one of ``kinds`` may be of them."""
    return NO_PLUGINS if {*KINDS, *PRESETS}.issuperset(kinds) else load_plugins()


def without(text: str, secrets: Iterable[str]) -> str:
    """``text``, in which no secret stands."""
    for value in sorted(set(filter(None, secrets)), key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    return text


def _inner_kinds(written: object) -> Iterator[str]:
    if not isinstance(written, Mapping):
        return
    for name in ("then", "else"):
        inner = written.get(name)
        if isinstance(inner, Mapping):
            yield str(inner.get("use"))
            yield from _inner_kinds(inner)


def _fetched(
    specs: Iterable[RuleSpec], secret: Secret
) -> tuple[Mapping[SecretRef, str], tuple[str, ...]]:
    """Each secret once, and which cannot be had."""
    origins: dict[SecretRef, list[str]] = {}
    for spec in specs:
        for reference in references(spec.options):
            origins.setdefault(reference, []).append(spec.origin)
    found: dict[SecretRef, str] = {}
    missing: list[str] = []
    for reference, named in origins.items():
        try:
            found[reference] = secret(reference)
        except SecretError as error:
            others = f", which {len(named)} rules need" if len(named) > 1 else ""
            missing.append(f"{named[0]}: {error}{others}")
    return found, tuple(missing)


def _composed(
    tables: Sequence[TableSpec], made: Mapping[int, tuple[Made, ...]]
) -> Mapping[TableId, TableRules]:
    """Tables with the very same rules have the very same ``TableRules``."""
    known: dict[tuple[int, ...], TableRules] = {}
    found: dict[TableId, TableRules] = {}
    for table in tables:
        if table.rules:
            numbers = tuple(map(id, table.rules))
            if numbers not in known:
                known[numbers] = TableRules(tuple(one for n in numbers for one in made[n]))
            found[table.id] = known[numbers]
    return found
