"""Tables with a schedule, and their states, around one moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.config import BackoffSpec
from cdc_daemon.model.schedule import Timing
from cdc_daemon.model.table import TableId
from tests.factories import make_spec

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
BACKOFF = BackoffSpec(first_seconds=5, limit_seconds=60)


def spec(name="a", **timing):
    """A table due every 15 minutes, unless told otherwise."""
    return make_spec(id=TableId("core", "public", name), timing=Timing(**timing))


def ran(table, minutes_ago, **other):
    """The state of a table whose last attempt began so long before ``NOW``, and took a minute."""
    began = NOW - minutes_ago * MINUTE
    return TableState(table=table.id, last_started=began, last_ended=began + MINUTE, **other)
