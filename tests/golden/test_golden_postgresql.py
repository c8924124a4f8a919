"""PostgreSQL's SQL for a table of awkward names, as it was read and approved.

Law 6: what runs on a target changes only where a person saw the difference. With
``CDC_UPDATE_GOLDEN=1`` the files are written anew, to be read before they are committed.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cdc_daemon.databases.postgresql.dialect import PostgresDialect
from cdc_daemon.load.statements import Statements
from cdc_daemon.model.table import QualifiedName
from cdc_daemon.schema.types import (
    Binary,
    Boolean,
    Date,
    Decimal,
    Float,
    Integer,
    Json,
    Native,
    Text,
    Time,
    Timestamp,
    Uuid,
)
from tests.factories import make_column, make_spec, make_table
from tests.support.golden import approved

FOLDER = Path(__file__).parent / "postgresql"
TABLE = make_table(
    {
        "order": Integer(64),
        'a"b': Text(),
        "_valid_from": Timestamp(zoned=True),
        "_valid_from_src": Timestamp(3),
        "Größe": Decimal(10, 2),
        "exact": Decimal(),
        "mixedCase": Text(10),
        "a]b;--": Text(3, fixed=True),
        "two words": Json(binary=True),
        "😀": Binary(),
        "list": Native("postgresql", "integer[]"),
        "day": Date(),
        "hour": Time(0),
        "flag": Boolean(),
        "$1": Uuid(),
        "real": Float(32),
        "x" * 70: Integer(16),
    },
    key=('a"b', "order", "exact"),
)
SPEC = make_spec(
    bronze=QualifiedName("bronze", 'core_a"b'), stage=QualifiedName("Stage Area", 'core_a"b')
)
DIALECT = PostgresDialect()
LOAD = DIALECT.load_table(SPEC, 7)
LOADED = Statements(dialect=DIALECT, spec=SPEC, table=TABLE, control_schema="cdc", load=LOAD)
UNIQUE, VERSIONS = DIALECT.create_indexes(SPEC, TABLE)
STATEMENTS = {
    "create_bronze": DIALECT.create_bronze(SPEC, TABLE),
    "create_stage": DIALECT.create_stage(SPEC, TABLE),
    "create_stage_index": DIALECT.create_stage_index(SPEC),
    "create_view": DIALECT.create_view(SPEC, [c.target_name for c in TABLE.columns]),
    "create_index_open_key": UNIQUE,
    "create_index_key_from": VERSIONS,
    "secondary_indexes": DIALECT.secondary_indexes().strip(),
    "lock_alone": DIALECT.lock_alone(SPEC),
    "drop_index": DIALECT.drop_index(SPEC, 'core_a"b_key_from'),
    "gather_statistics": DIALECT.gather_statistics(SPEC, TABLE),
    "add_column": DIALECT.add_column(SPEC.bronze, make_column('new "one"', Text(5))),
    "create_schema": DIALECT.create_schema('sta"ge'),
    "create_migrations": DIALECT.create_migrations(QualifiedName("cdc", "schema_migration")),
    "insert_returning": DIALECT.insert_returning('"cdc".batch', ("source", "run_id"), "batch_id"),
    "insert_absent": DIALECT.insert_absent('"cdc".table_state', ("source", "schema_name")),
    "columns_of": DIALECT.columns_of().strip(),
    "open_keys": DIALECT.open_keys().strip(),
    "select_open_versions": DIALECT.select_open_versions(
        SPEC, TABLE.key_columns, datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)
    ),
    "create_load": DIALECT.create_load(LOAD, TABLE.columns),
    "create_keys": DIALECT.create_keys(DIALECT.keys_table(SPEC, 7), TABLE.key_columns),
    "fence": LOADED.fence(),
    "epoch": LOADED.epoch(),
    "stage_deleted": LOADED.stage_deleted(),
    "close_versions": LOADED.close_versions(),
    "rewrite_versions": LOADED.rewrite_versions(),
    "open_versions": LOADED.open_versions(),
    "stage_opened": LOADED.stage_opened(),
    "forget_window": LOADED.forget_window(),
    "checkpoint": LOADED.checkpoint(),
    "stage_rewritten": LOADED.stage_rewritten(),
    "advance": LOADED.advance(),
    "advance_by_replay": LOADED.advance_by_replay(),
    "batch": LOADED.batch(),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_the_statement_is_the_approved_one(name):
    """No change of the code changes SQL that nobody looked at (law 6)."""
    statement = STATEMENTS[name] + ";\n"
    assert approved(FOLDER, name, statement) == statement


def test_every_approved_file_belongs_to_a_statement():
    """No file stays behind when a statement goes."""
    assert {path.stem for path in FOLDER.iterdir()} == set(STATEMENTS)
