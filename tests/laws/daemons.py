"""Daemons on one table of real databases, and what must hold whatever happened to them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from operator import itemgetter
from typing import Any

import asyncpg
import pytest

from cdc_daemon.databases.sqlserver.lock import SqlServerLocks
from cdc_daemon.model.config import ConnectionSpec
from cdc_daemon.model.run import RunOutcome
from tests.laws.places import Place, Side
from tests.support import sqlserver
from tests.support.databases import Database
from tests.support.failpoints import Predicate
from tests.support.pairs import End
from tests.support.rig import SOURCE, TARGET, connection, table
from tests.support.session import Statement
from tests.support.wired import Wired

SCHEMA, NAME = "app", "account"
TABLE = f"{SCHEMA}.{NAME}"
BRONZE, STAGE = f"bronze.src_{NAME}", f"stage.src_{NAME}"
FENCE = "SET epoch = epoch + 1"
"""What promote's compare-and-set of the epoch has in its text."""
SECONDS = 30
HEARTBEAT_SECONDS = 0.2
"""Nothing tells of a lost session of SQL Server but the next question to it."""
FIRST_LOAD = pytest.mark.parametrize("loaded", [False, True], ids=["first load", "changes"])


class Daemon(Wired):
    """A daemon of the table, by one way to the target."""

    def __init__(self, place: Place, via: End) -> None:
        self.place = place
        super().__init__(
            {SOURCE: _connection(SOURCE, place.source.end), TARGET: _connection(TARGET, via)},
            target=TARGET,
            tables=[table(NAME, schema=SCHEMA)],
        )

    async def _enter(self, stack: AsyncExitStack) -> None:
        await super()._enter(stack)
        runner = self.app.runner
        if isinstance(runner.locks, SqlServerLocks):
            locks = replace(runner.locks, heartbeat_seconds=HEARTBEAT_SECONDS)
            self.app = replace(self.app, runner=replace(runner, locks=locks))


def _connection(name: str, end: End) -> ConnectionSpec:
    kind = connection if isinstance(end, Database) else sqlserver.connection
    return kind(name, end)


@asynccontextmanager
async def daemons(place: Place, *ways: End | None) -> AsyncIterator[list[Daemon]]:
    """One daemon for each way to the target, None being the plain one; they share the table."""
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(Daemon(place, way or place.target.end)) for way in ways
        ]


# -- the source --------------------------------------------------------------------------------


async def filled(place: Place, rows: int = 3) -> None:
    """The source table with that many rows."""
    values = ", ".join(f"({n}, 'v{n}')" for n in range(1, rows + 1))
    await place.source.execute(
        f"CREATE SCHEMA {SCHEMA}",
        f"CREATE TABLE {TABLE} (id bigint NOT NULL PRIMARY KEY, v varchar(40))",
        f"INSERT INTO {TABLE} (id, v) VALUES {values}",
    )


async def changed(place: Place) -> None:
    """One row more, one row less, one row other."""
    least = f"WHERE id = (SELECT min(id) FROM {TABLE})"
    await place.source.execute(
        f"DELETE FROM {TABLE} {least}",
        f"INSERT INTO {TABLE} (id, v) SELECT max(id) + 1, 'new' FROM {TABLE}",
        f"UPDATE {TABLE} SET v = CONCAT(v, '+') {least}",
    )


async def begun(daemon: Daemon, *, loaded: bool) -> None:
    """A source table that has not been loaded yet, or that has changed since."""
    await filled(daemon.place)
    if loaded:
        await daemon.succeeds()
        await changed(daemon.place)


# -- the target --------------------------------------------------------------------------------


async def written(place: Place) -> tuple[object, ...]:
    """All that a promote writes."""
    target = place.target
    is_there = await target.rows(
        "SELECT 1 FROM INFORMATION_SCHEMA.TABLES "
        f"WHERE TABLE_SCHEMA = 'bronze' AND TABLE_NAME = 'src_{NAME}'"
    )
    state = await target.rows(
        "SELECT last_batch_id, last_instant, open_versions FROM cdc.table_state"
    )
    return (
        await _all(target, BRONZE) if is_there else None,
        await _all(target, STAGE) if is_there else None,
        state or [(None, None, 0)],
        await _all(target, "cdc.window_state"),
    )


async def _all(side: Side, name: str) -> list[tuple[Any, ...]]:
    return sorted(await side.rows(f"SELECT * FROM {name}"), key=repr)


async def lawful(daemon: Daemon) -> None:
    """Laws 3 and 4 now: one open version a key, no overlap, and bronze is the source."""
    place = daemon.place
    now = await daemon.app.target.now()
    spans: dict[int, list[tuple[datetime, datetime]]] = defaultdict(list)
    holding = []
    for key, value, begins, ends in await place.target.rows(
        f"SELECT id, v, _valid_from, _valid_to FROM {BRONZE}"
    ):
        spans[key].append((_utc(begins), END if ends is None else _utc(ends)))
        if spans[key][-1][0] <= now < spans[key][-1][1]:
            holding.append((key, value))
    for versions in spans.values():
        versions.sort()
        assert all(begins < ends for begins, ends in versions)
        assert all(a[1] <= b[0] for a, b in pairwise(versions)), versions
    assert sorted(holding) == sorted(await place.source.rows(f"SELECT id, v FROM {TABLE}"))
    running = await place.target.rows("SELECT batch_id FROM cdc.batch WHERE status = 'running'")
    assert running == []


END = datetime.max.replace(tzinfo=UTC)
"""Of a version that is open."""


def _utc(instant: datetime) -> datetime:
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


async def next_run_is_right(daemon: Daemon) -> None:
    """Law 7: nothing has to be repaired by hand, and running once more changes nothing (law 5)."""
    await daemon.succeeds()
    await lawful(daemon)
    await _nothing_is_left(daemon)
    counts = (await daemon.succeeds())[NAME].counts
    assert (counts.opened, counts.closed) == (0, 0)


async def _nothing_is_left(daemon: Daemon) -> None:
    """No load table that a dead batch left in the way."""
    left = await daemon.place.target.rows(
        "SELECT TABLE_NAME FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = 'stage'"
    )
    assert [str(name) for (name,) in left] == [STAGE.removeprefix("stage.")]


# -- statements, locks -------------------------------------------------------------------------


def says(fragment: str) -> Predicate:
    """Statements with this in their text; names are in double quotes, whatever the engine."""
    return lambda statement: fragment in statement.sql.replace("[", '"').replace("]", '"')


def promotes_commit() -> Predicate:
    """The COMMIT that makes a batch history: the first after the batch was marked, there."""
    marked: list[int] = []

    def matches(statement: Statement) -> bool:
        if "status = 'promoted', " in statement.sql:
            marked.append(statement.connection)
        return statement.connection in marked and statement.sql.startswith("COMMIT")

    return matches


_LOCKS = (
    "FROM pg_locks WHERE locktype = 'advisory' AND granted "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


async def end_locks(side: Side) -> int:
    """The server ends the sessions that hold locks of tables; how many there were."""
    return len(await side.inside(f"SELECT pg_terminate_backend(pid) {_LOCKS}"))


async def nobody_holds(side: Side) -> None:
    """Wait until the server has noticed that the sessions with locks are gone."""
    async with asyncio.timeout(SECONDS):
        while await side.inside(f"SELECT 1 {_LOCKS}"):
            pass


Waiting = tuple[int, datetime]
"""A session, and when the statement began that waits in it."""


async def waiting(side: Side, gate: asyncpg.Connection) -> set[Waiting]:
    """The statements that wait at the server for what ``gate`` has locked, and for nothing else."""
    rows = await side.inside(
        "SELECT pid, query_start FROM pg_stat_activity WHERE datname = current_database() "
        f"AND {gate.get_server_pid()} = ANY (pg_blocking_pids(pid))"
    )
    return {(pid, began) for pid, began in rows}


async def until_waiting(
    side: Side, gate: asyncpg.Connection, running: asyncio.Task[RunOutcome]
) -> Waiting:
    """The first of them, when there is one: seen twice, for a session that begins to wait is seen
    with the beginning of the statement before.
    """
    before: set[Waiting] = set()
    async with asyncio.timeout(SECONDS):
        while not (found := before & (now := await waiting(side, gate))):
            assert not running.done(), running.result().error
            before = now
    return min(found, key=itemgetter(1))


async def ended(running: asyncio.Task[RunOutcome]) -> RunOutcome:
    """The outcome, in bounded time."""
    async with asyncio.timeout(SECONDS):
        return await running
