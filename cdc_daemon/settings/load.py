"""The way in: a path and the environment's variables to a snapshot.

Law: either a whole snapshot or one ``ConfigError`` with every issue; nothing else comes out.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cdc_daemon.model.config import ConfigSnapshot
from cdc_daemon.settings.environment import overrides
from cdc_daemon.settings.files import included, read_document
from cdc_daemon.settings.issues import Issue, as_error
from cdc_daemon.settings.models import Document, Table, TablesFile
from cdc_daemon.settings.node import Loc, Node, find, merge
from cdc_daemon.settings.parts import Parts, TableEntry
from cdc_daemon.settings.resolve import resolve
from cdc_daemon.settings.validate import validate


def load(path: Path, environ: Mapping[str, str], version: int = 1) -> ConfigSnapshot:
    """Reads the main file, its includes and the ``CDC__…`` variables, which have the last word.

    Args:
        path: The main file; ``include`` patterns are relative to its folder.
        environ: The variables to look for overrides in.
        version: The snapshot's number: one more with every reload.

    Raises:
        ConfigError: anything is wrong; it holds every issue, sorted by file and line.
    """
    over, over_issues = overrides(environ)
    main = read_document(path)
    if main.root is None:
        raise as_error((*main.issues, *over_issues))
    root = merge(main.root, over)
    checked = validate(Document, root)
    tables = _entries(root, checked.model.tables, checked.broken)
    patterns = tuple(find(root, ("include", at)) for at, _ in enumerate(checked.model.include))
    files = included(path, patterns)
    issues = [*main.issues, *over_issues, *checked.issues, *files.issues]
    complete = not files.issues and not any(loc[0] == "tables" for loc in checked.broken)
    for file in files.files:
        entries, found = _tables_of(file)
        tables += entries
        issues += found
        complete &= not found
    parts = Parts(
        document=checked.model,
        root=root,
        broken=checked.broken,
        tables=tables,
        complete=complete,
    )
    return resolve(parts, version=version, issues=issues, warnings=files.warnings)


def _tables_of(file: Path) -> tuple[tuple[TableEntry, ...], tuple[Issue, ...]]:
    document = read_document(file)
    if document.root is None:
        return (), document.issues
    checked = validate(TablesFile, document.root)
    entries = _entries(document.root, checked.model.tables, checked.broken)
    return entries, (*document.issues, *checked.issues)


def _entries(root: Node, tables: list[Table], broken: frozenset[Loc]) -> tuple[TableEntry, ...]:
    """Valid tables with their places; broken ones are skipped in counting."""
    listed = find(root, ("tables",)).value
    count = len(listed) if isinstance(listed, tuple) else 0
    places: list[Loc] = [("tables", at) for at in range(count) if ("tables", at) not in broken]
    return tuple(
        TableEntry(table=table, node=find(root, loc), loc=loc)
        for table, loc in zip(tables, places, strict=False)
    )
