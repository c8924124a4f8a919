"""What a history is, in thirty lines: the oracle that every engine is held to.

Written from DESIGN 2 to 4 alone; it shares no code with the product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tests.contract.engines.base import Row

MICROSECOND = timedelta(microseconds=1)
SKEW = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A version as the model has it."""

    key: Row
    row: Row
    operation: str
    begins: datetime
    ends: datetime | None = None
    closed_by: str | None = None


class Skewed(Exception):
    """The model's ClockSkew."""


@dataclass(slots=True)
class Model:
    """The history of one table with the key in its first ``width`` columns."""

    width: int
    spans: list[Span] = field(default_factory=list)
    last: datetime | None = None
    feed: list[tuple[Row, str, datetime]] = field(default_factory=list)

    def promote(self, rows: Sequence[Row], read_at: datetime) -> datetime:
        """The rows captured at ``read_at`` become history; its instant."""
        at = read_at
        if self.last is not None:
            if self.last - read_at > SKEW:
                raise Skewed
            at = max(read_at, self.last + MICROSECOND)
        first_load = not self.spans
        captured = {row[: self.width]: row for row in rows}
        fed = self._close(captured, at) + self._open(captured, at)
        if not first_load:
            self.feed += fed
        self.last = at
        return at

    def open_rows(self) -> Mapping[Row, Row]:
        """What holds now, by key."""
        return {span.key: span.row for span in self.spans if span.ends is None}

    def in_order(self) -> list[Span]:
        """By key and then by time."""
        return sorted(self.spans, key=lambda span: (span.key, span.begins))

    def _close(self, captured: Mapping[Row, Row], at: datetime) -> list[tuple[Row, str, datetime]]:
        fed = []
        for n, span in enumerate(self.spans):
            if span.ends is None and captured.get(span.key) != span.row:
                by = "U" if span.key in captured else "D"
                self.spans[n] = replace(span, ends=at, closed_by=by)
                if by == "D":
                    fed.append((span.row, "D", at))
        return sorted(fed)

    def _open(self, captured: Mapping[Row, Row], at: datetime) -> list[tuple[Row, str, datetime]]:
        held = self.open_rows()
        ended = {span.key: span for span in self.spans if span.ends == at}
        seen = {span.key for span in self.spans}
        fed = []
        for key in sorted(captured.keys() - held.keys()):
            operation = "U" if key in ended else "R" if key in seen else "I"
            self.spans.append(Span(key=key, row=captured[key], operation=operation, begins=at))
            fed.append((captured[key], operation, at))
        return fed
