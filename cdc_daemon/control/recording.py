"""Which rejections of a batch are new, and which are seen again: pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from cdc_daemon.model.rejection import Rejection

REASON_BYTES = 200
"""Of a reason that is longer, which only a plug-in's can be, the rest is left out."""


class Identity(NamedTuple):
    """What makes two rejections of a table the same."""

    key: str | None
    """32 hexadecimal digits."""
    column: str | None
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What becomes of what a batch found."""

    new: Mapping[Identity, int]
    """Rows by entry that is to be made, in the order they were found."""
    seen: Mapping[int, tuple[int, ...]]
    """The numbers of entries that are there already, by the rows they stand for now."""


def recording(found: Iterable[Rejection], known: Mapping[Identity, int]) -> Recording:
    """Decide which rejections are new; ``known`` are the numbers of open entries. Pure."""
    rows: dict[Identity, int] = {}
    for one in found:
        same = one_of(one)
        rows[same] = rows.get(same, 0) + one.rows
    seen: defaultdict[int, list[int]] = defaultdict(list)
    for same in rows.keys() & known.keys():
        seen[rows[same]].append(known[same])
    return Recording(
        new={same: count for same, count in rows.items() if same not in known},
        seen={count: tuple(sorted(numbers)) for count, numbers in seen.items()},
    )


def one_of(rejection: Rejection) -> Identity:
    """By what it is told from others of its table."""
    reason = rejection.reason.encode()[:REASON_BYTES].decode(errors="ignore")
    key = None if rejection.key is None else digits(rejection.key)
    return Identity(key, rejection.column, reason)


def digits(key: int) -> str:
    """The digest of a key as 32 hexadecimal digits."""
    return f"{key:032x}"
