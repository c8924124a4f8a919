"""The one instant at which a batch's versions begin and end."""

from __future__ import annotations

from datetime import datetime, timedelta

from cdc_daemon.errors import ClockSkew
from cdc_daemon.model.table import TableId

RESOLUTION = timedelta(microseconds=1)
MAX_SKEW = timedelta(minutes=5)


def instant(table: TableId, read_at: datetime, last: datetime | None) -> datetime:
    """``max(read_at, last + 1 µs)``: no interval is empty, none runs backwards (law 3).

    ``last`` is the table's last instant. A clock that steps back a little is absorbed.

    Raises:
        ClockSkew: ``last`` is more than five minutes ahead of ``read_at``.
    """
    if last is None:
        return read_at
    if last - read_at > MAX_SKEW:
        raise ClockSkew(
            f"{table}: the last batch is of {last.isoformat()}, "
            f"the target's clock says {read_at.isoformat()}"
        )
    return max(read_at, last + RESOLUTION)
