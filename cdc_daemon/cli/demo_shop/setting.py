"""Where the story takes place: two databases on a server, and a configuration that names them.

Law 9: the password stands in a file of its own that only this user may read; the configuration
refers to it.
"""

from __future__ import annotations

import json
from pathlib import Path

from cdc_daemon.cli.demo_shop.story import SOURCE, TABLES, WAREHOUSE
from cdc_daemon.databases.postgresql.database import PostgresDatabase
from cdc_daemon.databases.postgresql.embedded import EmbeddedPostgres
from cdc_daemon.model.config import ConnectionSpec

_CONFIG = """\
# Written by `cdc-daemon demo`; good for as long as its server runs.
connections:
  {source}: {connection_source}
  {warehouse}: {connection_warehouse}
target: {{connection: {warehouse}}}
runtime: {{landing_dir: {landing}}}
tables:
{tables}
"""


async def prepare(server: EmbeddedPostgres) -> Path:
    """Make the databases, and the configuration in the server's private folder; its path.

    Raises:
        DatabaseError: a database cannot be made.
    """
    administered = PostgresDatabase(
        ConnectionSpec(
            name="demo",
            engine="postgresql",
            host=server.host,
            port=server.port,
            database=server.database,
            user=server.user,
        ),
        lambda: server.password,
    )
    try:
        async with administered.session() as session:
            for name in (SOURCE, WAREHOUSE):
                await session.execute(f"CREATE DATABASE {name}")
    finally:
        await administered.aclose()
    return _written(server)


def _written(server: EmbeddedPostgres) -> Path:
    assert server.folder is not None  # noqa: S101 - it runs
    folder = server.folder / "demo"
    landing = folder / "landing"
    landing.mkdir(mode=0o700, parents=True)
    password = folder / "password"
    password.touch(0o600)
    password.write_text(server.password)
    config = folder / "cdc-daemon.yaml"
    config.write_text(
        _CONFIG.format(
            source=SOURCE,
            warehouse=WAREHOUSE,
            connection_source=_connection(server, SOURCE, password),
            connection_warehouse=_connection(server, WAREHOUSE, password),
            landing=json.dumps(str(landing)),
            tables="\n".join(
                f"  - {{source: {SOURCE}, schema: public, name: {table.name}}}" for table in TABLES
            ),
        ),
        encoding="utf-8",
    )
    return config


def _connection(server: EmbeddedPostgres, database: str, password: Path) -> str:
    """One connection as YAML; a path as JSON, which YAML reads whatever is in it."""
    return (
        f"{{engine: postgresql, host: {server.host}, port: {server.port}, database: {database}, "
        f"user: {server.user}, password: {{file: {json.dumps(str(password))}}}}}"
    )
