"""What becomes of each row that is read: carried with its hash, or set apart.

Law 9: a clear value that must not land is in no frame that leaves this module. Law 6: a row that
cannot be carried is told by column, reason and the digest of its key.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection, Iterator
from contextlib import aclosing
from dataclasses import dataclass, replace

import polars as pl

from cdc_daemon.cdc.canonical import canonical
from cdc_daemon.cdc.row_hash import CURRENT, HASH, KEY, RECIPES, key_digest
from cdc_daemon.errors import KeyTooLong, NullKey, RowRejected
from cdc_daemon.extract.apart import MOST, Apart, Left
from cdc_daemon.model.rejection import Rejection
from cdc_daemon.model.table import TableSpec
from cdc_daemon.ports.work import spent
from cdc_daemon.transformation.resolved import Resolved

SHOWN_KEYS = 5
PART_BYTES = 8
"""What a part of a key may take in an index besides its value."""
NULL_KEY = "null_key"
"""The reason of a row without a value in its key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrying:
    """Transforms rows, checks their keys and hashes them."""

    spec: TableSpec
    rules: Resolved
    max_key_bytes: int
    only: pl.Series | None = None
    """Digests of keys: all other rows are passed over."""

    async def each(
        self, batches: AsyncGenerator[pl.DataFrame, None], apart: Apart
    ) -> AsyncGenerator[pl.DataFrame, None]:
        """Frames of what is carried, with ``KEY`` and ``HASH``; the rest goes ``apart``.

        Raises:
            NullKey, KeyTooLong, RowRejected: naming columns and key digests (law 9).
        """
        async with aclosing(batches):
            async for frame in batches:
                carried, left = await asyncio.to_thread(self._carried, frame)
                if left is not None:
                    await apart.add(left)
                yield carried

    def _carried(self, frame: pl.DataFrame) -> tuple[pl.DataFrame, Left | None]:
        rows, left = self._transformed(self._wanted(frame))
        with spent("hash"):
            rows, left = self._with_keys(rows, left)
            return self._hashed(rows), left

    def _transformed(self, frame: pl.DataFrame) -> tuple[pl.DataFrame, Left | None]:
        if self.rules.changes_nothing:
            return frame, None
        with spent("transform"):
            done = self.rules.apply(frame)
            self._stop_for(done.rejected)
            fields = {task.field for turn in self.rules.steps for task in turn}
            carried = bare(done.frame, fields)
            if not done.rejected.height and not done.filtered.height:
                return carried, None
            return carried, self._left(frame, done.rejected, done.filtered)

    def _wanted(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Before anything else is done, so that nothing is counted of rows that are passed over."""
        if self.only is None:
            return frame
        return frame.filter(self._keys(frame).is_in(self.only.implode()))

    def _stop_for(self, rejected: pl.DataFrame) -> None:
        fatal = rejected.filter("fatal")
        if fatal.height:
            causes = fatal.select("column", "reason").unique().sort("column", "reason").rows()
            told = ", ".join(f"column {column}: {reason}" for column, reason in causes)
            raise RowRejected(f"{self.spec.id}: {fatal['row'].n_unique()} row(s): {told}")

    def _left(self, frame: pl.DataFrame, rejected: pl.DataFrame, filtered: pl.DataFrame) -> Left:
        kept = filtered.filter(~pl.col("deletes"))["row"]
        rows = pl.concat([rejected["row"].unique(), kept]).sort()
        keys = pl.DataFrame({"row": rows, KEY: self._keys(frame[rows])})
        causes = rejected.join(keys, on="row", how="left", maintain_order="left")
        return Left(
            keys=keys[KEY].drop_nulls(),
            rejections=tuple(_told(causes)),
            unlisted=max(0, causes[KEY].count() - MOST),
            rejected=rejected["row"].n_unique(),
            filtered=filtered.height,
            unknown=keys[KEY].has_nulls(),
        )

    def _keys(self, frame: pl.DataFrame) -> pl.Series:
        """The digests of keys as they would have landed; NULL where that cannot be told."""
        columns = self.rules.table.key_columns
        done = self.rules.keys(frame)
        told = pl.int_range(frame.height, dtype=pl.UInt32, eager=True)
        whole = pl.all_horizontal(pl.col(column.field).is_not_null() for column in columns)
        digests = done.frame.select(pl.when(whole).then(key_digest(done.frame, columns)))
        if not done.rejected.height:
            return digests.to_series()
        known = told.filter(~told.is_in(done.rejected["row"].unique().implode()))
        found = pl.DataFrame({"row": known, KEY: digests.to_series()})
        return told.to_frame("row").join(found, on="row", how="left", maintain_order="left")[KEY]

    def _with_keys(self, rows: pl.DataFrame, left: Left | None) -> tuple[pl.DataFrame, Left | None]:
        """Without the rows that have no key, which are rejected."""
        nulls = {
            column.name: count
            for column in self.rules.table.key_columns
            if (count := rows[column.field].null_count())
        }
        if not nulls:
            return rows, left
        if not self.spec.guards.max_null_key_share:
            name, count = next(iter(nulls.items()))
            raise NullKey(f"{self.spec.id}: {count} row(s) have no value in key column {name}")
        fields = [column.field for column in self.rules.table.key_columns]
        whole = rows.drop_nulls(fields)
        lost = rows.height - whole.height
        rejection = Rejection(reason=NULL_KEY, column=next(iter(nulls)), rows=lost)
        before = left or Left(keys=pl.Series([], dtype=pl.UInt128))
        return whole, replace(
            before,
            rejections=(*before.rejections, rejection),
            rejected=before.rejected + lost,
            keyless=lost,
            unknown=True,
        )

    def _hashed(self, rows: pl.DataFrame) -> pl.DataFrame:
        table = self.rules.table
        digests = key_digest(rows, table.key_columns)
        most = self.max_key_bytes - PART_BYTES * len(table.key)
        forms = [canonical(column, key=True).str.len_bytes() for column in table.key_columns]
        long = digests.filter(rows.select(pl.sum_horizontal(*forms) > most).to_series())
        if long.len():
            raise KeyTooLong(
                f"{self.spec.id}: the key ({', '.join(table.key)}) of {long.len()} row(s) is over "
                f"{most} bytes; key digests {shown(long)}"
            )
        hashes = RECIPES[CURRENT](rows, table.columns)
        return rows.with_columns(digests.alias(KEY), hashes.alias(HASH))


def _told(causes: pl.DataFrame) -> Iterator[Rejection]:
    """Each by its key, as far as they are kept; those without one together."""
    keyed = causes.filter(pl.col(KEY).is_not_null()).head(MOST)
    for column, reason, key in keyed.select("column", "reason", KEY).iter_rows():
        yield Rejection(reason=reason, column=column, key=key)
    keyless = causes.filter(pl.col(KEY).is_null())
    for column, reason, rows in (
        keyless.group_by("column", "reason").len().sort(pl.all()).iter_rows()
    ):
        yield Rejection(reason=reason, column=column, rows=rows)


def bare(frame: pl.DataFrame, fields: Collection[str]) -> pl.DataFrame:
    """The same, with nothing beneath NULLs of ``fields``.

    Law 9: polars may leave there what was before them, and files on disk have it.
    """
    found = [frame[field] for field in frame.columns if field in fields]
    return frame.with_columns(_bare(values) for values in found if values.null_count())


def _bare(values: pl.Series) -> pl.Series:
    full = values.is_not_null()
    places = pl.select(pl.when(full).then(full.cum_sum() - 1)).to_series()
    return values.drop_nulls().gather(places)


def shown(digests: pl.Series) -> str:
    """A few of them, for a message."""
    named = ", ".join(f"{digest:032x}" for digest in digests.head(SHOWN_KEYS))
    return named + (", …" if digests.len() > SHOWN_KEYS else "")
