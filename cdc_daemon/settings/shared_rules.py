"""Which rules of transformation are for which table, and what of them should not stay. Pure.

Fail closed: a glob that names no configured table is a mistake, since what it was meant for would
land in clear.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import translate
from itertools import chain

from cdc_daemon.model.table import RuleSpec
from cdc_daemon.settings.issues import Issue, shown_path
from cdc_daemon.settings.node import Loc, Node, find
from cdc_daemon.settings.parts import Parts, TableEntry
from cdc_daemon.settings.rules import Rule, SharedRule

_SHARED = ("transformations", "rules")


def rules_of_entries(parts: Parts) -> Iterator[tuple[RuleSpec, ...]]:
    """Of each table, in the order of ``parts.tables``: shared rules that are for it, then its own.

    A shared rule is one and the same object in all of them.
    """
    shared = [
        (_Globs(rule), rule.spec(_origin(parts.root, (*_SHARED, n), (*_SHARED, n)), shared=True))
        for n, rule in enumerate(_shared(parts))
    ]
    for entry in parts.tables:
        identity = _identity(entry)
        common = tuple(spec for globs, spec in shared if globs.fit(identity))
        own = tuple(
            rule.spec(
                _origin(entry.node, ("transform", n), (*entry.loc, "transform", n)), shared=False
            )
            for n, rule in enumerate(entry.table.transform)
        )
        yield common + own


def rule_issues(parts: Parts) -> Iterator[Issue]:
    """Globs that are for no table; where tables are broken, nobody knows."""
    if not parts.tables or not parts.complete:
        return
    identities = [_identity(entry) for entry in parts.tables]
    for n, rule in enumerate(_shared(parts)):
        for m, glob in enumerate(rule.tables or ()):
            if not _any_fits(glob, identities):
                yield parts.issue(
                    (*_SHARED, n, "tables", m),
                    "matches no configured table",
                    "write source.schema.name, with * and ? for any characters",
                )


def rule_warnings(parts: Parts) -> Iterator[Issue]:
    """Secrets in plain text, and what transformers say of themselves: salted hashes."""
    shared = ((parts.root, _SHARED, _SHARED, rule, n) for n, rule in enumerate(_shared(parts)))
    own = (
        (entry.node, ("transform",), (*entry.loc, "transform"), rule, n)
        for entry in parts.tables
        for n, rule in enumerate(entry.table.transform)
    )
    for node, within, path, rule, n in chain(shared, own):
        yield from _warnings(rule, node, (*within, n), (*path, n))


def _warnings(rule: Rule, node: Node, within: Loc, path: Loc) -> Iterator[Issue]:
    for secret in rule.plain_secrets:
        yield Issue(
            origin=find(node, (*within, *secret)).origin,
            path=shown_path((*path, *secret)),
            message=f"the {secret[-1]} stands here in plain text",
            remedy="write {env: NAME} or {file: /path}",
        )
    for warning in rule.warnings:
        yield Issue(
            origin=find(node, within).origin,
            path=shown_path(path),
            message=warning,
            remedy="see the section on transformations in README",
        )


class _Globs:
    """The tables that a shared rule is for."""

    def __init__(self, rule: SharedRule) -> None:
        globs = rule.tables
        self._pattern = None if globs is None else re.compile("|".join(map(translate, globs)))

    def fit(self, identity: str) -> bool:
        """Whether the table is one of them."""
        return self._pattern is None or self._pattern.match(identity) is not None


def _any_fits(glob: str, identities: Sequence[str]) -> bool:
    pattern = re.compile(translate(glob))
    return any(pattern.match(identity) for identity in identities)


def _shared(parts: Parts) -> tuple[SharedRule, ...]:
    return parts.document.transformations.rules


def _identity(entry: TableEntry) -> str:
    table = entry.table
    return f"{table.source}.{table.schema_}.{table.name}"


def _origin(node: Node, within: Loc, path: Loc) -> str:
    return f"{find(node, within).origin} {shown_path(path)}"
