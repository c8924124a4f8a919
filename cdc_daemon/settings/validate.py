"""A tree of nodes to a model, with every complaint at the line it is about.

Law 8, for configuration: one bad table or connection does not keep the others from being judged;
what is broken is left out of the model and remembered. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Generic, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from cdc_daemon.settings.issues import Issue, did_you_mean, shown_path
from cdc_daemon.settings.node import Loc, Node, find, plain, without
from cdc_daemon.settings.rules import OPTIONS

ModelT = TypeVar("ModelT", bound=BaseModel)

_BY_ENTRY = frozenset({"connections", "tables", "lanes"})
"""Sections whose entries stand or fall alone."""

_OF_MODELS = frozenset({"[key]", OPTIONS})
"""Steps on the way to a value that nobody wrote."""

_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "missing": ("is missing", "add it"),
        "string_type": ("must be text", "put it in quotes"),
        "string_unicode": ("must be text", "write characters, not halves of them"),
        "int_type": ("must be a whole number", "write digits"),
        "int_parsing": ("must be a whole number", "write digits"),
        "int_parsing_size": ("is too large a number", "write a smaller one"),
        "int_from_float": ("must be a whole number", "leave out the fraction"),
        "float_type": ("must be a number", "write digits"),
        "float_parsing": ("must be a number", "write digits"),
        "greater_than": ("must be greater than {gt}", "raise it"),
        "greater_than_equal": ("must be at least {ge}", "raise it"),
        "less_than_equal": ("must be at most {le}", "lower it"),
        "too_short": ("must not be empty", "name at least one, or leave the key out"),
        "list_type": ("must be a list", "write [A, B], or one `- A` a line"),
        "tuple_type": ("must be a list", "write [A, B], or one `- A` a line"),
        "dict_type": ("must be a mapping", "write `key: value` lines below it"),
        "model_type": ("must be a mapping", "write `key: value` lines below it"),
        "refused": ("{message}", "{remedy}"),
    }
)


@dataclass(frozen=True, slots=True)
class Validated(Generic[ModelT]):
    """``model`` lacks what is ``broken``; with no issues, nothing is."""

    model: ModelT
    issues: tuple[Issue, ...]
    broken: frozenset[Loc]


def validate(model: type[ModelT], root: Node) -> Validated[ModelT]:
    """Checks one file's tree; ``model`` must need no key at its top.

    A section that is there but empty (``tables:``) counts as left out.
    """
    sections = root.value if isinstance(root.value, Mapping) else {}
    empty = frozenset((key,) for key, entry in sections.items() if entry.value is None)
    try:
        return Validated(model.model_validate(plain(without(root, empty))), (), frozenset())
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
    if empty:
        return _partly(model, without(root, empty), details)
    return _partly(model, root, details)


def _partly(model: type[ModelT], root: Node, details: list[ErrorDetails]) -> Validated[ModelT]:
    issues = tuple(_issue(model, root, detail) for detail in details)
    broken = frozenset(_unit(detail["loc"]) for detail in details)
    return Validated(model.model_validate(plain(without(root, broken))), issues, broken)


def _unit(loc: Loc) -> Loc:
    return loc[:2] if loc[0] in _BY_ENTRY else loc[:1]


def _issue(model: type[BaseModel], root: Node, detail: ErrorDetails) -> Issue:
    loc = tuple(step for step in detail["loc"] if step not in _OF_MODELS)
    kind = detail["type"]
    context = detail.get("ctx", {})
    node = find(root, loc)
    if kind == "extra_forbidden":
        message = "is not a key of this section"
        remedy = did_you_mean(str(loc[-1]), _keys_at(model, loc[:-1]))
        if ":" in str(loc[-1]):
            remedy = "put a space after its colon"
    elif kind == "literal_error":
        message = f"must be one of {context.get('expected', '')}"
        words = [word for word in str(context.get("expected", "")).split("'") if word.isascii()]
        remedy = did_you_mean(str(node.value), [word for word in words if word[:1].isalpha()])
    else:
        words_of_kind = _WORDS.get(kind, ("is not valid", "see the example configuration"))
        message, remedy = (words.format_map(context) for words in words_of_kind)
    return Issue(origin=node.origin, path=shown_path(loc), message=message, remedy=remedy)


def _keys_at(model: type[BaseModel], loc: Loc) -> tuple[str, ...]:
    """The keys of the section at ``loc``, as they are written."""
    annotation: Any = model
    for step in loc:
        annotation = _below(annotation, step)
    section = _section(annotation)
    if section is None:
        return ()
    return tuple(field.alias or name for name, field in section.model_fields.items())


def _below(annotation: Any, step: str | int) -> Any:  # noqa: ANN401 - annotations are any object
    section = _section(annotation)
    if isinstance(step, int):
        return section
    arguments = get_args(annotation)
    if isinstance(annotation, type) and section is not None:
        for name, field in section.model_fields.items():
            if step in (name, field.alias):
                return field.annotation
    return arguments[-1] if arguments else None


def _section(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - as above
    """The model an annotation is about, through ``| None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_section(argument) for argument in get_args(annotation))
    return next((section for section in found if section is not None), None)
