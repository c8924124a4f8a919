"""The daemon's HTTP server for tests, with what it tells under the test's control."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import aiohttp

from cdc_daemon.daemon.http import HttpServer, Told
from cdc_daemon.daemon.status import DaemonStatus, TableStatus
from cdc_daemon.model.checkpoint import TableState
from cdc_daemon.model.config import HttpSpec
from cdc_daemon.model.run import Status
from cdc_daemon.observability.metrics.metrics import Metrics
from tests.support.metrics import LANES, NOW, fill, make_metrics, make_outcome, make_specs

HOST = "127.0.0.1"


def make_table_status(**other) -> TableStatus:
    """A table that succeeded a minute ago; ``other`` are fields of ``TableStatus``."""
    (spec,) = make_specs(1)
    spec = other.pop("spec", spec)
    state = TableState(
        table=spec.id, last_success=NOW - timedelta(minutes=1), last_batch=7, open_versions=9
    )
    given = {
        "state": state,
        "due_at": NOW + timedelta(minutes=14),
        "last": make_outcome(spec, read_at=NOW - timedelta(minutes=1)),
    } | other
    return TableStatus(spec=spec, **given)


def make_status(**other) -> DaemonStatus:
    """A table that is well, one that is held and one that fails."""
    well, held, failing = make_specs(3)
    reason = "core.dbo.T1: guard deletes: 900 of 1000 open versions would be closed"
    error = "core.dbo.T2: connection core: cannot connect"
    tables = (
        make_table_status(spec=well),
        make_table_status(
            spec=held,
            due_at=None,
            state=TableState(table=held.id, held=reason, held_at=NOW, failures=1),
            last=make_outcome(held, Status.FAILED, error_kind="GuardTripped", error=reason),
        ),
        make_table_status(
            spec=failing,
            queued=True,
            due_at=NOW,
            state=TableState(table=failing.id, failures=3),
            last=make_outcome(
                failing,
                Status.FAILED,
                error_kind="DatabaseUnavailable",
                error=error,
                remedy="Check that the database is up.",
            ),
        ),
    )
    status = DaemonStatus(
        version="1.2.3",
        now=NOW,
        uptime_seconds=4_000,
        config_generation=2,
        config_digest="ab" * 32,
        lanes=LANES,
        tables=tables,
    )
    return replace(status, **other)


@dataclass
class Readiness:
    """As the test wants it; implements ``daemon.http.Readiness``."""

    why: tuple[str, ...] = ()

    def reasons(self) -> tuple[str, ...]:
        return self.why


@dataclass
class Served:
    """A server that runs, a client, and what the server is told."""

    server: HttpServer
    task: asyncio.Task
    client: aiohttp.ClientSession
    metrics: Metrics
    readiness: Readiness
    status: DaemonStatus = field(default_factory=make_status)

    async def get(self, path: str, method: str = "GET", **options) -> tuple[int, str, dict]:
        """Status, text and headers of the answer."""
        async with self.client.request(method, path, **options) as answer:
            return answer.status, await answer.text(), dict(answer.headers)


@asynccontextmanager
async def serving(tables: int = 3) -> AsyncIterator[Served]:
    """A server on a free port, with metrics of ``tables``; cancelled in the end."""
    specs = make_specs(tables)
    metrics, readiness = make_metrics(specs), Readiness()
    fill(metrics, specs)
    told = Told(metrics=metrics, readiness=readiness, status=lambda: served.status)
    server = HttpServer(HttpSpec(host=HOST, port=0), told)
    task = asyncio.create_task(server.run())
    async with asyncio.timeout(10):
        await server.bound.wait()
    async with aiohttp.ClientSession(f"http://{HOST}:{server.port}") as client:
        served = Served(server, task, client, metrics, readiness)
        try:
            yield served
        finally:
            task.cancel()
            await asyncio.wait({task})
