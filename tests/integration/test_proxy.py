"""The proxy that other tests do harm with."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
from concurrent.futures import Future
from contextlib import suppress

import adbc_driver_postgresql.dbapi as adbc
import asyncpg
import pyarrow as pa
import pytest

from tests.support.databases import Database
from tests.support.failpoints import Verdict, cut, kill, nth
from tests.support.frames import Framer
from tests.support.proxy import Proxy

LOST = (OSError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 1000])
def test_framer_keeps_every_byte(size: int) -> None:
    """However a stream is chopped, its pieces joined are the stream, wanted messages whole."""
    messages = [
        b"Q" + (4 + 9).to_bytes(4, "big") + b"select 1\0",
        b"d" + (4 + 20).to_bytes(4, "big") + b"Q" * 20,
        b"X" + (4).to_bytes(4, "big"),
        b"S" + (4).to_bytes(4, "big"),
        b"d" + (4 + 3).to_bytes(4, "big") + b"SSS",
        b"Q" + (4 + 1).to_bytes(4, "big") + b"\0",
    ]
    stream = b"".join(messages)
    framer = Framer("QS")
    pieces = [
        piece
        for start in range(0, len(stream), size)
        for piece in framer.feed(stream[start : start + size])
    ]
    assert b"".join(piece.raw for piece in pieces) == stream
    assert [piece.raw for piece in pieces if piece.kind] == [
        messages[0],
        messages[3],
        messages[5],
    ]


@pytest.mark.asyncio
async def test_records_statements_of_every_protocol(
    target_db: Database, target_proxy: Proxy
) -> None:
    """Simple queries, prepared ones and COPY are recorded with their SQL, each done once."""
    connection = await asyncpg.connect(
        target_db.through(target_proxy.port).dsn, server_settings={"application_name": "here"}
    )
    await connection.execute("CREATE TABLE t (a int, b text)")
    await connection.fetch("SELECT $1::int", 1)
    await connection.executemany("INSERT INTO t VALUES ($1, $2)", [(1, "x"), (2, "y")])
    await connection.copy_records_to_table("t", records=[(3, "z")])
    await connection.close()
    seen = [(statement.kind, statement.sql.split(" (")[0]) for statement in target_proxy.statements]
    assert seen[:4] == [
        ("query", "CREATE TABLE t"),
        ("execute", "SELECT $1::int"),
        ("execute", "INSERT INTO t VALUES"),
        ("execute", "INSERT INTO t VALUES"),
    ]
    assert [kind for kind, _ in seen[4:]] == ["query", "copy_done"]
    assert seen[4][1] == seen[5][1]
    assert target_proxy.done == target_proxy.statements
    assert {one.application for one in target_proxy.statements} == {"here"}
    assert {one.database for one in target_proxy.statements} == {target_db.name}
    assert [one.number for one in target_proxy.statements] == [1, 2, 3, 4, 5, 6]
    target_proxy.reset()
    assert target_proxy.statements == ()


def test_follows_copy_of_the_extended_protocol(target_db: Database, target_proxy: Proxy) -> None:
    """ADBC's COPY both ways is followed; its statements are done in the order they were sent."""
    target_db.execute("CREATE TABLE t (a bigint)")
    with adbc.connect(target_db.through(target_proxy.port).dsn) as connection:
        with connection.cursor() as cursor:
            cursor.adbc_ingest("t", pa.table({"a": [1, 2, 3]}), mode="append")
            cursor.execute("SELECT a FROM t ORDER BY a")
            assert cursor.fetch_arrow_table()["a"].to_pylist() == [1, 2, 3]
        connection.commit()
    copies = [one for one in target_proxy.statements if "COPY" in one.sql]
    assert [one.kind for one in copies].count("copy_done") == 1
    assert len(copies) == 3
    assert target_proxy.done == target_proxy.statements
    assert target_db.fetch("SELECT count(*) FROM t") == [(3,)]


@pytest.mark.asyncio
async def test_hold_pauses_before_the_statement_is_forwarded(
    target_db: Database, target_proxy: Proxy
) -> None:
    """A held statement has not happened; released, it happens."""
    await_insert = target_proxy.hold("insert into t")
    async with target_db.through(target_proxy.port).connect() as connection:
        await connection.execute("CREATE TABLE t (a int)")
        insert = asyncio.create_task(connection.execute("INSERT INTO t VALUES (1)"))
        await await_insert.reached()
        assert target_db.fetch("SELECT count(*) FROM t") == [(0,)]
        assert not insert.done()
        await_insert.release()
        await insert
        await connection.execute("INSERT INTO t VALUES (2)")
    assert target_db.fetch("SELECT count(*) FROM t") == [(2,)]


@pytest.mark.asyncio
async def test_hold_may_end_in_a_cut(target_db: Database, target_proxy: Proxy) -> None:
    """A held statement whose connection is broken never reaches the server."""
    target_db.execute("CREATE TABLE t (a int)")
    hold = target_proxy.hold("INSERT")
    async with target_db.through(target_proxy.port).connect() as connection:
        insert = asyncio.create_task(connection.execute("INSERT INTO t VALUES (1)"))
        await hold.reached()
        hold.release(Verdict.RESET)
        with pytest.raises(LOST):
            await insert
    assert target_db.fetch("SELECT count(*) FROM t") == [(0,)]


@pytest.mark.asyncio
@pytest.mark.parametrize("reset", [True, False])
@pytest.mark.parametrize(("after", "rows"), [(False, 0), (True, 1)])
async def test_cut_before_and_after(
    target_db: Database, target_proxy: Proxy, *, reset: bool, after: bool, rows: int
) -> None:
    """The client loses its connection either way; only after the answer has the server done it."""
    target_db.execute("CREATE TABLE t (a int)")
    rule = target_proxy.on_statement("INSERT", cut(reset=reset), after=after)
    async with target_db.through(target_proxy.port).connect() as connection:
        with pytest.raises(LOST):
            await connection.execute("INSERT INTO t SELECT $1::int", 1)
    assert rule.fired == 1
    assert target_db.fetch("SELECT count(*) FROM t") == [(rows,)]


@pytest.mark.asyncio
async def test_rules_count_down_and_match_by_number(
    target_db: Database, target_proxy: Proxy
) -> None:
    """A rule acts ``times`` times, on the statement its predicate names, with what it was given."""
    seen = []
    rule = target_proxy.on_statement(nth(2), lambda statement: seen.append(statement.sql))

    async def note(statement: object) -> None:
        seen.append("async")

    every = target_proxy.on_statement("SELECT", note, times=None)
    async with target_db.through(target_proxy.port).connect() as connection:
        for number in range(4):
            await connection.execute(f"SELECT {number}")
    assert seen == ["async", "SELECT 1", "async", "async"]
    assert (rule.fired, every.fired) == (1, 3)


CLIENT = """
import asyncio, asyncpg, sys
async def main():
    connection = await asyncpg.connect(sys.argv[1])
    await connection.execute("INSERT INTO t VALUES (1)")
    await connection.execute("INSERT INTO t VALUES (2)")
asyncio.run(main())
"""


@pytest.mark.parametrize(("after", "rows"), [(False, 0), (True, 1)])
def test_kills_a_process_at_a_statement(
    target_db: Database, target_proxy: Proxy, *, after: bool, rows: int
) -> None:
    """A client killed before a statement has not done it; killed after its answer, it has."""
    target_db.execute("CREATE TABLE t (a int)")
    pid: Future[int] = Future()
    target_proxy.on_statement("VALUES (1)", kill(pid.result), after=after)
    with subprocess.Popen(
        [sys.executable, "-c", CLIENT, target_db.through(target_proxy.port).dsn]
    ) as client:
        pid.set_result(client.pid)
        assert client.wait(30) == -signal.SIGKILL
    assert target_db.fetch("SELECT count(*) FROM t") == [(rows,)]


@pytest.mark.asyncio
async def test_refuse_and_heal(target_db: Database, target_proxy: Proxy) -> None:
    """Refused means refused by the system; what is connected stays; after ``heal`` all is well."""
    database = target_db.through(target_proxy.port)
    async with database.connect() as connection:
        target_proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            await asyncpg.connect(database.dsn)
        assert await connection.fetchval("SELECT 1") == 1
        target_proxy.heal()
        async with database.connect() as another:
            assert await another.fetchval("SELECT 2") == 2
    assert target_proxy.connections == 2


@pytest.mark.asyncio
async def test_cut_all(target_db: Database, target_proxy: Proxy) -> None:
    """Every connection is lost at once, at both ends; new ones are welcome."""
    database = target_db.through(target_proxy.port)
    async with database.connect() as one, database.connect() as two:
        target_proxy.cut_all()
        for connection in (one, two):
            with pytest.raises(LOST):
                await connection.fetchval("SELECT 1")
    async with database.connect() as three:
        assert await three.fetchval("SELECT 3") == 3


@pytest.mark.asyncio
async def test_blackhole_forwards_nothing_until_healed(
    target_db: Database, target_proxy: Proxy
) -> None:
    """Requests and logins hang, as in a network that drops packets, and go on after ``heal``."""
    database = target_db.through(target_proxy.port)
    async with database.connect() as connection:
        target_proxy.blackhole()
        with pytest.raises(TimeoutError):
            await asyncpg.connect(database.dsn, timeout=0.1)
        pending = asyncio.create_task(connection.fetchval("SELECT 1"))
        done, _ = await asyncio.wait({pending}, timeout=0.1)
        assert not done
        target_proxy.heal()
        assert await pending == 1


@pytest.mark.asyncio
async def test_an_action_may_harm_the_network(target_db: Database, target_proxy: Proxy) -> None:
    """Network harm at a statement takes effect before the statement is forwarded."""
    target_db.execute("CREATE TABLE t (a int)")
    database = target_db.through(target_proxy.port)

    def go_away(_: object) -> None:
        target_proxy.refuse()
        target_proxy.cut_all()

    target_proxy.on_statement("VALUES (1)", go_away)
    target_proxy.on_statement("VALUES (2)", lambda _: target_proxy.blackhole())
    async with database.connect() as connection:
        with pytest.raises(LOST):
            await connection.execute("INSERT INTO t VALUES (1)")
    with pytest.raises(ConnectionRefusedError):
        await asyncpg.connect(database.dsn)
    target_proxy.heal()
    async with database.connect() as connection:
        pending = asyncio.create_task(connection.execute("INSERT INTO t VALUES (2)"))
        await asyncio.to_thread(target_proxy.wait_for, "VALUES (2)")
        assert target_db.fetch("SELECT a FROM t") == []
        target_proxy.heal()
        await pending
    assert target_db.fetch("SELECT a FROM t") == [(2,)]


@pytest.mark.asyncio
async def test_cancel_requests_pass(target_db: Database, target_proxy: Proxy) -> None:
    """A client's timeout cancels its statement on the server, through the proxy."""
    async with target_db.through(target_proxy.port).connect() as connection:
        with pytest.raises(TimeoutError):
            await connection.execute("SELECT pg_sleep(60)", timeout=0.1)
        assert await connection.fetchval("SELECT 1") == 1


@pytest.mark.asyncio
async def test_a_rule_that_fails_is_told(target_db: Database) -> None:
    """What an action raises breaks the connection and is raised again when the proxy closes."""

    def fail(_: object) -> None:
        raise LookupError("mine")

    async def provoke() -> None:
        with Proxy(target_db.host, target_db.port) as proxy:
            proxy.on_statement("SELECT", fail)
            async with target_db.through(proxy.port).connect() as connection:
                with pytest.raises(LOST):
                    await connection.fetchval("SELECT 1")

    with pytest.raises(ExceptionGroup) as caught:
        await provoke()
    assert caught.group_contains(LookupError, match="mine")


@pytest.mark.asyncio
async def test_carries_a_hundred_megabytes(target_db: Database, target_proxy: Proxy) -> None:
    """A COPY of 100 MB in and out arrives whole."""
    rows, width = 10_000, 10_000
    async with target_db.through(target_proxy.port).connect() as connection:
        await connection.execute("CREATE UNLOGGED TABLE t (a bytea STORAGE external)")

        async def lines():
            line = b"\\\\x" + os.urandom(width).hex().encode() + b"\n"
            for _ in range(rows // 100):
                yield line * 100

        await connection.copy_to_table("t", source=lines(), format="text")
        received = 0

        async def take(data: bytes) -> None:
            nonlocal received
            received += len(data)

        await connection.copy_from_query("SELECT a FROM t", output=take, format="binary")
        assert received > rows * width


def test_wait_for_sees_past_and_coming_statements(target_db: Database, target_proxy: Proxy) -> None:
    """A test waits for a statement instead of a time; what never comes is a TimeoutError."""
    target_db.through(target_proxy.port).execute("SELECT 'past'")
    assert target_proxy.wait_for("past", done=True).kind == "query"
    with pytest.raises(TimeoutError):
        target_proxy.wait_for("never", timeout=0.01)


def test_refusing_just_when_somebody_connects_leaves_no_socket(target_db: Database) -> None:
    """The proxy closes what it accepted, whenever it stops to listen: else a later test fails."""
    ended = threading.Event()

    def knock(port: int) -> None:
        while not ended.is_set():
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                pass

    with Proxy(target_db.host, target_db.port) as proxy:
        knocking = [threading.Thread(target=knock, args=(proxy.port,)) for _ in range(2)]
        for thread in knocking:
            thread.start()
        for _ in range(300):
            proxy.refuse()
            proxy.heal()
        ended.set()
        for thread in knocking:
            thread.join()
    gc.collect()  # whatever was left says so now
