"""``cdc-daemon once`` as a measured process, and what its control tables say of the batch."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.measure import ProgramFailed
from tests.benchmarks.measured import Bench
from tests.benchmarks.results import PRODUCT, Run
from tests.benchmarks.tables import Shape
from tests.support.process import environment
from tests.support.site import Site

SCHEMAS = ("bronze", "stage")
_EVENTS = """
    SELECT kind, sum(seconds) FROM cdc.pipeline_event WHERE event_id > {since} GROUP BY kind"""
_WORK = """
    SELECT name, sum(value::float8)
    FROM cdc.pipeline_event, jsonb_each_text(detail->'work') AS work (name, value)
    WHERE event_id > {since} AND kind = 'TABLE_TOTAL' AND jsonb_typeof(detail->'work') = 'object'
    GROUP BY name"""
_COUNTS = """
    SELECT count(*), coalesce(sum(extracted), 0)::bigint,
        coalesce(sum(inserted + updated + reopened + deleted), 0)::bigint
    FROM cdc.batch WHERE batch_id > {since} AND status = 'promoted'"""


@dataclass(frozen=True, slots=True)
class Product:
    """The daemon's command line on one site."""

    bench: Bench
    site: Site

    def configure(self, shapes: Sequence[Shape]) -> None:
        """Tables and nothing else: everything has its default."""
        self.site.configure(*(shape.name for shape in shapes))

    def once(
        self, case: str, step: str, shapes: Sequence[Shape], changes: int, repeat: int = 0
    ) -> Run:
        """One pass over all configured tables, which must find so many changes.

        Raises:
            ProgramFailed: it did not end well, or did not do the work.
        """
        since_event, since_batch = self._last("pipeline_event"), self._last("batch")
        cost, written = self.bench.step(
            (sys.executable, "-m", "cdc_daemon", "once"),
            environment(self.site.path, self.site.env),
            target=self.site.target,
            schemas=SCHEMAS,
            folder=self.site.folder,
        )
        rows = sum(shape.rows for shape in shapes)
        expected = (len(shapes), rows, changes)
        found = self.site.target.fetch(_COUNTS.format(since=since_batch))[0]
        if found != expected:
            raise ProgramFailed(f"batches, rows, changes: {found} instead of {expected}")
        return Run(
            case=case,
            step=step,
            tool=PRODUCT,
            rows=rows,
            tables=len(shapes),
            repeat=repeat,
            cost=cost,
            written=written,
            work=self._seconds(_WORK, since_event),
            steps=self._seconds(_EVENTS, since_event),
        )

    def _seconds(self, sql: str, since: int) -> dict[str, float]:
        rows: list[tuple[Any, ...]] = self.site.target.fetch(sql.format(since=since))
        return {str(name): float(seconds) for name, seconds in rows}

    def _last(self, table: str) -> int:
        """The last number of a control table; 0 where there is none yet."""
        column = {"pipeline_event": "event_id", "batch": "batch_id"}[table]
        if self.site.target.fetch(f"SELECT to_regclass('cdc.{table}')") == [(None,)]:
            return 0
        rows = self.site.target.fetch(f"SELECT coalesce(max({column}), 0) FROM cdc.{table}")
        return int(rows[0][0])
