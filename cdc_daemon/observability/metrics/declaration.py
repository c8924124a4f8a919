"""What a metric is, as data: objects and documentation are both made from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """The type Prometheus knows it by."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One metric; ``name`` is the one a query uses."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    unit: str = ""
    """The base unit its name ends with, before ``_total``; empty for plain numbers."""
    buckets: tuple[float, ...] = ()
    """Upper bounds, for a histogram; the infinite one is left out."""

    @property
    def family(self) -> str:
        """The name without a counter's ``_total``."""
        return self.name.removesuffix("_total")
