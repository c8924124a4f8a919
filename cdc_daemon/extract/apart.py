"""Rows that were read and are not carried: rejected, filtered, or without a key.

Law 10: their keys are left as history has them, neither changed nor deleted. Where a key is not
known, nothing at all may be taken for deleted. Law 9: only digests of keys leave a batch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from cdc_daemon.cdc.row_hash import KEY
from cdc_daemon.extract.digests import Digests
from cdc_daemon.model.rejection import Rejection
from cdc_daemon.ports.flow import SetApart

MOST = 10_000
"""Rejections of a batch that are kept one by one; others are only counted."""
UNLISTED = "unlisted"
"""The reason of those that are only counted."""

APART_SCHEMA: dict[str, pl.DataType] = {KEY: pl.UInt128()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What of one frame is not carried."""

    keys: pl.Series
    """Digests of keys that are to be left as they are."""
    rejections: tuple[Rejection, ...] = ()
    unlisted: int = 0
    """Rejections that are not among them: they are too many."""
    rejected: int = 0
    """Rows; one may have several rejections."""
    filtered: int = 0
    keyless: int = 0
    """Rows that have no value in their key, of those that are rejected."""
    unknown: bool = False
    """Whether a row's key is not known."""


class Apart:
    """Everything that a batch set apart."""

    def __init__(self, keys: Digests) -> None:
        self.keys = keys
        self.clear_counts()

    def clear_counts(self) -> None:
        """Nothing was set apart."""
        self.rejected = self.filtered = self.keyless = self._unlisted = 0
        self._unknown = False
        self._causes: Counter[tuple[str | None, str]] = Counter()
        self._rejections: list[Rejection] = []

    def clear(self) -> None:
        """Forget all: the table is read again; blocks."""
        self.clear_counts()
        self.keys.clear()

    @property
    def rows(self) -> int:
        """Rows that were read and are not carried."""
        return self.rejected + self.filtered

    async def add(self, left: Left) -> None:
        """What of one more frame is not carried.

        Raises:
            LandingFailed: the disk is full or the folder not writable.
        """
        self.rejected += left.rejected
        self.filtered += left.filtered
        self.keyless += left.keyless
        self._unknown |= left.unknown
        keyed = [one for one in left.rejections if one.key is not None]
        for one in left.rejections:
            if one.key is None:
                self._causes[one.column, one.reason] += one.rows
        room = MOST - len(self._rejections)
        self._rejections += keyed[:room]
        self._unlisted += left.unlisted + len(keyed[room:])
        if left.keys.len():
            await self.keys.add(left.keys.alias(KEY).to_frame())

    def summary(self) -> SetApart:
        """Of all frames so far."""
        return SetApart(
            rejected=self.rejected,
            filtered=self.filtered,
            unknown=self._unknown,
            rejections=tuple(self._listed()),
        )

    def _listed(self) -> Iterator[Rejection]:
        """Those without a key together, by column and reason."""
        yield from self._rejections
        for (column, reason), rows in self._causes.items():
            yield Rejection(reason=reason, column=column, rows=rows)
        if self._unlisted:
            yield Rejection(reason=UNLISTED, rows=self._unlisted)
