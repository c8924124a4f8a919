"""What is put on record about a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from cdc_daemon.model.table import TableId

WHOLE_RUN = "TABLE_TOTAL"
"""The step that is a whole run: the kind of its event, and the name of its seconds."""

Detail = str | int | float | bool | None | Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One row of ``pipeline_event``: a step, or a whole run (``WHOLE_RUN``)."""

    run_id: str
    table: TableId
    kind: str
    """EXTRACT, CDC_PROMOTION, SCD2_PROMOTION, TABLE_TOTAL, or an operator's command."""
    status: str
    batch: int | None = None
    started_at: datetime | None = None
    seconds: float = 0.0
    error_kind: str | None = None
    error: str | None = None
    rows: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    detail: Mapping[str, Detail] = field(default_factory=lambda: MappingProxyType({}))
