"""The program that is measured for dlt: one run of ``sql_table`` with the ``scd2`` strategy.

It runs in dlt's environment, alone: it may import nothing of this repository. The row hash is
dlt's own function, which its documentation asks for with Arrow tables.
"""

from __future__ import annotations

import os
import sys

import dlt  # type: ignore[import-not-found]  # it is in another environment
from dlt.sources.helpers.transform import add_row_hash_to_table  # type: ignore[import-not-found]
from dlt.sources.sql_database import sql_table  # type: ignore[import-not-found]


def main(table: str, pipelines_dir: str) -> None:
    """Copies the table from SOURCE_DSN to schema ``dlt`` of TARGET_DSN."""
    rows = sql_table(
        credentials=os.environ["SOURCE_DSN"],
        table=table,
        schema="public",
        backend="pyarrow",
        reflection_level="full_with_precision",
    )
    rows.add_map(add_row_hash_to_table("row_hash"))
    rows.apply_hints(
        write_disposition={
            "disposition": "merge",
            "strategy": "scd2",
            "row_version_column_name": "row_hash",
        }
    )
    pipeline = dlt.pipeline(
        "benchmark",
        pipelines_dir=pipelines_dir,
        destination=dlt.destinations.postgres(credentials=os.environ["TARGET_DSN"]),
        dataset_name="dlt",
    )
    pipeline.run(rows, loader_file_format=os.environ["FILE_FORMAT"])


if __name__ == "__main__":
    main(*sys.argv[1:])
