"""Options of kinds of transformers: what they are called, what they mean, what they take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal as Number

from cdc_daemon.errors import ConfigError
from cdc_daemon.transformation.suggest import unknown

_TAKEN: Mapping[str, tuple[type, ...]] = {
    "text": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "key": (bytes, str),
    "scalar": (str, bool, int, float, Number, date),
    "condition": (Mapping, object),
    "transformer": (Mapping, object),
}


@dataclass(frozen=True, slots=True)
class Option:
    """One option; ``takes`` is the word for its values."""

    name: str
    takes: str
    meaning: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of transformer, as configuration names it."""

    name: str
    meaning: str
    options: tuple[Option, ...] = ()


def checked(
    kind: str, options: Iterable[Option], given: Mapping[str, object]
) -> Mapping[str, object]:
    """``given``, if it has what ``options`` ask for, and nothing else.

    Raises:
        ConfigError: with everything that is wrong; values are not quoted, one may be a secret.
    """
    known = {option.name: option for option in options}
    issues = []
    for name, value in given.items():
        if name not in known:
            issues.append(f"{kind}: {unknown(str(name), known, 'option')}")
        elif not _fits(known[name].takes, value):
            issues.append(f"{kind}: `{name}` takes a {known[name].takes}")
    issues += [
        f"{kind}: `{option.name}` is missing: {option.meaning}"
        for option in known.values()
        if option.required and option.name not in given
    ]
    if issues:
        raise ConfigError(issues)
    return given


def _fits(takes: str, value: object) -> bool:
    if takes == "integer" and isinstance(value, bool):
        return False
    return isinstance(value, _TAKEN[takes])
