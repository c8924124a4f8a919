"""Sessions of the TDS test server: options, transactions, locks, cancelling, ends."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import pyodbc
import pytest

from cdc_daemon.databases.sqlserver.drivers import microsoft_driver
from tests.support.databases import Database
from tests.support.tds.server import TdsServer
from tests.support.tds_clients import PASSWORD, USER, Site, number, odbc, served


@pytest.mark.parametrize("encrypt", ["no", "optional", "yes", "mandatory"])
def test_any_encryption_is_served(site: Site, encrypt: str) -> None:
    """Plain, login-only and whole encryption carry the same answers."""
    connection = site.connect(encrypt=encrypt)
    assert connection.execute("SELECT ?", "x" * 5000).fetchval() == "x" * 5000


def test_a_wrong_password_is_refused(site: Site) -> None:
    """A login with another password raises 18456."""
    with pytest.raises(pyodbc.Error, match="18456"):
        pyodbc.connect(
            f"DRIVER={microsoft_driver()};SERVER=tcp:127.0.0.1,{site.server.port};UID=sa;PWD=no;Encrypt=no"
        )


def test_options_are_answered_as_they_were_set(site: Site) -> None:
    """SESSIONPROPERTY tells what SET said; an unknown option is refused."""
    connection = site.connect()
    connection.execute(
        "SET ARITHABORT ON; SET NUMERIC_ROUNDABORT OFF; SET ANSI_WARNINGS, ANSI_PADDING ON"
    )
    row = connection.execute(
        "SELECT SESSIONPROPERTY('ARITHABORT'), SESSIONPROPERTY('NUMERIC_ROUNDABORT')"
    ).fetchone()
    assert tuple(row) == (1, 0)
    with pytest.raises(pyodbc.Error, match="PARSEONLY"):
        connection.execute("SET PARSEONLY ON")


def test_a_transaction_is_seen_only_when_committed(site: Site) -> None:
    """Autocommit off: another session sees the row after commit, and never after rollback."""
    writer, reader = site.connect(autocommit=False), site.connect()
    count = "SELECT COUNT(*) FROM t"
    writer.execute("INSERT INTO t (id) VALUES (1)")
    assert reader.execute(count).fetchval() == 0
    writer.rollback()
    writer.execute("INSERT INTO t (id) VALUES (2)")
    writer.commit()
    assert reader.execute(count).fetchval() == 1
    writer.execute("INSERT INTO t (id) VALUES (3)")
    assert writer.execute("SELECT @@TRANCOUNT").fetchval() == 1
    writer.rollback()
    assert reader.execute(count).fetchval() == 1


def test_xact_abort_rolls_everything_back(site: Site) -> None:
    """With XACT_ABORT ON an error ends the transaction; what came before it is undone."""
    connection = site.connect()
    connection.execute("SET XACT_ABORT ON")
    connection.execute("BEGIN TRANSACTION; INSERT INTO t (id) VALUES (1)")
    with pytest.raises(pyodbc.IntegrityError) as caught:
        connection.execute("INSERT INTO t (id) VALUES (1)")
    assert number(caught.value) == 2627
    assert connection.execute("SELECT @@TRANCOUNT").fetchval() == 0
    assert connection.execute("SELECT COUNT(*) FROM t").fetchval() == 0


def test_without_xact_abort_only_the_statement_is_undone(site: Site) -> None:
    """With XACT_ABORT OFF the transaction goes on after an error."""
    connection = site.connect()
    connection.execute("BEGIN TRAN; INSERT INTO t (id) VALUES (1)")
    with pytest.raises(pyodbc.IntegrityError):
        connection.execute("INSERT INTO t (id) VALUES (2), (1)")
    connection.execute("COMMIT TRAN")
    assert connection.execute("SELECT COUNT(*) FROM t").fetchval() == 1


def test_savepoints(site: Site) -> None:
    """ROLLBACK TRANSACTION of a savepoint undoes what came after it, and nothing else."""
    connection = site.connect()
    connection.execute("BEGIN TRAN; INSERT INTO t (id) VALUES (1); SAVE TRANSACTION s")
    connection.execute("INSERT INTO t (id) VALUES (2); ROLLBACK TRANSACTION s; COMMIT")
    assert [row[0] for row in connection.execute("SELECT id FROM t")] == [1]


def test_a_lock_timeout_is_1222(site: Site) -> None:
    """A row that another session holds raises 1222 after LOCK_TIMEOUT."""
    holder, waiter = site.connect(), site.connect()
    holder.execute("INSERT INTO t (id) VALUES (1); BEGIN TRAN; UPDATE t SET v = N'x' WHERE id = 1")
    waiter.execute("SET LOCK_TIMEOUT 50")
    with pytest.raises(pyodbc.Error) as caught:
        waiter.execute("UPDATE t SET v = N'y' WHERE id = 1")
    assert number(caught.value) == 1222


def test_snapshot_isolation_reads_one_instant(site: Site) -> None:
    """Under SNAPSHOT a transaction does not see what others commit meanwhile."""
    reader, writer = site.connect(), site.connect()
    reader.execute("SET TRANSACTION ISOLATION LEVEL SNAPSHOT; BEGIN TRAN")
    assert reader.execute("SELECT COUNT_BIG(*) FROM t").fetchval() == 0
    writer.execute("INSERT INTO t (id) VALUES (1)")
    assert reader.execute("SELECT COUNT_BIG(*) FROM t").fetchval() == 0
    reader.execute("COMMIT")
    assert reader.execute("SELECT COUNT_BIG(*) FROM t").fetchval() == 1


def test_snapshot_must_be_allowed(target_db: Database) -> None:
    """A server without snapshot isolation says so in sys.databases, and raises 3952."""
    with served(target_db, snapshot_isolation_state=False) as server:
        connection = odbc(server, target_db)
        state = "SELECT snapshot_isolation_state FROM sys.databases WHERE name = DB_NAME()"
        assert connection.execute(state).fetchval() == 0
        connection.execute("SET TRANSACTION ISOLATION LEVEL SNAPSHOT")
        with pytest.raises(pyodbc.Error, match="3952"):
            connection.execute("SELECT name FROM sys.tables")
        connection.close()


def test_a_running_statement_is_cancelled(site: Site) -> None:
    """An attention ends the statement in PostgreSQL; the connection serves the next one."""
    holder, waiter = site.connect(), site.connect()
    holder.execute("INSERT INTO t (id) VALUES (1); BEGIN TRAN; UPDATE t SET v = N'x'")
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    cursor = waiter.cursor()
    with ThreadPoolExecutor(1) as pool:
        update = pool.submit(cursor.execute, "UPDATE t SET v = N'y'")
        while site.database.fetch(waiting) == [(0,)]:
            pass
        cursor.cancel()
        with pytest.raises(pyodbc.Error, match="HY008"):
            update.result(10)
    assert waiter.execute("SELECT 1").fetchval() == 1
    assert site.database.fetch(waiting) == [(0,)]


def test_a_session_may_wait(site: Site) -> None:
    """WAITFOR DELAY lasts as long as it says, and ends before that when it is cancelled."""
    connection = site.connect()
    began = time.monotonic()
    connection.execute("WAITFOR DELAY '00:00:00.200'")
    assert 0.2 <= time.monotonic() - began < 20
    cursor = connection.cursor()
    with ThreadPoolExecutor(1) as pool:
        wait = pool.submit(cursor.execute, "WAITFOR DELAY '01:00:00'")
        sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        while site.database.fetch(sleeping) == [(0,)]:
            pass
        cursor.cancel()
        with pytest.raises(pyodbc.Error, match="HY008"):
            wait.result(10)
    with pytest.raises(pyodbc.Error, match="WAITFOR TIME"):
        connection.execute("WAITFOR TIME '22:00'")


@pytest.mark.parametrize(
    ("statement", "refused"), [("SELECT 1 / 0", False), ("WAITFOR TIME '22:00'", True)]
)
def test_no_test_passes_for_what_is_not_served(
    target_db: Database, statement: str, *, refused: bool
) -> None:
    """Whoever expects an error is told when it was the server's refusal, not the one meant."""
    told = pytest.raises(AssertionError, match="WAITFOR TIME") if refused else nullcontext()
    with told, TdsServer(target_db.dsn, user=USER, password=PASSWORD) as server:
        connection = odbc(server, target_db)
        with pytest.raises(pyodbc.Error):
            connection.execute(statement)
        connection.close()


def test_a_statement_may_be_met_by_a_failure(site: Site) -> None:
    """What a hook raises cuts the connection before the statement; nothing of it is done."""
    connection, other = site.connect(), site.connect()
    seen: list[str] = []

    def hook(_: int, sql: str) -> None:
        seen.append(sql)
        if sql.startswith("INSERT"):
            raise ConnectionAbortedError

    site.server.on_statement = hook
    connection.execute("BEGIN TRAN; UPDATE t SET v = N'a'")
    with pytest.raises(pyodbc.Error):
        connection.execute("INSERT INTO t (id) VALUES (1)")
    site.server.on_statement = None
    assert seen[-3:] == ["BEGIN TRAN", "UPDATE t SET v = N'a'", "INSERT INTO t (id) VALUES (1)"]
    assert other.execute("SELECT COUNT(*) FROM t").fetchval() == 0


def test_a_statement_may_lose_its_answer(site: Site) -> None:
    """What a hook raises once a statement was executed cuts the connection; what it did stays."""
    connection, other = site.connect(), site.connect()
    seen: list[str] = []

    def hook(_: int, sql: str) -> None:
        seen.append(sql)
        if sql == "COMMIT":
            raise ConnectionAbortedError

    connection.execute("BEGIN TRAN; INSERT INTO t (id) VALUES (1)")
    site.server.on_executed = hook
    with pytest.raises(pyodbc.Error):
        connection.execute("COMMIT")
    site.server.on_executed = None
    assert seen == ["COMMIT"]
    assert other.execute("SELECT COUNT(*) FROM t").fetchval() == 1


def test_new_connections_may_be_refused(site: Site) -> None:
    """Until ``admit``; those there are stay."""
    connection = site.connect()
    site.server.refuse()
    with pytest.raises(pyodbc.Error, match="08001"):
        site.connect()
    assert connection.execute("SELECT 1").fetchval() == 1
    site.server.admit()
    assert site.connect().execute("SELECT 1").fetchval() == 1


ABSENT = """INSERT INTO t (id) SELECT 1
    WHERE NOT EXISTS (SELECT 1 FROM t WITH (UPDLOCK, HOLDLOCK) WHERE id = 1)"""


@pytest.mark.parametrize(("end", "inserted"), [("COMMIT", 0), ("ROLLBACK", 1)])
def test_a_row_that_is_looked_for_under_a_lock_is_inserted_once(
    site: Site, end: str, inserted: int
) -> None:
    """UPDLOCK, HOLDLOCK: the second session waits for the first, and inserts what is missing then."""
    first, second = site.connect(), site.connect()
    first.execute("BEGIN TRAN; " + ABSENT)
    with ThreadPoolExecutor(1) as pool:
        insert = pool.submit(second.execute, ABSENT)
        while site.database.fetch("SELECT count(*) FROM pg_locks WHERE NOT granted") == [(0,)]:
            assert not insert.done()
        first.execute(end)
        assert insert.result(10).rowcount == inserted
    assert second.execute("SELECT COUNT(*) FROM t").fetchval() == 1


def test_stop_cuts_and_rolls_back(site: Site) -> None:
    """After stop and start the same port serves, and what was open is undone."""
    connection = site.connect()
    connection.execute("BEGIN TRAN; INSERT INTO t (id) VALUES (1)")
    port = site.server.port
    site.server.stop()
    with pytest.raises(pyodbc.Error):
        connection.execute("SELECT 1")
    site.server.start()
    assert site.server.port == port
    assert site.connect().execute("SELECT COUNT(*) FROM t").fetchval() == 0


def test_pause_holds_answers_back(site: Site) -> None:
    """A paused server answers when it is resumed, and not before."""
    connection = site.connect()
    site.server.pause()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(lambda: connection.execute("SELECT 1").fetchval())
        with pytest.raises(TimeoutError):
            answer.result(0.3)
        site.server.resume()
        assert answer.result(10) == 1


def test_the_clock_advances_within_a_transaction(site: Site) -> None:
    """SYSUTCDATETIME is the moment, not the transaction's beginning."""
    connection = site.connect()
    connection.execute("BEGIN TRAN")
    first = connection.execute("SELECT SYSUTCDATETIME()").fetchval()
    assert connection.execute("SELECT SYSUTCDATETIME()").fetchval() > first


def test_what_a_session_is_told_about_itself(site: Site) -> None:
    """Global variables and functions answer as SQL Server's do."""
    row = (
        site.connect()
        .execute(
            "SELECT DB_NAME(), @@TRANCOUNT, CAST(SERVERPROPERTY('ProductMajorVersion') AS int), "
            "CAST(SERVERPROPERTY('EngineEdition') AS int), HAS_PERMS_BY_NAME(N'dbo.t', 'OBJECT', 'SELECT'), "
            "SCHEMA_ID(N'dbo') - SCHEMA_ID(N'dbo')"
        )
        .fetchone()
    )
    assert tuple(row) == (site.database.name, 0, 16, 3, 1, 0)


def test_sessions_are_listed(site: Site) -> None:
    """sys.dm_exec_sessions has a row for each connection, by its @@SPID, while it lasts."""
    first, second = site.connect(), site.connect()
    spid = first.execute("SELECT @@SPID").fetchval()
    listed = "SELECT COUNT(*) FROM sys.dm_exec_sessions WHERE session_id = ?"
    assert second.execute(listed, spid).fetchval() == 1
    site.server.cut_connection(spid)
    while second.execute(listed, spid).fetchval():
        pass
