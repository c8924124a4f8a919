"""What validation leaves for ``resolve``: models, the lines they stand on, and what is broken."""

from __future__ import annotations

from dataclasses import dataclass

from cdc_daemon.settings.issues import Issue, shown_path
from cdc_daemon.settings.models import Document, Table
from cdc_daemon.settings.node import Loc, Node, Origin, find


@dataclass(frozen=True, slots=True, kw_only=True)
class TableEntry:
    """One valid table and its place; ``loc`` counts within its own file."""

    table: Table
    node: Node
    loc: Loc

    def issue(self, key: str, message: str, remedy: str) -> Issue:
        """An issue about one key of this table, or about the table where the key is left out."""
        origin = find(self.node, (key,)).origin
        return Issue(
            origin=origin, path=shown_path((*self.loc, key)), message=message, remedy=remedy
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The main file's sections and the tables of all files."""

    document: Document
    root: Node
    broken: frozenset[Loc]
    tables: tuple[TableEntry, ...]
    complete: bool = True
    """Whether ``tables`` are all that were written: none is broken, no file unreadable."""

    def issue(self, loc: Loc, message: str, remedy: str) -> Issue:
        """An issue about a value of the main file."""
        return Issue(origin=self.origin(loc), path=shown_path(loc), message=message, remedy=remedy)

    def origin(self, loc: Loc) -> Origin:
        """Where a value of the main file stands, or what would hold it."""
        return find(self.root, loc).origin

    def is_broken(self, *loc: str) -> bool:
        """Whether the section, or this entry of it, has issues of its own already."""
        return (loc[0],) in self.broken or loc in self.broken

    def connection_names(self) -> tuple[str, ...]:
        """Connections that are declared, whether valid or not."""
        broken = (loc[1] for loc in self.broken if loc[0] == "connections" and len(loc) > 1)
        return (*self.document.connections, *map(str, broken))
