"""Digests of a batch, by parts of their keys: in memory while they are few, on disk when many.

Law 11: comparison works on a part at a time, so that its memory does not grow with the table.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict

import polars as pl

from cdc_daemon.cdc.compare import part_of
from cdc_daemon.extract.landing import Landing
from cdc_daemon.model.change import POSITION

FEW = 50_000
"""Rows up to which one part is as fast as several."""
PARTS = 64
SHARE = 200_000
"""Rows that are kept in memory: some 8 MB. What is on disk costs some 0.2 s for a million rows."""


class Digests:
    """Digests with their ``POSITION`` in the order of arrival: first all ``add``, then ``part``."""

    def __init__(self, disk: Landing, schema: dict[str, pl.DataType], share: int = SHARE) -> None:
        self.rows = 0
        self._disk = disk
        self._share = share
        self._none = pl.DataFrame(schema=schema).with_row_index(POSITION)
        self._kept: list[pl.DataFrame] = []
        self._waiting = 0
        self._files: dict[int, list[int]] = defaultdict(list)
        self._memory: dict[int, pl.DataFrame] = {}
        self._split_into = 0

    def clear(self) -> None:
        """Forget all: the table is read again."""
        self.rows = self._waiting = 0
        self._kept.clear()
        self._files.clear()
        self._memory, self._split_into = {}, 0
        self._disk.clear()

    @property
    def parts(self) -> int:
        """How many parts they should be compared in."""
        return 1 if self.rows <= FEW else PARTS

    async def add(self, digests: pl.DataFrame) -> None:
        """Append digests, in the columns of the schema.

        Raises:
            LandingFailed: the disk is full or the folder not writable.
        """
        self._kept.append(digests.with_row_index(POSITION, offset=self.rows))
        self.rows += digests.height
        self._waiting += digests.height
        if self._waiting > self._share:
            for part, frame in (await asyncio.to_thread(self._split, PARTS)).items():
                self._files[part].append(await self._disk.add(frame))

    def part(self, n: int, parts: int) -> pl.DataFrame:
        """Part ``n`` of ``parts``, which is ``self.parts`` or more; blocks."""
        if parts != self._split_into:
            self._split_into, self._memory = parts, self._split(parts)
        written = [self._disk.piece(file) for file in self._files[n]]
        return pl.concat([*written, self._memory.get(n, self._none)])

    def _split(self, parts: int) -> dict[int, pl.DataFrame]:
        kept = pl.concat([self._none, *self._memory.values(), *self._kept])
        self._kept, self._waiting = [], 0
        if parts == 1:
            return {0: kept}
        numbered = kept.with_columns(part_of(parts).alias(_PART))
        split = numbered.partition_by(_PART, as_dict=True, include_key=False)
        return {int(part): frame for (part,), frame in split.items()}


_PART = "_part"
