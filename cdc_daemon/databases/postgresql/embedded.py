"""A PostgreSQL server of one's own, for the demo and the tests.

It listens on 127.0.0.1 only, behind a password made for it, keeps everything in a private
folder, and ends with the process that started it: at ``stop``, at interpreter exit, and, where
the process is killed, through a watcher that sees its pipe close. What a killed process leaves
on disk, the next start removes (``embedded_folder``).
"""

from __future__ import annotations

import atexit
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self
from urllib.parse import quote

from cdc_daemon.databases.postgresql.embedded_binaries import (
    Account,
    copy_install,
    find_binaries,
    server_account,
    usable,
)
from cdc_daemon.databases.postgresql.embedded_folder import PrivateFolder
from cdc_daemon.databases.postgresql.embedded_process import (
    Site,
    becomes_ready,
    choose_port,
    end_all,
    end_watcher,
    is_free,
)
from cdc_daemon.errors import DatabaseUnavailable

SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        # a crash of the server must be survived, one of the machine need not
        "fsync": "off",
        "full_page_writes": "off",
    }
)
ATTEMPTS = 20
STOP_SIGNALS = ((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0))
"""Fast shutdown, then immediate shutdown, with the seconds each is given."""


class EmbeddedPostgres:
    """One server; start and stop it from one thread at a time.

    The port is chosen at the first start and kept until ``stop``, so that clients find the
    server again after ``kill`` or ``halt`` and another ``start``.
    """

    def __init__(
        self, *, binaries: Path | None = None, settings: Mapping[str, str] | None = None
    ) -> None:
        """Starts nothing yet.

        Args:
            binaries: a folder with ``initdb`` and ``postgres``; None looks for one.
            settings: server settings; they win over ``SETTINGS``.
        """
        self.host = "127.0.0.1"
        self.port = 0
        self.user = "postgres"
        self.password = secrets.token_urlsafe(18)
        self.database = "postgres"
        self._explicit = binaries
        self._settings = {**SETTINGS, **(settings or {})}
        self._owner = 0
        self._folder: PrivateFolder | None = None
        self._site: Site | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"EmbeddedPostgres({self.host}:{self.port})"  # never the password (law 9)

    @property
    def pid(self) -> int | None:
        """The server's process, or None when it does not run."""
        server = self._server
        return server.pid if server is not None and server.poll() is None else None

    @property
    def folder(self) -> Path | None:
        """Where ``data`` and ``server.log`` are; None before ``start`` and after ``stop``."""
        return self._folder.path if self._folder is not None else None

    def dsn(self, database: str | None = None) -> str:
        """A libpq URI, password included."""
        name = quote(database or self.database, safe="")
        return f"postgresql://{self.user}:{self.password}@{self.host}:{self.port}/{name}"

    def start(self) -> None:
        """Starts the server, or does nothing when it runs; returns when it takes connections.

        Raises:
            DatabaseUnavailable: no programs, no usable folder, or the server does not come up.
        """
        if self.pid is not None:
            return
        self._forget_processes()
        if self._site is not None:
            self._launch(self._site)
            return
        account = server_account()
        with ExitStack() as undo:  # a first start that fails leaves nothing behind
            self._owner = os.getpid()
            self._folder = PrivateFolder(account)
            undo.callback(self.stop)
            atexit.register(self.stop)
            self._site = self._initialise(self._folder.path, account)
            self._launch(self._site)
            undo.pop_all()

    def stop(self) -> None:
        """Ends the server and removes its data; does nothing where there is none."""
        if self._folder is None or self._owner != os.getpid():
            return  # a forked child does not end its parent's server
        self.halt()
        self._folder.remove()
        self._folder = self._site = None
        self.port = 0
        atexit.unregister(self.stop)

    def halt(self) -> None:
        """Ends the server in good order and keeps its data for the next ``start``."""
        server = self._server
        for number, seconds in STOP_SIGNALS:
            if server is None or server.poll() is not None:
                break
            server.send_signal(number)
            try:
                server.wait(seconds)
            except subprocess.TimeoutExpired:
                continue
        self.kill()

    def restart(self) -> None:
        """Ends the server in good order and starts it again: same data, same port."""
        self.halt()
        self.start()

    def kill(self) -> None:
        """Ends all of the server's processes as a crash would; ``start`` recovers the data."""
        if self._server is not None:
            end_all(self._server)
        self._forget_processes()

    def _initialise(self, folder: Path, account: Account | None) -> Site:
        binaries = find_binaries(self._explicit)
        if not usable(binaries, account):
            binaries = copy_install(binaries, folder / "install")
        site = Site(folder, binaries, account)
        password_file = folder / "password"
        password_file.touch(0o600)
        password_file.write_text(self.password)
        if account is not None:
            os.chown(password_file, account.uid, account.gid)
        arguments = ["-D", str(site.data), "-U", self.user, "-A", "scram-sha-256", "-E", "UTF8"]
        arguments += ["--pwfile", str(password_file), "--locale=C", "--no-sync"]
        self._server = site.spawn("initdb", *arguments)  # known, so that ``stop`` ends it
        if self._server.wait() != 0:
            raise DatabaseUnavailable("initdb failed." + site.last_words(0))
        password_file.unlink()
        return site

    def _launch(self, site: Site) -> None:
        """Starts ``postgres`` itself; tries again where that may help, within bounds."""
        begin = site.log.stat().st_size
        again = self.port != 0
        for _ in range(ATTEMPTS):
            begin = site.log.stat().st_size
            port = self.port or choose_port()
            self._server = site.spawn("postgres", *self._arguments(site, port))
            if becomes_ready(self._server, site.data):
                self.port = port
                self._watcher = site.watch(self._server.pid)
                return
            if not again and is_free(port):
                break  # it was not the port: another attempt would end alike
            time.sleep(0.1)
        self._forget_processes()
        raise DatabaseUnavailable("PostgreSQL does not start." + site.last_words(begin))

    def _arguments(self, site: Site, port: int) -> list[str]:
        settings = {
            **self._settings,
            "listen_addresses": self.host,
            "port": str(port),
            "unix_socket_directories": "",
        }
        assigned = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return ["-D", str(site.data), *assigned]

    def _forget_processes(self) -> None:
        if self._watcher is not None:
            end_watcher(self._watcher)
        self._watcher = self._server = None
