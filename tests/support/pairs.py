"""A source of one engine and a target of another: what the command line works on in pairs.

Statements here are of SQL that both engines have, so that nothing is arranged differently.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.databases import Database
from tests.support.process import Completed, Daemon, cdc
from tests.support.sqlserver import DRIVER, SqlServer, a_sqlserver

PAIRS = (
    ("sqlserver", "sqlserver"),
    ("sqlserver", "postgresql"),
    ("postgresql", "sqlserver"),
)
PASSWORDS = {"src": "TEST_SOURCE_PASSWORD", "wh": "TEST_TARGET_PASSWORD"}
SCHEMA = "app"
TABLE = "account"
COLUMNS = "id, name, amount, note"
ACCOUNT = f"""CREATE TABLE {SCHEMA}.{TABLE} (id int NOT NULL, name varchar(40) NOT NULL,
    amount decimal(18,4) NULL, note varchar(200) NULL, PRIMARY KEY (id, name))"""
OPEN = f"SELECT {COLUMNS} FROM bronze.src_{TABLE} WHERE _valid_to IS NULL"
SOURCE = f"SELECT {COLUMNS} FROM {SCHEMA}.{TABLE}"

End = Database | SqlServer
_RUNS = """SELECT a.id FROM bronze.src_account a JOIN bronze.src_account b
    ON a.id = b.id AND a.name = b.name AND a._batch_id < b._batch_id
    WHERE a._valid_to IS NULL OR a._valid_to > b._valid_from"""
"""Versions of a key that overlap (law 3)."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Source ``src``, target ``wh``; passwords come from the environment."""

    source: End
    target: End
    folder: Path

    @property
    def path(self) -> Path:
        """The configuration file."""
        return self.folder / "cdc-daemon.yaml"

    @property
    def env(self) -> dict[str, str]:
        """What a child needs to know the passwords."""
        ends = {"src": self.source, "wh": self.target}
        return {PASSWORDS[name]: end.password for name, end in ends.items()}

    def configure(self, **sections: Any) -> None:
        """Writes the file."""
        ends = {"src": self.source, "wh": self.target}
        document = {
            "connections": {name: _section(end, PASSWORDS[name]) for name, end in ends.items()},
            "target": {"connection": "wh"},
            "tables": [{"source": "src", "schema": SCHEMA, "name": TABLE}],
            "http": {"host": "127.0.0.1", "port": 0},
            **sections,
        }
        self.path.write_text(json.dumps(document, indent=1), encoding="utf-8")

    def run(self, *arguments: str) -> Completed:
        """A command, run to its end."""
        return cdc(arguments, self.path, self.env)

    def watch(self, *arguments: str) -> Daemon:
        """A command to be watched; enter it."""
        return Daemon(arguments, self.path, self.env)

    def begin(self, rows: int = 5) -> None:
        """The source table, with that many rows."""
        self.source.execute(f"CREATE SCHEMA {SCHEMA}")
        self.source.execute(ACCOUNT)
        for begin in range(0, rows, 500):  # a VALUES list has 1,000 rows at most
            numbers = range(begin, min(rows, begin + 500))
            values = ", ".join(f"({n}, 'n{n}', {n}.5, 'first')" for n in numbers)
            self.source.execute(f"INSERT INTO {SCHEMA}.{TABLE} ({COLUMNS}) VALUES {values}")

    def change(self, turn: int = 0) -> None:
        """One row less, one other, one more; keys that collations blur among them."""
        table = f"{SCHEMA}.{TABLE}"
        self.source.execute(f"DELETE FROM {table} WHERE id = {turn}")
        self.source.execute(f"UPDATE {table} SET amount = {turn}.25 WHERE id = {turn + 1}")
        self.source.execute(
            f"INSERT INTO {table} ({COLUMNS}) VALUES ({100 + turn}, 'N ', NULL, '')"
        )

    def mirrored(self) -> bool:
        """Law 4 now: what is open in bronze is what the source holds."""
        return _sorted(self.target.fetch(OPEN)) == _sorted(self.source.fetch(SOURCE))

    def lawful(self) -> None:
        """Laws 3 and 4, and no load table, batch or landing that a dead process left in the way."""
        assert self.mirrored()
        assert self.target.fetch(_RUNS) == []
        running = "SELECT batch_id FROM cdc.batch WHERE status = 'running'"
        assert self.target.fetch(running) == []

    def operations(self) -> list[tuple[Any, ...]]:
        """Why each version opened and what closed it, oldest first."""
        return self.target.fetch(
            f"SELECT id, _operation, _closed_by FROM bronze.src_{TABLE} ORDER BY id, _batch_id"
        )


def _section(end: End, password: str) -> Mapping[str, Any]:
    common = {
        "host": end.host,
        "port": end.port,
        "user": end.user,
        "password": {"env": password},
    }
    if isinstance(end, Database):
        return {"engine": "postgresql", "database": end.name, **common}
    driver = {"driver": given} if (given := os.environ.get(DRIVER)) else {}
    settings = {"tls": {"mode": "require"}, "sqlserver": driver}
    return {"engine": "sqlserver", "database": end.database, **settings, **common}


def _sorted(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return sorted((tuple(row) for row in rows), key=repr)


@contextmanager
def a_pair(
    engines: tuple[str, str], create: Callable[[], Database], folder: Path
) -> Iterator[Pair]:
    """Two empty databases of these engines, and a configuration between them."""
    with ExitStack() as stack:
        source, target = (
            create() if name == "postgresql" else stack.enter_context(a_sqlserver(create))
            for name in engines
        )
        pair = Pair(source, target, folder)
        pair.configure()
        yield pair
