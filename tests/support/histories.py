"""What a table's history says: in a form that two runs can be compared by, and against the laws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import polars as pl

from cdc_daemon.scd2.invariants import violations
from tests.support.configs import SOURCE

Rows = list[tuple[Any, ...]]

_CHANGED = """
    WITH changed AS (
        SELECT _batch_id AS batch_id FROM bronze.{0}
        UNION SELECT _closed_batch_id FROM bronze.{0} WHERE _closed_batch_id IS NOT NULL
    ), nth AS (SELECT batch_id, row_number() OVER (ORDER BY batch_id) AS n FROM changed)
"""
"""Batches that changed the table, counted from 1: what a batch without change must not alter."""


@dataclass(frozen=True, slots=True)
class History:
    """Bronze and stage without batch numbers and instants: those of batches count from 1."""

    bronze: Rows
    stage: Rows


async def history(connection: asyncpg.Connection, table: str, columns: Sequence[str]) -> History:
    """The history of source table ``table``, in a fixed order."""
    name = f"{SOURCE}_{table}"
    values = ", ".join(f"t.{column}::text" for column in columns)
    bronze = await connection.fetch(
        f"""{_CHANGED.format(name)}
        SELECT {values}, _operation, _closed_by, _is_current, _row_hash, _hash_version,
            opened.n, closed.n
        FROM bronze.{name} t JOIN nth opened ON opened.batch_id = t._batch_id
        LEFT JOIN nth closed ON closed.batch_id = t._closed_batch_id"""
    )
    stage = await connection.fetch(
        f"""{_CHANGED.format(name)}
        SELECT {values}, _operation, nth.n
        FROM stage.{name} t LEFT JOIN nth ON nth.batch_id = t._batch_id"""
    )
    return History(_sorted(bronze), _sorted(stage))


def _sorted(rows: list[asyncpg.Record]) -> Rows:
    return sorted((tuple(row) for row in rows), key=repr)


_PROMISES = {
    "every version opens at the instant of the promoted batch that it names": """
        SELECT count(*) FROM bronze.{0} v LEFT JOIN done b ON b.batch_id = v._batch_id
        WHERE b.instant IS DISTINCT FROM v._valid_from""",
    "every version closes at the instant of the promoted batch that it names": """
        SELECT count(*) FROM bronze.{0} v LEFT JOIN done b ON b.batch_id = v._closed_batch_id
        WHERE b.instant IS DISTINCT FROM v._valid_to""",
    "every change is staged at the instant of the promoted batch that it names": """
        SELECT count(*) FROM stage.{0} c LEFT JOIN done b ON b.batch_id = c._batch_id
        WHERE b.instant IS DISTINCT FROM c._changed_at""",
    "bronze has what the batches counted": """
        SELECT count(*) FROM done b WHERE (inserted, updated, reopened, deleted) <> (
            SELECT count(*) FILTER (WHERE _batch_id = b.batch_id AND _operation = 'I'),
                count(*) FILTER (WHERE _batch_id = b.batch_id AND _operation = 'U'),
                count(*) FILTER (WHERE _batch_id = b.batch_id AND _operation = 'R'),
                count(*) FILTER (WHERE _closed_batch_id = b.batch_id AND _closed_by = 'D')
            FROM bronze.{0})""",
    "stage has what the batches counted, but for the first load": """
        SELECT count(*) FROM done b WHERE batch_id > (SELECT min(batch_id) FROM done)
        AND (inserted, updated, reopened, deleted) <> (
            SELECT count(*) FILTER (WHERE _operation = 'I'), count(*) FILTER (WHERE _operation = 'U'),
                count(*) FILTER (WHERE _operation = 'R'), count(*) FILTER (WHERE _operation = 'D')
            FROM stage.{0} WHERE _batch_id = b.batch_id)""",
    "the epoch counts the batches promoted": """
        SELECT count(*) FROM state WHERE epoch <> (SELECT count(*) FROM done)""",
    "the state is that of the last batch, with nothing failed or held": """
        SELECT count(*) FROM state s, last b WHERE (s.last_batch_id, s.last_instant, s.failures)
            <> (b.batch_id, b.instant, 0) OR s.held_reason IS NOT NULL""",
    "open versions are counted": """
        SELECT count(*) FROM state
        WHERE open_versions <> (SELECT count(*) FROM bronze.{0} WHERE _valid_to IS NULL)""",
    "the checkpoint is that of the last batch": """
        SELECT count(*) FROM last b LEFT JOIN cdc.window_state w ON w.table_name = '{1}'
        WHERE (w.batch_id, w.read_at, w.row_count)
            IS DISTINCT FROM (b.batch_id, b.read_at, b.extracted)""",
    "no batch is said to run": """
        SELECT count(*) FROM cdc.batch WHERE table_name = '{1}' AND status = 'running'""",
    "law 3's index is there": """
        SELECT 1 - count(*) FROM pg_indexes WHERE schemaname = 'bronze' AND tablename = '{0}'
        AND indexdef LIKE '%UNIQUE%WHERE (_valid_to IS NULL)'""",
}
_BATCHES = """
    WITH done AS (SELECT * FROM cdc.batch WHERE table_name = '{1}' AND status = 'promoted'),
    last AS (SELECT * FROM done ORDER BY batch_id DESC LIMIT 1),
    state AS (SELECT * FROM cdc.table_state WHERE table_name = '{1}')
"""


async def broken(connection: asyncpg.Connection, table: str, key: Sequence[str]) -> list[str]:
    """The promises that the target breaks about a source table; laws 1, 3 and 7."""
    name = f"{SOURCE}_{table}"
    found = [
        promise
        for promise, sql in _PROMISES.items()
        if await connection.fetchval((_BATCHES + sql).format(name, table))
    ]
    rows = await connection.fetch(
        f"SELECT {', '.join(key)}, _valid_from, _valid_to, _is_current, _closed_by FROM bronze.{name}"
    )
    names = [*key, "_valid_from", "_valid_to", "_is_current", "_closed_by"]
    versions = pl.DataFrame(
        [tuple(row) for row in rows], schema=names, orient="row", infer_schema_length=None
    )
    against = violations(versions, key)
    return [*found, f"law 3: {against}"] if against.total else found
