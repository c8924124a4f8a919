"""Configuration files from disk: their text, and which files an include pattern names.

Law: whatever the path turns out to be, the answer is a text or an issue.
"""

from __future__ import annotations

import glob
import re
from dataclasses import dataclass
from pathlib import Path

from cdc_daemon.settings.document import Document, parse
from cdc_daemon.settings.issues import Issue
from cdc_daemon.settings.node import Node, Origin

_LARGEST = 64 * 1024 * 1024
"""Bytes; 2,000 tables take less than one of these 64 MB."""


def read_document(path: Path) -> Document:
    """Reads and parses one file; raises nothing."""
    name = str(path)
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except (OSError, ValueError) as error:
        return _refused(name, *_obstacle(error))
    if len(content) > _LARGEST:
        return _refused(name, "is larger than 64 MB", "split it with `include:`")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return _refused(name, "is not UTF-8 text", "save the file as UTF-8", line)
    return parse(text, name)


def _obstacle(error: OSError | ValueError) -> tuple[str, str]:
    """What keeps a file from being read, and the remedy."""
    match error:
        case FileNotFoundError():
            return "there is no such file", "create it, or name another path"
        case IsADirectoryError():
            return "is a directory", "name a file"
        case PermissionError():
            return "may not be read by this user", "grant read permission"
        case _:
            reason = getattr(error, "strerror", None) or "not a path"
            return f"cannot be read: {reason}", "check the path"


@dataclass(frozen=True, slots=True)
class Included:
    """Files named by ``include``; a pattern with wildcards that names none is a warning."""

    files: tuple[Path, ...]
    issues: tuple[Issue, ...]
    warnings: tuple[Issue, ...]


def included(main: Path, patterns: tuple[Node, ...]) -> Included:
    """The files that patterns name, each once, in sorted order; relative to the main file.

    As in a shell, hidden files match no wildcard.
    """
    found: dict[Path, Path] = {}
    issues: list[Issue] = []
    warnings: list[Issue] = []
    for pattern in patterns:
        try:
            matches = [main.parent / each for each in _matches(str(pattern.value), main.parent)]
            by_file = {match.resolve(): match for match in sorted(matches)}
            own = main.resolve()
        except (OSError, ValueError, RuntimeError, re.error):
            message, remedy = "is a pattern that cannot be searched", "write a path with * and ?"
            issues.append(_include_issue(pattern, message, remedy))
            continue
        if not by_file:
            wild = glob.has_magic(str(pattern.value))
            message = "matches no file" if wild else "names a file that is not there"
            missing = _include_issue(pattern, message, "create it, or remove the pattern")
            (warnings if wild else issues).append(missing)
        if own in by_file:
            message, remedy = (
                "matches this file itself",
                "keep table files in a folder of their own",
            )
            issues.append(_include_issue(pattern, message, remedy))
            del by_file[own]
        for file, match in by_file.items():
            found.setdefault(file, match)
    return Included(tuple(sorted(found.values())), tuple(issues), tuple(warnings))


def _matches(pattern: str, folder: Path) -> list[str]:
    # a shell's rules: absolute patterns work, editors' hidden files do not match
    return glob.glob(pattern, root_dir=folder, recursive=True)  # noqa: PTH207


def _include_issue(pattern: Node, message: str, remedy: str) -> Issue:
    return Issue(origin=pattern.origin, path="include", message=message, remedy=remedy)


def _refused(name: str, message: str, remedy: str, line: int = 0) -> Document:
    return Document(None, (Issue(origin=Origin(0, name, line), message=message, remedy=remedy),))
