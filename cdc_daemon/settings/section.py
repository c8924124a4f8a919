"""What every mapping of the configuration has in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A mapping of the file; its errors never show what was written (law 9)."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
