"""dlt: ``sql_table`` with the pyarrow backend and the ``scd2`` strategy, PostgreSQL to PostgreSQL.

``dlt`` loads CSV files with COPY, its fastest way with its own packages (INSERT statements, the
default, take twice as long); ``dlt-adbc`` has ADBC beside it, which loads Parquet files.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.measured import Bench
from tests.benchmarks.peers.environments import environment_with
from tests.benchmarks.results import Run
from tests.benchmarks.tables import Shape
from tests.support.databases import Database

PACKAGES = (
    "dlt[postgres]==1.31.0",
    "pandas==3.1.1",
    "psycopg2-binary==2.9.13",
    "pyarrow==26.0.1",
    "sqlalchemy==2.1.9",
)
ADBC = ("adbc-driver-postgresql==1.13.0",)
PROGRAM = Path(__file__).with_name("dlt_program.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dlt:
    """Implements ``Peer``."""

    bench: Bench
    target: Database
    programs: Path
    folder: Path
    adbc: bool

    @property
    def name(self) -> str:
        """As in the report."""
        return "dlt-adbc" if self.adbc else "dlt"

    def prepare(self, shape: Shape) -> None:
        """It reads the source itself."""

    def run(self, shape: Shape, step: str) -> Run:
        """One run of its pipeline."""
        source = self.bench.source.dsn
        cost, written = self.bench.step(
            # -P: its folder has other modules than dlt's
            (str(self.programs / "python"), "-P", str(PROGRAM), shape.name, str(self.folder)),
            os.environ
            | {
                "SOURCE_DSN": f"postgresql+psycopg2{source.removeprefix('postgresql')}",
                "TARGET_DSN": self.target.dsn,
                "FILE_FORMAT": "parquet" if self.adbc else "csv",
                "DLT_DATA_DIR": str(self.folder),
                "RUNTIME__DLTHUB_TELEMETRY": "false",
                "DO_NOT_TRACK": "1",
            },
            target=self.target,
            schemas=("dlt", "dlt_staging"),
            folder=self.folder,
        )
        return Run(
            case=shape.name, step=step, tool=self.name, rows=shape.rows, cost=cost, written=written
        )

    def kept(self, shape: Shape) -> tuple[int, int]:
        """All versions, and the open ones."""
        sql = (
            f"SELECT count(*), count(*) FILTER (WHERE _dlt_valid_to IS NULL) FROM dlt.{shape.name}"
        )
        versions, open_ones = self.target.fetch(sql)[0]
        return versions, open_ones


def packages(*, adbc: bool) -> tuple[str, ...]:
    """What its environment has."""
    return PACKAGES + (ADBC if adbc else ())


def make(bench: Bench, target: Database, environments: Path, folder: Path, *, adbc: bool) -> Dlt:
    """With its environment.

    Raises:
        ProgramFailed: it cannot be installed.
    """
    programs = environment_with(packages(adbc=adbc), "dlt", environments)
    return Dlt(bench=bench, target=target, programs=programs, folder=folder, adbc=adbc)
