"""The names of target tables: how long they may be, and whose they are.

Law 2: two tables never share a history. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cdc_daemon.model.table import TableId
from cdc_daemon.schema.naming import load_batch
from cdc_daemon.settings.issues import Issue
from cdc_daemon.settings.models import Table
from cdc_daemon.settings.parts import TableEntry

IDENTIFIER_BYTES = 63
"""PostgreSQL cuts longer names in silence, so they are refused here (law 6)."""

_VIEW_SUFFIX = "_current"


def byte_length(name: str) -> int:
    """Bytes of a name in UTF-8."""
    return len(name.encode())


def bronze_name(table: Table) -> str:
    """``target_table``, or ``<source>_<name>`` in lower case (DESIGN 6.3)."""
    return table.target_table or f"{table.source}_{table.name}".lower()


def name_issues(entry: TableEntry) -> Iterator[Issue]:
    """The table's name, or that of its view, is too long for the target, or kept for others."""
    name = bronze_name(entry.table)
    if load_batch(name.casefold()) is not None:
        message = f"the target table's name '{name}' is one that load tables have"
        yield entry.issue("target_table", message, "set another `target_table:`")
    longest = IDENTIFIER_BYTES - len(_VIEW_SUFFIX)
    if byte_length(name) > longest:
        yield entry.issue(
            "target_table" if entry.table.target_table else "name",
            f"the target table's name '{name}' has {byte_length(name)} bytes, more than the"
            f" {longest} that leave room for its view",
            "set a shorter `target_table:`",
        )


def clash_issues(entries: Sequence[TableEntry]) -> Iterator[Issue]:
    """Tables given twice, and tables or views of the target that two tables would own.

    Names that differ in case only clash too: not every engine tells them apart.
    """
    tables: dict[TableId, TableEntry] = {}
    owners: dict[str, TableEntry] = {}
    for entry in entries:
        table = entry.table
        identity = TableId(table.source, table.schema_, table.name)
        first = tables.setdefault(identity, entry)
        if first is not entry:
            message = f"the table {identity} is configured twice (first at {first.node.origin})"
            yield entry.issue("name", message, "remove one of them")
            continue
        yield from _owner_issues(entry, owners)


def _owner_issues(entry: TableEntry, owners: dict[str, TableEntry]) -> Iterator[Issue]:
    bronze = bronze_name(entry.table)
    for kind, name in (("table", bronze), ("view", f"{bronze}{_VIEW_SUFFIX}")):
        owner = owners.setdefault(name.casefold(), entry)
        if owner is not entry:
            yield entry.issue(
                "target_table" if entry.table.target_table else "name",
                f"the target {kind} '{name}' would clash with that of {owner.table.source}."
                f"{owner.table.schema_}.{owner.table.name} at {owner.node.origin}",
                "set a different `target_table:` for one of them",
            )
            return
