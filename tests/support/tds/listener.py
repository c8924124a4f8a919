"""The listener: takes connections and gives each a thread. It runs in a process of its own (``serve``)."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg

from tests.support.tds.connection import Connection, Site
from tests.support.tds.errors import Disconnected
from tests.support.tds.interpreter import Translations
from tests.support.tds.protocol import tls_context

SCRIPTS = (
    "types.sql",
    "temporal.sql",
    "functions.sql",
    "objects.sql",
    "catalog.sql",
    "catalog_keys.sql",
    "calls.sql",
)
FIRST_NUMBER = 51


class Listener:
    """One PostgreSQL database, served as a SQL Server database of the same name.

    Args:
        dsn, user, password: as ``TdsServer`` has them.
        states: snapshot_isolation_state and is_read_committed_snapshot_on of sys.databases.
        port: on 127.0.0.1; 0 chooses.
        hook: called before each statement, and again (True) when it was executed and its answer was
            not sent yet; what it raises ends the connection.
        refused: told what this server does not serve, and was asked for.
    """

    def __init__(
        self,
        dsn: str,
        *,
        user: str,
        password: str,
        states: tuple[bool, bool],
        port: int,
        hook: Callable[[int, str, bool], None],
        refused: Callable[[str], object],
    ) -> None:
        self.port = port
        self._dsn, self._user, self._password = dsn, user, password
        self._states = states
        self._call_hook = hook
        self._refused = refused
        self._listener: socket.socket | None = None
        self._connections: dict[Connection, threading.Thread] = {}
        self._lock = threading.Lock()
        self._numbers = itertools.count(FIRST_NUMBER)
        self._running = threading.Event()
        self._refusing = False
        self._accepting: threading.Thread | None = None

    @property
    def database(self) -> str:
        """The name of the one database."""
        return unquote(urlsplit(self._dsn).path.lstrip("/"))

    def start(self) -> None:
        """Prepares the database where it is not yet prepared, and takes connections."""
        site = self._site()
        listener = socket.create_server(("127.0.0.1", self.port))
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._running.set()
        self._accepting = threading.Thread(target=self._accept, args=(listener, site), daemon=True)
        self._accepting.start()

    def stop(self) -> None:
        """Ends at once: connections are cut, PostgreSQL rolls back what they had begun."""
        listener, self._listener = self._listener, None
        if listener is None:
            return
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        self._running.set()
        self.cut()
        if self._accepting is not None:
            self._accepting.join()

    def cut(self) -> None:
        """Cuts every connection, as a failing network would; waits until they are gone."""
        with self._lock:
            connections = dict(self._connections)
        for connection in connections:
            cut(connection.socket)
        for thread in connections.values():
            if thread is not threading.current_thread():
                thread.join()

    def cut_connection(self, number: int) -> None:
        """Cuts one connection; does not wait until it is gone."""
        with self._lock:
            found = [one for one in self._connections if one.number == number]
        for connection in found:
            cut(connection.socket)

    def pause(self) -> None:
        """Answers nothing until ``resume``; what runs goes on, what comes waits."""
        self._running.clear()

    def resume(self) -> None:
        """Goes on after ``pause``."""
        self._running.set()

    def refuse(self) -> None:
        """Closes every new connection at once, until ``admit``; those there are stay."""
        self._refusing = True

    def admit(self) -> None:
        """Takes connections again after ``refuse``."""
        self._refusing = False

    @property
    def connections(self) -> tuple[int, ...]:
        """The numbers of the connections there are."""
        with self._lock:
            return tuple(connection.number for connection in self._connections)

    def _site(self) -> Site:
        with psycopg.connect(self._dsn, autocommit=True) as database:
            prepare_database(database)
            database.execute(
                "UPDATE tds.database_state SET snapshot_isolation_state = %s, "
                "is_read_committed_snapshot_on = %s",
                self._states,
            )
            kinds = database.execute(
                "SELECT oid::int, 'tds.' || typname FROM pg_type "
                "WHERE typnamespace = 'tds'::regnamespace AND typtype = 'b'"
            ).fetchall()
        return Site(
            dsn=self._dsn,
            user=self._user,
            password=self._password,
            snapshot_allowed=self._states[0],
            context=tls_context(),
            types=dict(kinds),
            translations=Translations(self.database),
            hook=self._hook,
            refused=self._refused,
            admit=self._running.wait,
        )

    def _hook(self, number: int, statement: str, executed: bool) -> None:  # noqa: FBT001 - a hook
        self._call_hook(number, statement, executed)
        if self._listener is None:
            raise Disconnected

    def _accept(self, listener: socket.socket, site: Site) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            if self._refusing:
                client.close()
                continue
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(client, next(self._numbers), site)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            with self._lock:
                self._connections[connection] = thread
            thread.start()

    def _serve(self, connection: Connection) -> None:
        try:
            connection.serve()
        finally:
            with self._lock:
                self._connections.pop(connection, None)


def prepare_database(database: psycopg.Connection) -> None:
    """Adds SQL Server's types, functions and catalog to a database that has them not."""
    with database.transaction():
        database.execute("SELECT pg_advisory_xact_lock(7433)")
        known = database.execute("SELECT to_regnamespace('tds') IS NOT NULL").fetchone()
        if known is not None and known[0]:
            return
        folder = Path(__file__).parent
        for script in SCRIPTS:
            database.execute((folder / script).read_text(encoding="utf-8").encode())


def cut(client: socket.socket) -> None:
    """Ends a socket whose thread may be waiting in it."""
    try:
        client.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is gone already
