"""A YAML value that remembers where it stands.

Law: every value of the configuration can be traced to a line of a file or to a variable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

MAX_DEPTH = 32
"""Levels of nesting no configuration has."""

Loc: TypeAlias = tuple[str | int, ...]
"""The way to a value: keys and list positions, from the top of one file."""

Scalar: TypeAlias = str | int | float | bool | None
Plain: TypeAlias = "Scalar | list[Plain] | dict[str, Plain]"

_REPLACED_WHOLE = frozenset({"password"})
"""Keys whose value an override replaces: half of one reference and half of another is none."""


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """A line of a file (``rank`` 0) or an environment variable (``rank`` 1, no line)."""

    rank: int
    name: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.name}:{self.line}" if self.line else self.name


@dataclass(frozen=True, slots=True)
class Node:
    """One value; in a mapping, its origin is the line of its key."""

    origin: Origin
    value: Scalar | tuple[Node, ...] | Mapping[str, Node]
    size: int = 1
    """Values in this tree, aliases counted as often as they are used."""
    depth: int = 0
    """Levels below this value."""


def sequence(origin: Origin, items: tuple[Node, ...]) -> Node:
    """A list of nodes as a node."""
    size = 1 + sum(item.size for item in items)
    return Node(origin, items, size, 1 + max((item.depth for item in items), default=0))


def mapping(origin: Origin, entries: Mapping[str, Node]) -> Node:
    """A mapping of nodes as a node."""
    size = 1 + sum(entry.size for entry in entries.values())
    depth = 1 + max((entry.depth for entry in entries.values()), default=0)
    return Node(origin, entries, size, depth)


def plain(node: Node) -> Plain:
    """The value without its origins."""
    if isinstance(node.value, Mapping):
        return {key: plain(entry) for key, entry in node.value.items()}
    if isinstance(node.value, tuple):
        return [plain(item) for item in node.value]
    return node.value


def from_plain(value: object, origin: Origin) -> Node:
    """A node tree in which everything stands at ``origin``."""
    if isinstance(value, Mapping):
        return mapping(origin, {str(key): from_plain(item, origin) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return sequence(origin, tuple(from_plain(item, origin) for item in value))
    if value is None or isinstance(value, str | int | float | bool):
        return Node(origin, value)
    return Node(origin, str(value))


def find(node: Node, loc: Loc) -> Node:
    """The node at ``loc``, or the deepest one on the way to it."""
    for step in loc:
        below = _child(node, step)
        if below is None:
            return node
        node = below
    return node


def _child(node: Node, step: str | int) -> Node | None:
    if isinstance(node.value, Mapping):
        return node.value.get(str(step))
    if isinstance(node.value, tuple) and isinstance(step, int) and 0 <= step < len(node.value):
        return node.value[step]
    return None


def without(node: Node, dropped: frozenset[Loc], loc: Loc = ()) -> Node:
    """The tree without the named values; list positions close up."""
    if not dropped:
        return node
    below = frozenset(entry for entry in dropped if entry[: len(loc)] == loc)
    if isinstance(node.value, Mapping):
        kept = {
            key: without(entry, below, (*loc, key))
            for key, entry in node.value.items()
            if (*loc, key) not in below
        }
        return mapping(node.origin, kept)
    if isinstance(node.value, tuple):
        items = tuple(item for at, item in enumerate(node.value) if (*loc, at) not in below)
        return sequence(node.origin, items)
    return node


def merge(base: Node, over: Node) -> Node:
    """``base`` with the values of ``over`` on top; keys of mappings meet whatever their case."""
    if not isinstance(base.value, Mapping) or not isinstance(over.value, Mapping):
        return over
    merged = dict(base.value)
    for key, entry in over.value.items():
        folded = key.casefold()
        name = key if key in merged else next((k for k in merged if k.casefold() == folded), key)
        if name in merged and name not in _REPLACED_WHOLE:
            merged[name] = merge(merged[name], entry)
        else:
            merged[name] = entry
    return mapping(base.origin, merged)
