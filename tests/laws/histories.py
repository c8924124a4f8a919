"""Random histories: what a source holds at each batch, and how far the clock has moved.

The domains are small, so that keys come back, rows return to what they were, and values meet
that some engine or encoding might take for one another.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st

from tests.contract.engines.base import Row

LAWS = settings(deadline=None, derandomize=True, database=None)
"""The same examples in every run."""

KEYS: tuple[tuple[str, str], ...] = (
    ("a", "bc"),
    ("ab", "c"),
    ("abc", ""),
    ("", "abc"),
    ("A", "bc"),
    ("a ", "bc"),
    ("a", "b\x1fc"),
)
TEXTS = (None, "", " ", "x", "X", "x ", "1:x", "é", "e\u0301", "\x1f", "NULL", "\\N")
NUMBERS = (None, 0, 1, -1, 2**63 - 1)
AMOUNTS = (None, Decimal("0.00"), Decimal("1.50"), Decimal("-0.01"))
USUAL = (("x", 1, Decimal("1.50")), ("", 1, Decimal("1.50")), (None, 1, None), ("x", None, None))
FORWARD = (timedelta(microseconds=1), timedelta(seconds=1), timedelta(days=1))
ANY_STEP = (
    *FORWARD,
    timedelta(0),
    -timedelta(microseconds=1),
    -timedelta(seconds=10),
    -timedelta(minutes=5),
    -timedelta(minutes=6),
)


@dataclass(frozen=True, slots=True)
class Moment:
    """One batch: the clock's step before it, and the rows it finds."""

    step: timedelta
    rows: tuple[Row, ...]


values = st.one_of(
    st.sampled_from(USUAL),
    st.tuples(st.sampled_from(TEXTS), st.sampled_from(NUMBERS), st.sampled_from(AMOUNTS)),
)
contents = st.dictionaries(st.sampled_from(KEYS), values, max_size=5).map(
    lambda found: tuple((*key, *row) for key, row in found.items())
)


def histories(
    steps: tuple[timedelta, ...] = ANY_STEP, *, batches: int = 6
) -> st.SearchStrategy[list[Moment]]:
    """One to ``batches`` batches whose clock takes these steps."""
    moment = st.builds(Moment, st.sampled_from(steps), contents)
    return st.lists(moment, min_size=1, max_size=batches)
