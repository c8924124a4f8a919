"""What should have come of a batch, worked out from the shop alone.

Law 4: as of any batch, bronze holds what the shop held.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from cdc_daemon.cli.demo_shop.story import ShopTable
from cdc_daemon.model.change import Counts

Row = tuple[str | None, ...]
Rows = tuple[Row, ...]
"""The rows of a table at one time, every value as the database's exact text."""


def expected(table: ShopTable, before: Sequence[Rows], now: Rows) -> Counts:
    """The counts of a batch that finds ``now``, after batches that found ``before``."""
    last = _by_key(table, before[-1]) if before else {}
    known = {row[: table.key] for rows in before for row in rows}
    here = _by_key(table, now)
    fresh = here.keys() - last.keys()
    same = sum(last[key] == here[key] for key in here.keys() & last.keys())
    return Counts(
        extracted=len(now),
        inserted=len(fresh - known),
        updated=len(here) - len(fresh) - same,
        reopened=len(fresh & known),
        deleted=len(last.keys() - here.keys()),
        unchanged=same,
    )


def differences(held: Rows, found: Rows) -> int:
    """Rows that are on one side only; a row that is there twice counts as well."""
    left, right = Counter(held), Counter(found)
    return (left - right).total() + (right - left).total()


def _by_key(table: ShopTable, rows: Rows) -> dict[Row, Row]:
    return {row[: table.key]: row for row in rows}
