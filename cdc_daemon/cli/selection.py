"""Which tables a command means: pure, from words to identities.

A word is the whole identity or an unambiguous end of it, by its parts; case counts.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from cdc_daemon.cli.usage import UsageError
from cdc_daemon.model.table import TableId, TableSpec

MOST_CANDIDATES = 5


def named(words: Sequence[str], tables: Iterable[TableId]) -> tuple[TableId, ...]:
    """The tables that ``words`` name, each once, in the order of the words.

    Raises:
        UsageError: words that fit no table, or several; says all of them, with candidates.
    """
    known = tuple(tables)
    found: dict[TableId, None] = {}
    problems: list[str] = []
    for word in words:
        fitting = _fitting(word, known)
        if len(fitting) == 1:
            found[fitting[0]] = None
        else:
            problems.append(_problem(word, fitting, known))
    if problems:
        raise UsageError(problems)
    return tuple(found)


def selected(
    words: Sequence[str],
    specs: Sequence[TableSpec],
    *,
    source: str | None = None,
    lane: str | None = None,
) -> tuple[TableSpec, ...]:
    """The configured tables that are meant, in the order of the configuration.

    Raises:
        UsageError: a word, source or lane that is not there, or nothing is left of the tables.
    """
    wanted = frozenset(named(words, (spec.id for spec in specs))) if words else None
    problems = [
        *_unknown("source", source, {spec.id.source for spec in specs}),
        *_unknown("lane", lane, {spec.lane for spec in specs}),
    ]
    if problems:
        raise UsageError(problems)
    chosen = tuple(
        spec
        for spec in specs
        if (wanted is None or spec.id in wanted)
        and source in (None, spec.id.source)
        and lane in (None, spec.lane)
    )
    if specs and not chosen:
        raise UsageError(("no table is of all that: TABLE, --source, --lane",))
    return chosen


def _fitting(word: str, known: Sequence[TableId]) -> tuple[TableId, ...]:
    whole = tuple(table for table in known if word == str(table))
    return whole or tuple(t for t in known if word in (t.name, f"{t.schema}.{t.name}"))


def _problem(word: str, fitting: Sequence[TableId], known: Sequence[TableId]) -> str:
    if fitting:
        return f"table {word!r} is ambiguous: {_listed(sorted(map(str, fitting)))}"
    near = _near(word, known)
    return f"there is no table {word!r}" + (f"; did you mean {_listed(near)}?" if near else "")


def _near(word: str, known: Sequence[TableId]) -> list[str]:
    """Tables of which some form resembles the word, the nearest first."""
    forms: dict[str, dict[str, None]] = {}
    for table in known:
        for form in (str(table), f"{table.schema}.{table.name}", table.name):
            forms.setdefault(form.casefold(), {})[str(table)] = None
    close = difflib.get_close_matches(word.casefold(), forms, n=MOST_CANDIDATES)
    return list(dict.fromkeys(table for form in close for table in forms[form]))


def _listed(names: Sequence[str]) -> str:
    more = len(names) - MOST_CANDIDATES
    return ", ".join(names[:MOST_CANDIDATES]) + (f" and {more} more" if more > 0 else "")


def _unknown(what: str, name: str | None, known: set[str]) -> list[str]:
    if name is None or name in known:
        return []
    return [f"no table is of {what} {name!r}; there are: {_listed(sorted(known)) or 'none'}"]
