"""A proxy between a client and PostgreSQL that knows statements and can do harm at any of them.

It runs in a thread of its own; its methods may be called from any test, with a loop or without.
What a rule raises is raised again when the proxy is closed.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Self

from tests.support.failpoints import Action, Hold, Predicate, Rule, Rules, Verdict, contains
from tests.support.link import Link
from tests.support.listening import stop
from tests.support.session import Statement

CALL_SECONDS = 30.0


class Proxy:
    """``with Proxy(host, port) as proxy:`` clients connect to ``127.0.0.1:proxy.port``."""

    def __init__(self, host: str, port: int) -> None:
        self.upstream = (host, port)
        self.host = "127.0.0.1"
        self.port = 0
        self.flowing = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._seat = socket.socket()
        self._server: asyncio.Server | None = None
        self._healing: asyncio.Task[None] | None = None
        self._refusing: asyncio.Task[None] | None = None
        self._links: set[Link] = set()
        self._connections = 0
        self._rules = Rules()
        self._statements: list[Statement] = []
        self._done: list[Statement] = []
        self._news = threading.Condition()
        self._failures: list[Exception] = []

    # -- life ---------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        # bound but never listening: keeps the port ours, and refusing, while ``refuse`` holds
        self._seat.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        self._seat.bind((self.host, 0))
        self.port = self._seat.getsockname()[1]
        self._thread.start()
        self.heal()
        return self

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        self._await(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_SECONDS)
        self._loop.close()
        self._seat.close()
        if self._failures and error is None:
            raise ExceptionGroup("rules of the proxy failed", self._failures)

    # -- what was seen ------------------------------------------------------------------------

    @property
    def statements(self) -> tuple[Statement, ...]:
        """All statements since the start or ``reset``, in the order they came."""
        with self._news:
            return tuple(self._statements)

    @property
    def done(self) -> tuple[Statement, ...]:
        """Those of them that the server answered with ReadyForQuery."""
        with self._news:
            return tuple(self._done)

    @property
    def connections(self) -> int:
        """How many sessions have come, cancel requests and refused ones not counted."""
        return self._connections

    def wait_for(
        self, match: str | Predicate, *, done: bool = False, timeout: float = 30.0
    ) -> Statement:
        """The first matching statement since the start or ``reset``, when it has come."""
        predicate = _predicate(match)
        seen = self._done if done else self._statements
        with self._news:
            if not self._news.wait_for(lambda: any(map(predicate, seen)), timeout):
                raise TimeoutError("no such statement came")
            return next(filter(predicate, seen))

    def reset(self) -> None:
        """Forgets statements and rules; numbers begin at 1 again. Connections stay."""
        self._rules.clear()
        with self._news:
            self._statements.clear()
            self._done.clear()

    # -- harm at a statement ------------------------------------------------------------------

    def on_statement(
        self, match: str | Predicate, action: Action, *, after: bool = False, times: int | None = 1
    ) -> Rule:
        """Runs an action before a matching statement is forwarded, or after it was answered.

        ``after`` means: the server's ReadyForQuery for it has arrived and the client has not
        seen it. ``match`` is a fragment of the SQL or a predicate; the first rule that matches
        and has ``times`` left acts.
        """
        return self._rules.add(match, action, after=after, times=times)

    def hold(self, match: str | Predicate, *, after: bool = False) -> Hold:
        """Pauses at the first matching statement: ``wait()`` for it, then ``release()``."""
        hold = Hold()
        self.on_statement(match, hold.act, after=after)
        return hold

    # -- harm to the network: from a test, or from an action ------------------------------------

    def cut_all(self, *, reset: bool = True) -> None:
        """Breaks every connection now; new ones are welcome."""
        links = tuple(self._links)
        self._do(lambda: [link.cut(reset=reset) for link in links])
        if not self._inside():
            self._await(self._settled(links))

    def refuse(self) -> None:
        """New connections are refused, until ``heal``; those there are stay."""
        if self._inside():
            self._refusing = self._loop.create_task(self._stop_listening())
        else:
            self._await(self._stop_listening())

    def blackhole(self) -> None:
        """Connections are accepted and nothing is forwarded on any, until ``heal``."""
        self._do(self.flowing.clear)

    def heal(self) -> None:
        """Ends ``refuse`` and ``blackhole``; what was held back flows on."""
        self._do(self.flowing.set)
        if self._inside():
            self._healing = self._loop.create_task(self._listen())
        else:
            self._await(self._listen())

    # -- for the links, in the proxy's thread ---------------------------------------------------

    def next_number(self) -> int:
        return len(self._statements) + 1

    def saw(self, statement: Statement, *, done: bool) -> None:
        with self._news:
            (self._done if done else self._statements).append(statement)
            self._news.notify_all()

    async def judge(self, statement: Statement, *, after: bool) -> Verdict:
        rule = self._rules.take(statement, after=after)
        if rule is None:
            return Verdict.FORWARD
        try:
            answer = rule.action(statement)
            verdict = await answer if isinstance(answer, Awaitable) else answer
        except Exception as error:  # noqa: BLE001 - a test's own code; raised again at close
            self._failures.append(error)
            return Verdict.RESET
        return verdict or Verdict.FORWARD

    # -- inside the loop ----------------------------------------------------------------------

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = Link(self, reader, writer)
        self._links.add(link)
        try:
            await link.run()
        finally:
            self._links.discard(link)

    def new_connection(self) -> int:
        self._connections += 1
        return self._connections

    async def _listen(self) -> None:
        if self._server is None:
            # with the protocol named, asyncio sends small messages at once
            listener = socket.socket(proto=socket.IPPROTO_TCP)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            listener.bind((self.host, self.port))
            self._server = await asyncio.start_server(self._accept, sock=listener, limit=1 << 20)

    async def _stop_listening(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await stop(server)

    async def _settled(self, links: tuple[Link, ...]) -> None:
        await asyncio.gather(*(link.finished.wait() for link in links))

    async def _close(self) -> None:
        await self._stop_listening()
        self.flowing.set()
        links = tuple(self._links)
        for link in links:
            link.cut(reset=True)
        await self._settled(links)
        # the tasks that served them end with them
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def _inside(self) -> bool:
        return threading.current_thread() is self._thread

    def _do(self, act: Callable[[], object]) -> None:
        """Runs a step in the proxy's thread, at once where this is it."""

        async def step() -> None:
            act()

        if self._inside():
            act()
        else:
            self._await(step())

    def _await(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(CALL_SECONDS)


def _predicate(match: str | Callable[[Statement], bool]) -> Predicate:
    return contains(match) if isinstance(match, str) else match
