"""A batch of a small table, landed and compared: what the tests of load start from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from cdc_daemon.cdc.compare import LATER, OPEN_SCHEMA, VERSION, compare, joined
from cdc_daemon.cdc.row_hash import CURRENT, HASH, KEY, key_digest, row_hash_v1
from cdc_daemon.extract.landing import Landing
from cdc_daemon.model.change import POSITION
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.run import Batch, Job
from cdc_daemon.model.window import WHOLE
from cdc_daemon.ports.flow import Begun, Compared, History, Landed
from cdc_daemon.schema.table import SourceTable
from cdc_daemon.schema.types import Date, Decimal, Integer, Json, Text
from tests.factories import TABLE, make_frame, make_spec, make_table

READ_AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
TYPES = {"NAME": Text(), "ID": Integer(64), "BORN": Date(), "N": Decimal(38, 2), "J": Json()}


@dataclass
class Situation:
    """Rows of ``NAME, ID, BORN, N, J``; the key is (``ID``, ``NAME``)."""

    folder: Path
    table: SourceTable

    def hashes(self, rows) -> list[int]:
        return row_hash_v1(make_frame(self.table.columns, rows), self.table.columns).to_list()

    def _digests(self, rows) -> pl.DataFrame:
        frame = make_frame(self.table.columns, rows)
        return pl.DataFrame(
            {
                KEY: key_digest(frame, self.table.key_columns),
                HASH: row_hash_v1(frame, self.table.columns),
            }
        ).with_row_index(POSITION)

    async def _landing(self, name, pieces, *columns) -> Landing:
        folder = self.folder / name
        folder.mkdir()
        landing = Landing(folder)
        for rows in pieces:
            frame = make_frame(self.table.columns, rows)
            hashes = row_hash_v1(frame, self.table.columns).alias(HASH)
            await landing.add(frame.with_columns(hashes).select(columns))
        return landing

    async def compared(
        self, captured, opened=(), *, reopened=(), first=False, secondary=(), **state
    ) -> Compared:
        """``captured`` and ``opened`` are pieces of rows; ``reopened`` are landed positions."""
        rows = [row for piece in captured for row in piece]
        before = self._digests([row for piece in opened for row in piece]).with_columns(
            pl.lit(CURRENT, pl.Int16).alias(VERSION), pl.lit(value=False).alias(LATER)
        )
        assert before.drop(POSITION).schema == OPEN_SCHEMA
        keys = [column.field for column in self.table.key_columns]
        begun = Begun(
            job=Job(table=make_spec()),
            batch=Batch(number=7, table=TABLE, window=WHOLE, read_at=READ_AT),
            history=History(
                state=TableState(table=TABLE, epoch=3, **state),
                table=self.table,
                is_empty=first,
                ddl=("the ddl",),
                indexes=("the index",),
                secondary=secondary,
                rebuild_above=0.5,
            ),
        )
        landed = Landed(
            begun=begun,
            rows=await self._landing("rows", captured, pl.all()),
            extracted=len(rows),
            counted=len(rows),
        )
        return Compared(
            landed=landed,
            changes=joined([compare(self._digests(rows), before)]),
            reopened=pl.Series(reopened, dtype=pl.UInt32),
            opened_keys=await self._landing("keys", opened, *keys),
        )


@pytest.fixture
def situation(tmp_path):
    """A table with a composite key, in an order of its own."""
    return Situation(tmp_path, make_table(TYPES, key=("ID", "NAME")))
