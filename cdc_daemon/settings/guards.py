"""Limits beyond which a batch looks like an accident."""

from __future__ import annotations

from pydantic import Field

from cdc_daemon.settings.section import Section
from cdc_daemon.settings.values import Flag, Positive, Share, Whole


class Guards(Section):
    """Shares are of 1; what is not given is inherited."""

    min_rows: Whole = Field(default=1_000, ge=0, le=1_000_000_000)
    min_share_of_usual: Share = 0.1
    usual_batches: Positive = 14
    max_delete_share: Share = 0.5
    max_update_share: Share = 0.5
    max_quarantine_share: Share = 0.01
    max_null_key_share: Share = 0.0
    allow_empty: Flag = False
    allow_row_security: Flag = False
