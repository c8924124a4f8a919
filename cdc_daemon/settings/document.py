"""YAML text to a tree of nodes with positions.

Law: a document is read exactly or refused: a key given twice, a key that is no text, an unknown
tag or a tree that grows without bound is an issue, never a surprise. Pure: text in, nodes out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import yaml

from cdc_daemon.settings.compose import Composer, Refused
from cdc_daemon.settings.issues import Issue
from cdc_daemon.settings.node import Node, Origin

_QUOTED = re.compile(r"'[^']{2,}'|\"[^\"]{2,}\"")
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Document:
    """What a file holds; ``root`` is None where it could not be read as a mapping."""

    root: Node | None
    issues: tuple[Issue, ...]


def parse(text: str, name: str) -> Document:
    """Reads one YAML document; raises nothing.

    Args:
        text: The file's text.
        name: The file as issues shall call it.
    """
    issues: list[Issue] = []
    try:
        _check_characters(text)
        root = Composer(text, name, issues).document()
    except Refused as refusal:
        origin = Origin(0, name, refusal.line)
        issues.append(Issue(origin=origin, message=refusal.message, remedy=refusal.remedy))
        return Document(None, tuple(issues))
    except yaml.MarkedYAMLError as error:
        return Document(None, (*issues, _syntax_issue(error, text, name)))
    except yaml.YAMLError:
        issue = Issue(origin=Origin(0, name), message="is not YAML", remedy="save it as UTF-8 text")
        return Document(None, (*issues, issue))
    return Document(root, tuple(issues))


def _check_characters(text: str) -> None:
    bad = _UNPRINTABLE.search(text)
    if bad is not None:
        raise Refused(
            text.count("\n", 0, bad.start()) + 1,
            f"holds the control character U+{ord(bad.group()):04X}",
            "remove it, or write it as an escape in double quotes",
        )


def _syntax_issue(error: yaml.MarkedYAMLError, text: str, name: str) -> Issue:
    """The parser's complaint, without what it quotes: that may be a secret (law 9)."""
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark is not None else 0
    lines = text.split("\n")
    source = lines[line - 1] if 0 < line <= len(lines) else ""
    if "\t" in source[: len(source) - len(source.lstrip())]:
        return Issue(
            origin=Origin(0, name, line),
            message="YAML syntax: a tab indents this line",
            remedy="indent with spaces",
        )
    problem = _QUOTED.sub("…", error.problem or "cannot be read")
    began = ""
    if error.context_mark is not None and error.context_mark.line + 1 < line:
        began = f" (what it belongs to began on line {error.context_mark.line + 1})"
    return Issue(
        origin=Origin(0, name, line),
        message=f"YAML syntax: {problem}{began}",
        remedy="check indentation, quotes, brackets and the space after each colon",
    )
