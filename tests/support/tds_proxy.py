"""A way in to a database of the TDS test server that can do harm at any statement.

What ``proxy.Proxy`` is for PostgreSQL: a server of its own, beside the one that everybody else
uses, over the same database. What a rule raises is raised again by ``reset``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Self

from tests.support.databases import Database
from tests.support.failpoints import Action, Hold, Predicate, Rule, Rules, Verdict
from tests.support.session import Statement
from tests.support.tds.server import TdsServer


class TdsProxy:
    """Implements ``failpoints.Harmful``; statements are T-SQL, as the server runs them."""

    def __init__(self, database: Database, *, user: str, password: str) -> None:
        self._server = TdsServer(database.dsn, user=user, password=password)
        self._database = database.name
        self._rules = Rules()
        self._holds: list[Hold] = []
        self._failures: list[Exception] = []
        self._seen = 0

    def __enter__(self) -> Self:
        self._server.__enter__()
        return self

    def __exit__(self, *failure: object) -> None:
        self._server.__exit__(*failure)

    @property
    def port(self) -> int:
        """Where it listens, on 127.0.0.1; the same for good."""
        return self._server.port

    def on_statement(
        self, match: str | Predicate, action: Action, *, after: bool = False, times: int | None = 1
    ) -> Rule:
        """Runs an action before a matching statement, or when it was executed.

        ``after`` means: the server is done with it, and the client has not seen the answer.
        """
        rule = self._rules.add(match, action, after=after, times=times)
        if after:
            self._server.on_executed = self._executed
        else:
            self._server.on_statement = self._statement
        return rule

    def hold(self, match: str | Predicate, *, after: bool = False) -> Hold:
        """Pauses at the first matching statement: ``wait()`` for it, then ``release()``."""
        hold = Hold()
        self._holds.append(hold)
        self.on_statement(match, hold.act, after=after)
        return hold

    def cut_all(self) -> None:
        """Breaks every connection now; new ones are welcome."""
        self._server.cut()

    def refuse(self) -> None:
        """New connections are closed at once, until ``heal``; those there are stay.

        A port where nobody listens Microsoft's driver tries again until its time is over.
        """
        self._server.refuse()

    def heal(self) -> None:
        """Ends ``refuse``."""
        self._server.admit()

    def reset(self) -> None:
        """No rules and no harm any more.

        Raises:
            ExceptionGroup: what rules raised.
        """
        self._rules.clear()
        for hold in self._holds:
            hold.release(Verdict.RESET)
        self._holds.clear()
        self.heal()
        self._server.on_statement = self._server.on_executed = None
        failures, self._failures = self._failures, []
        if failures:
            raise ExceptionGroup("rules of the proxy failed", failures)

    def _statement(self, connection: int, sql: str) -> None:
        self._judge(connection, sql, after=False)

    def _executed(self, connection: int, sql: str) -> None:
        self._judge(connection, sql, after=True)

    def _judge(self, connection: int, sql: str, *, after: bool) -> None:
        """Runs in a thread of the server's; what it raises cuts the connection."""
        self._seen += not after
        statement = Statement(
            number=self._seen,
            connection=connection,
            kind="query",
            sql=sql,
            application="",
            database=self._database,
        )
        rule = self._rules.take(statement, after=after)
        if rule is None:
            return
        try:
            answer = rule.action(statement)
            verdict = asyncio.run(_result(answer)) if isinstance(answer, Awaitable) else answer
        except Exception as error:
            self._failures.append(error)
            raise
        if verdict not in {None, Verdict.FORWARD}:
            raise ConnectionAbortedError


async def _result(answer: Awaitable[Verdict | None]) -> Verdict | None:
    return await answer
