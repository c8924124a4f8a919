"""What an operator does about a table that is held."""

from __future__ import annotations

from collections.abc import Collection

from cdc_daemon.model.guard import Guard
from cdc_daemon.model.table import TableId


def remedy_of_hold(table: TableId, guards: Collection[Guard], *, keys_changed: bool = False) -> str:
    """A sentence; where rules changed, it tells what there is to choose from.

    ``keys_changed``: those of the key are among them, so that nothing can be rewritten.
    """
    release = f"`cdc-daemon release {table}`"
    if Guard.RULES not in guards:
        return f"{release} when the cause is dealt with."
    begins = f"`cdc-daemon plan {table}` shows what changed. {release} begins new versions"
    if keys_changed:
        return f"{begins} under the new keys and closes those under the old ones."
    return f"{begins}; `cdc-daemon release --rewrite {table}` gives open versions the new values."
