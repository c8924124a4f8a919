"""What a proxy can be told to do at a statement: predicates, verdicts, rules, holds."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from tests.support.session import Statement


class Verdict(Enum):
    """What becomes of the message that an action looked at."""

    FORWARD = "forward"
    CUT = "cut"
    """Not forwarded; both ends are closed in good order (FIN)."""
    RESET = "reset"
    """Not forwarded; both ends are reset (RST)."""


Predicate = Callable[[Statement], bool]
Action = Callable[[Statement], Awaitable[Verdict | None] | Verdict | None]
"""Runs in the proxy's thread; None means FORWARD."""


@dataclass(slots=True)
class Rule:
    """An action at the statements a predicate matches; ``left`` counts down, None never ends."""

    predicate: Predicate
    action: Action
    after: bool
    """At the server's ReadyForQuery instead of before the statement is forwarded."""
    left: int | None
    fired: int = 0


def contains(fragment: str) -> Predicate:
    """Statements whose SQL contains the fragment, upper and lower case alike."""
    return lambda statement: fragment.lower() in statement.sql.lower()


def nth(number: int) -> Predicate:
    """The statement with this number since the proxy started or was reset."""
    return lambda statement: statement.number == number


def cut(*, reset: bool = False) -> Action:
    """Breaks the statement's connection, both ways."""
    verdict = Verdict.RESET if reset else Verdict.CUT
    return lambda _: verdict


def kill(pid: int | Callable[[], int], number: int = signal.SIGKILL) -> Action:
    """Kills a process and breaks the statement's connection; the statement is not forwarded."""

    def act(_: Statement) -> Verdict:
        os.kill(pid if isinstance(pid, int) else pid(), number)
        return Verdict.CUT

    return act


class Hold:
    """A pause: the statement waits in the proxy until ``release``; for tests of any thread."""

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._lock = threading.Lock()
        self._verdict: Verdict | None = None
        self._wake: Callable[[], object] | None = None

    def wait(self, timeout: float = 30.0) -> None:
        """Returns when a statement is held; TimeoutError if none comes."""
        if not self._reached.wait(timeout):
            raise TimeoutError("no statement reached the hold")

    async def reached(self, timeout: float = 30.0) -> None:  # noqa: ASYNC109
        """``wait`` for coroutines."""
        await asyncio.to_thread(self.wait, timeout)

    def release(self, verdict: Verdict = Verdict.FORWARD) -> None:
        """Lets the statement go on, or breaks its connection; may come before the statement."""
        with self._lock:
            self._verdict = verdict
            if self._wake is not None:
                self._wake()

    async def act(self, _: Statement) -> Verdict:
        released = asyncio.Event()
        loop = asyncio.get_running_loop()
        with self._lock:
            self._wake = lambda: loop.call_soon_threadsafe(released.set)
            if self._verdict is not None:
                released.set()
        self._reached.set()
        await released.wait()
        with self._lock:
            self._wake = None  # the loop may end now
        return self._verdict or Verdict.FORWARD


class Rules:
    """What is to be done at which statement, for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Rule] = []

    def add(
        self, match: str | Predicate, action: Action, *, after: bool, times: int | None
    ) -> Rule:
        """A rule for the statements that contain ``match``, or that it says True to."""
        predicate = contains(match) if isinstance(match, str) else match
        rule = Rule(predicate, action, after=after, left=times)
        with self._lock:
            self._rules.append(rule)
        return rule

    def take(self, statement: Statement, *, after: bool) -> Rule | None:
        """The first rule that matches and has times left; it has one less now."""
        with self._lock:
            for rule in self._rules:
                if rule.after is after and rule.left != 0 and rule.predicate(statement):
                    rule.fired += 1
                    rule.left = None if rule.left is None else rule.left - 1
                    return rule
        return None

    def clear(self) -> None:
        """Nothing is to be done any more."""
        with self._lock:
            self._rules.clear()


class Harmful(Protocol):
    """A way in to a database that can do harm: ``proxy.Proxy``, ``tds_proxy.TdsProxy``."""

    port: int

    def on_statement(
        self, match: str | Predicate, action: Action, *, after: bool = False, times: int | None = 1
    ) -> Rule:
        """Runs an action before a matching statement, or between its end and its answer."""
        ...

    def hold(self, match: str | Predicate, *, after: bool = False) -> Hold:
        """Pauses at the first matching statement."""
        ...

    def cut_all(self) -> None:
        """Breaks every connection now; new ones are welcome."""
        ...

    def refuse(self) -> None:
        """New connections are refused, until ``heal``."""
        ...

    def heal(self) -> None:
        """Ends ``refuse``."""
        ...
