"""What changed between the columns of the source and those history was written with.

A new column is added to the history, as NULL for what came before: it changes no hash. Nothing
else is absorbed in silence (law 6): a column that went away, or one of another type, stops the
table until a person decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cdc_daemon.errors import IncompatibleChange
from cdc_daemon.model.table import TableId
from cdc_daemon.schema.table import Column, SourceTable


@dataclass(frozen=True, slots=True)
class Evolution:
    """What the target's tables need before a batch: columns to add."""

    added: tuple[Column, ...] = ()


def evolve(
    table: TableId,
    source: SourceTable,
    existing: Mapping[str, str],
    wanted: Mapping[str, str],
) -> Evolution:
    """Compare target column types by target name: those that exist, and those wanted now.

    Raises:
        IncompatibleChange: a column is gone from the source or has another type there.
    """
    gone = [name for name in existing if name not in wanted]
    changed = [
        f"{name} ({existing[name]} in the history, {kind} now)"
        for name, kind in wanted.items()
        if name in existing and existing[name] != kind
    ]
    if gone or changed:
        parts = [f"gone: {', '.join(gone)}"] if gone else []
        parts += [f"of another type: {', '.join(changed)}"] if changed else []
        raise IncompatibleChange(f"{table}: columns changed at the source; {'; '.join(parts)}")
    return Evolution(tuple(c for c in source.columns if c.target_name not in existing))
