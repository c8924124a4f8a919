"""The server: ``with TdsServer(dsn, user="sa", password="...") as server: server.port``.

Its end is an error where it was asked for what it does not serve: a test that expects a failure
would pass for the wrong reason. Who tests refusals calls ``start`` and ``stop``.

It runs in a process of its own: mssql-python holds Python's lock while it fetches (max) values, and
a server in the same process could then never send them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[3]
Hook = Callable[[int, str], None]


class TdsServer:
    """One PostgreSQL database, served as a SQL Server database of the same name.

    Args:
        dsn: of the PostgreSQL database, as a URI; its user must be a superuser. What SQL Server has
            and PostgreSQL lacks is added to it at the first start, in the schemas tds and sys.
        user: who may log in; there is nobody else.
        password: of the login.
        snapshot_isolation_state: as sys.databases shows it; without it SNAPSHOT raises 3952.
        is_read_committed_snapshot_on: as sys.databases shows it.
        port: on 127.0.0.1; 0 chooses one at the first start, which is kept over ``stop``.
    """

    def __init__(
        self,
        dsn: str,
        *,
        user: str,
        password: str,
        snapshot_isolation_state: bool = True,
        is_read_committed_snapshot_on: bool = True,
        port: int = 0,
    ) -> None:
        self.port = port
        self.user, self.password = user, password
        self.refused: list[str] = []
        """What was asked for and is not served: complete once the server has stopped."""
        self._dsn = dsn
        self._states = (snapshot_isolation_state, is_read_committed_snapshot_on)
        self._on_statement: Hook | None = None
        self._on_executed: Hook | None = None
        self._process: subprocess.Popen[str] | None = None
        self._answers: SimpleQueue[dict[str, Any]] = SimpleQueue()
        self._asking = threading.Lock()
        self._writing = threading.Lock()
        self._hooks: ThreadPoolExecutor | None = None

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
        if error is None and self.refused:
            raise AssertionError(f"tests may have passed because of this: {self.refused}")

    @property
    def on_statement(self) -> Hook | None:
        """Called before each statement, while the statement waits; None calls nothing.

        It is given the connection's number (its @@SPID) and the statement in T-SQL, in a thread of
        its own; what it raises cuts the connection before the statement.
        """
        return self._on_statement

    @on_statement.setter
    def on_statement(self, hook: Hook | None) -> None:
        self._on_statement = hook
        self._tell_hooks()

    @property
    def on_executed(self) -> Hook | None:
        """Called after each statement that succeeded, while its answer waits; None calls nothing.

        As ``on_statement`` otherwise: what it raises cuts the connection before the answer.
        """
        return self._on_executed

    @on_executed.setter
    def on_executed(self, hook: Hook | None) -> None:
        self._on_executed = hook
        self._tell_hooks()

    def start(self) -> None:
        """Prepares the database where it is not yet prepared, and takes connections.

        Raises:
            RuntimeError: the process ended instead.
        """
        self._hooks = ThreadPoolExecutor(8)
        self._answers = SimpleQueue()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.tds.serve"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        configuration = {
            "dsn": self._dsn,
            "user": self.user,
            "password": self.password,
            "states": self._states,
            "port": self.port,
            "hooked": self._hooked,
        }
        self._tell(configuration)
        threading.Thread(target=self._listen, args=(self._process,), daemon=True).start()
        answer = self._answers.get()
        if "port" not in answer:
            raise RuntimeError("the TDS server did not start")
        self.port = answer["port"]

    def stop(self) -> None:
        """Ends at once: connections are cut, PostgreSQL rolls back what they had begun."""
        process = self._process
        if process is None:
            return
        with suppress(BrokenPipeError):  # it has ended already
            self._ask("stop")
        self._end(process)

    def kill(self) -> None:
        """Ends the server's process as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._end(self._process)

    def cut(self) -> None:
        """Cuts every connection, as a failing network would; waits until they are gone."""
        self._ask("cut")

    def cut_connection(self, number: int) -> None:
        """Cuts one connection; fit to be called from ``on_statement``."""
        self._ask("cut_connection", number=number)

    def pause(self) -> None:
        """Answers nothing that comes from now on, until ``resume``; what runs goes on."""
        self._ask("pause")

    def resume(self) -> None:
        """Goes on after ``pause``."""
        self._ask("resume")

    def refuse(self) -> None:
        """Closes every new connection at once, until ``admit``; those there are stay."""
        self._ask("refuse")

    def admit(self) -> None:
        """Takes connections again after ``refuse``."""
        self._ask("admit")

    @property
    def connections(self) -> tuple[int, ...]:
        """The numbers of the connections there are."""
        return tuple(self._ask("connections"))

    @property
    def _hooked(self) -> list[bool]:
        return [self._on_statement is not None, self._on_executed is not None]

    def _tell_hooks(self) -> None:
        if self._process is not None:
            self._ask("hook", hooked=self._hooked)

    def _end(self, process: subprocess.Popen[str]) -> None:
        self._process = None
        if process.stdin is not None:
            process.stdin.close()
        process.wait(30)
        if process.stdout is not None:
            process.stdout.close()
        if self._hooks is not None:
            self._hooks.shutdown(wait=False)

    def _ask(self, command: str, **more: object) -> Any:
        with self._asking:
            self._tell({"command": command, **more})
            return self._answers.get().get("answer")

    def _tell(self, message: dict[str, object]) -> None:
        process = self._process
        if process is not None and process.stdin is not None:
            with self._writing:
                process.stdin.write(json.dumps(message) + "\n")
                process.stdin.flush()

    def _listen(self, process: subprocess.Popen[str]) -> None:
        if process.stdout is None or self._hooks is None:
            return
        for line in process.stdout:
            message = json.loads(line)
            if "statement" in message:
                self._hooks.submit(self._call_hook, message)
            elif "refused" in message:
                self.refused.append(message["refused"])
            else:
                self._answers.put(message)
        self._answers.put({})

    def _call_hook(self, message: dict[str, Any]) -> None:
        go = True
        hook = self._on_executed if message["executed"] else self._on_statement
        if hook is not None:
            try:
                hook(message["connection"], message["statement"])
            except Exception:  # noqa: BLE001 - whatever a test raises cuts the connection
                go = False
        self._tell({"command": "go", "number": message["number"], "on": go})
