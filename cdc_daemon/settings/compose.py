"""YAML events to nodes.

Law: memory and depth are bounded whatever the text (law 11): aliases count as often as they are
used, and a nesting that no configuration has is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml

from cdc_daemon.settings.issues import Issue, shown
from cdc_daemon.settings.node import MAX_DEPTH, Node, Origin, Scalar, mapping, sequence

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's where it was built in: ten times faster."""

_MAX_SIZE = 1_000_000
_TAG = "tag:yaml.org,2002:"
_PLAIN_COLLECTIONS = (None, "!", f"{_TAG}map", f"{_TAG}seq")
_TEXT_TAGS = frozenset({f"{_TAG}str", f"{_TAG}timestamp", f"{_TAG}value", f"{_TAG}merge"})


class Refused(Exception):
    """The text cannot be read any further."""

    def __init__(self, line: int, message: str, remedy: str) -> None:
        super().__init__(message)
        self.line, self.message, self.remedy = line, message, remedy


class Composer:
    """Reads the one document of a text; ``issues`` takes what does not stop the reading."""

    def __init__(self, text: str, name: str, issues: list[Issue]) -> None:
        self._issues = issues
        self._name = name
        self._loader = _LOADER(text)
        self._anchors: dict[str, Node] = {}
        self._scalars: dict[str, Callable[[yaml.ScalarNode], Scalar]] = {
            f"{_TAG}null": self._loader.construct_yaml_null,
            f"{_TAG}bool": self._loader.construct_yaml_bool,
            f"{_TAG}int": self._loader.construct_yaml_int,
            f"{_TAG}float": self._loader.construct_yaml_float,
        }

    def document(self) -> Node:
        """The document's root: a mapping.

        Raises:
            Refused: the text is YAML, but not one a configuration may be.
            yaml.YAMLError: the text is not YAML.
        """
        empty = Refused(0, "is empty", "write at least one key, as the example does")
        self._next()
        if self._loader.check_event(yaml.StreamEndEvent):
            raise empty
        self._next()
        root = self._node(self._next(), depth=0)
        self._next()
        if not self._loader.check_event(yaml.StreamEndEvent):
            line = self._line(self._next())
            raise Refused(line, "a second YAML document begins", "use one document a file")
        if root.value is None:
            raise empty
        if not isinstance(root.value, dict):
            raise Refused(root.origin.line, "holds no mapping at its top", "begin with `key:`")
        return root

    def _next(self) -> Any:  # noqa: ANN401 - events are untyped in libyaml's binding
        return self._loader.get_event()

    @staticmethod
    def _line(event: Any) -> int:  # noqa: ANN401 - as above
        return int(event.start_mark.line) + 1

    def _node(self, event: Any, *, depth: int, line: int = 0) -> Node:  # noqa: ANN401 - as above
        at = line or self._line(event)
        if depth > MAX_DEPTH:
            raise Refused(at, f"is nested deeper than {MAX_DEPTH} levels", "flatten it")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, at)
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event, at)
        else:
            node = self._collection(event, at, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        return node

    def _alias(self, event: Any, line: int) -> Node:  # noqa: ANN401 - as above
        if event.anchor not in self._anchors:
            # the name is not shown: an unquoted secret may begin with * (law 9)
            raise Refused(
                line,
                "YAML syntax: an alias (*…) without its anchor (&…) before it",
                "put a value that begins with * in quotes",
            )
        anchored = self._anchors[event.anchor]
        return Node(Origin(0, self._name, line), anchored.value, anchored.size, anchored.depth)

    def _collection(self, event: Any, line: int, depth: int) -> Node:  # noqa: ANN401 - as above
        if event.tag not in _PLAIN_COLLECTIONS:
            self._issue(line, "a YAML tag (!…) has no meaning here", "remove the tag")
        if isinstance(event, yaml.SequenceStartEvent):
            node = self._sequence(line, depth)
        else:
            node = self._mapping(line, depth)
        if node.size > _MAX_SIZE or node.depth > MAX_DEPTH:
            raise Refused(line, "grows too large through its aliases", "use fewer aliases")
        return node

    def _sequence(self, line: int, depth: int) -> Node:
        items: list[Node] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            items.append(self._node(event, depth=depth + 1))
        return sequence(Origin(0, self._name, line), tuple(items))

    def _mapping(self, line: int, depth: int) -> Node:
        entries: dict[str, Node] = {}
        inherited: dict[str, Node] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            at = self._line(event)
            key = self._node(event, depth=depth + 1).value
            value = self._node(self._next(), depth=depth + 1, line=at)
            if not isinstance(key, str):
                self._issue(at, "a key is not text", "put it in quotes: YAML reads it otherwise")
            elif key == "<<" and self._resolved(event) == f"{_TAG}merge":
                self._inherit(value, inherited, at)
            elif key in entries:
                first = entries[key].origin.line
                message = f"the key '{shown(key)}' stands twice (first on line {first})"
                self._issue(at, message, "keep one of them")
            else:
                entries[key] = value
        return mapping(Origin(0, self._name, line), {**inherited, **entries})

    def _inherit(self, value: Node, inherited: dict[str, Node], line: int) -> None:
        parents = value.value if isinstance(value.value, tuple) else (value,)
        for parent in parents:
            if not isinstance(parent.value, dict):
                self._issue(line, "`<<` takes a mapping or a list of mappings", "write `<<: *name`")
                continue
            for key, entry in parent.value.items():
                inherited.setdefault(key, entry)

    def _scalar(self, event: Any, line: int) -> Node:  # noqa: ANN401 - as above
        origin = Origin(0, self._name, line)
        tag = self._resolved(event)
        if tag in _TEXT_TAGS:
            return Node(origin, str(event.value))
        construct = self._scalars.get(tag)
        if construct is None:
            self._issue(line, "a YAML tag (!…) has no meaning here", "put the value in quotes")
            return Node(origin, None)
        try:
            return Node(origin, construct(yaml.ScalarNode(tag, event.value)))
        except (ValueError, KeyError, IndexError, OverflowError):
            self._issue(line, "YAML cannot read this value as a number", "put it in quotes")
            return Node(origin, None)

    def _resolved(self, event: Any) -> str:  # noqa: ANN401 - as above
        if event.tag is not None and event.tag != "!":
            return str(event.tag)
        return str(self._loader.resolve(yaml.ScalarNode, event.value, event.implicit))

    def _issue(self, line: int, message: str, remedy: str) -> None:
        self._issues.append(
            Issue(origin=Origin(0, self._name, line), message=message, remedy=remedy)
        )
