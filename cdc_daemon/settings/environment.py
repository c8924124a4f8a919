"""Overrides from variables named ``CDC__SECTION__KEY``.

Law: a variable that means nothing is an issue that names it, as an unknown key of the file is.
The caller hands the variables over; nothing here reads the process's own.
"""

from __future__ import annotations

from collections.abc import Mapping

from cdc_daemon.settings.issues import Issue, did_you_mean, shown
from cdc_daemon.settings.models import Document
from cdc_daemon.settings.node import MAX_DEPTH, Node, Origin, from_plain, mapping, merge

PREFIX = "CDC__"
_DELIMITER = "__"


def overrides(environ: Mapping[str, str]) -> tuple[Node, tuple[Issue, ...]]:
    """All overrides as one tree, and what is wrong with them.

    A shorter name is read before the longer ones below it. A variable for a connection's
    password becomes a reference to that variable: its value is not read here.
    """
    tree = mapping(Origin(1, "environment"), {})
    issues: list[Issue] = []
    for name in sorted(each for each in environ if each.upper().startswith(PREFIX)):
        node = _override(name, environ[name])
        if isinstance(node, Issue):
            issues.append(node)
        else:
            tree = merge(tree, node)
    return tree, tuple(issues)


def _override(name: str, value: str) -> Node | Issue:
    from cdc_daemon.settings.variables import read  # noqa: PLC0415 - costs what few need

    origin = Origin(1, shown(name))
    path = name[len(PREFIX) :].lower().split(_DELIMITER)
    if len(path) == 3 and path[0] == "connections" and path[2] == "password":  # noqa: PLR2004 - section, name, key
        return from_plain({path[0]: {path[1]: {path[2]: {"env": name}}}}, origin)
    try:
        found = read(name, value)
        node = from_plain(found, origin)
    except (ValueError, RecursionError):  # a SettingsError is a ValueError
        message = "holds neither plain text nor JSON that fits here"
        return Issue(origin=origin, message=message, remedy="write JSON, or set a single key")
    if node.depth > MAX_DEPTH:
        return Issue(origin=origin, message="is nested too deep", remedy="flatten it")
    if not found:
        return Issue(
            origin=origin,
            message=f"'{shown(path[0])}' is not a section of the configuration",
            remedy=did_you_mean(path[0], Document.model_fields),
        )
    return node
