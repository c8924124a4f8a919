"""The control tables are the same ones in every engine."""

from __future__ import annotations

import re
from collections import defaultdict
from importlib import resources

import pytest

from cdc_daemon.control.schema import ControlSchema
from cdc_daemon.databases.postgresql.dialect import PostgresDialect
from cdc_daemon.databases.sqlserver.dialect import SqlServerDialect
from cdc_daemon.model.config import TargetSpec

NOT_NULL = re.compile(r"\bNOT NULL\b|\bPRIMARY KEY\b")


def migrations(dialect):
    schema = ControlSchema(
        database=None, dialect=dialect, target=TargetSpec(connection="w", control_schema="c]x")
    )
    return schema.migrations()


def columns(dialect):
    """Of each table, its columns, and whether they may be NULL, in order."""
    found = defaultdict(list)
    for migration in migrations(dialect):
        for statement in migration.statements:
            if made := re.fullmatch(r"CREATE TABLE \S+\.(\w+) \((.*)\)", statement, re.DOTALL):
                for line in re.split(r",\n", made[2]):
                    name = line.split()[0]
                    if name != "PRIMARY":
                        found[made[1]].append((name, not NOT_NULL.search(line)))
            elif added := re.fullmatch(
                r"ALTER TABLE \S+\.(\w+) ADD (?:COLUMN )?(\w+) (.*)", statement, re.DOTALL
            ):
                found[added[1]].append((added[2], not NOT_NULL.search(added[3])))
    return found


def test_every_engine_has_the_same_tables_with_the_same_columns():
    """What the daemon writes on one engine it can write on the other."""
    in_postgresql, in_sqlserver = columns(PostgresDialect()), columns(SqlServerDialect())
    assert {"table_state", "batch", "window_state", "pipeline_event"} <= set(in_postgresql)
    assert in_sqlserver == in_postgresql


def test_every_engine_has_the_same_migrations():
    """A version of the control schema means the same everywhere."""
    numbered = [(m.version, m.name) for m in migrations(PostgresDialect())]
    assert [(m.version, m.name) for m in migrations(SqlServerDialect())] == numbered


def test_statements_are_split_at_their_ends_and_names_are_quoted():
    """No statement holds another one, and no placeholder is left."""
    statements = [s for m in migrations(SqlServerDialect()) for s in m.statements]
    assert all(";" not in s and "{" not in s and "--" not in s for s in statements)
    assert all(re.match(r"CREATE|ALTER", s) for s in statements)
    assert all("[c]]x]." in s for s in statements)


@pytest.mark.parametrize("engine", ["postgresql", "sqlserver"])
def test_a_package_holds_its_migrations(engine):
    """They are found where the daemon is installed, not only in a checkout."""
    folder = resources.files("cdc_daemon.control.migrations") / engine
    assert any(entry.name.startswith("0001_") for entry in folder.iterdir())
