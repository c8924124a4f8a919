"""``/metrics``, ``/healthz``, ``/readyz``, ``/status`` and the status page: all of it is reading.

Nothing here asks a database or changes state; what takes long is rendered in a thread of its own,
because those the batches use may all be taken.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

import structlog
from aiohttp import hdrs, web

from cdc_daemon.daemon.status import DaemonStatus, document
from cdc_daemon.daemon.status_page import POLICY, page
from cdc_daemon.errors import CdcError, ExitCode
from cdc_daemon.model.config import HttpSpec
from cdc_daemon.observability.metrics.exposition import exposition
from cdc_daemon.observability.metrics.metrics import Metrics

T = TypeVar("T")
Handler = Callable[[web.Request], Any]

SERVER = "cdc-daemon"
CLOSE_SECONDS = 2.0
"""How long requests in progress may go on once the daemon stops."""
_HEADERS = {
    hdrs.CACHE_CONTROL: "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


class CannotListen(CdcError):
    """The address is taken, or is not one of this machine's."""

    exit_code = ExitCode.ENVIRONMENT


class Readiness(Protocol):
    """Whether the daemon is of use; answers at once, from memory."""

    def reasons(self) -> tuple[str, ...]:
        """Why it is not ready, each a sentence of ours; empty where it is."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Where the server learns what it tells; asked on the event loop, answered from memory."""

    metrics: Metrics
    readiness: Readiness
    status: Callable[[], DaemonStatus]
    publish: Callable[[], None] = lambda: None
    """Tells the metrics of every table, before they are rendered."""


class HttpServer:
    """A service of the daemon; ``bound`` is set, and ``port`` known, once it listens."""

    name = "http"

    def __init__(self, spec: HttpSpec, told: Told) -> None:
        self._spec = spec
        self._told = told
        self._renderer: ThreadPoolExecutor | None = None
        self.bound = asyncio.Event()
        self.port = spec.port

    async def run(self) -> None:
        """Listen until cancelled; the socket is closed then.

        Raises:
            CannotListen: the address is taken, or not ours.
        """
        # keyword arguments beyond aiohttp's own go to its protocol
        runner = web.AppRunner(
            self._application(),
            handle_signals=False,
            access_log=None,
            shutdown_timeout=CLOSE_SECONDS,
            lingering_time=CLOSE_SECONDS,
            auto_decompress=False,
        )
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="http") as self._renderer:
            try:
                await self._listen(runner)
                await asyncio.get_running_loop().create_future()
            finally:
                self.bound.clear()
                await runner.cleanup()

    async def _listen(self, runner: web.AppRunner) -> None:
        await runner.setup()
        server = runner.server
        assert server is not None  # noqa: S101 - just set up
        made = server.request_factory  # the application's, which takes the class to make
        server.request_factory = partial(made, _cls=_Request)  # type: ignore[call-arg]
        host, port = self._spec.host, self._spec.port
        try:
            await web.TCPSite(runner, host, port).start()
        except (OSError, OverflowError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or "no such address"
            raise CannotListen(
                f"cannot listen on {host}:{port}: {reason}",
                remedy=f"Stop what listens on port {port} of {host}, or set `http.host` and "
                "`http.port` to a free address (port 0: any free one).",
            ) from error
        self.port = int(runner.addresses[0][1])
        structlog.get_logger("cdc_daemon.http").info("listening", host=host, port=self.port)
        self.bound.set()

    def _application(self) -> web.Application:
        application = web.Application(middlewares=[_without_body])
        routes: dict[str, Handler] = {
            "/": self._page,
            "/healthz": self._healthz,
            "/metrics": self._metrics,
            "/readyz": self._readyz,
            "/status": self._status,
        }
        for path, handler in routes.items():
            application.router.add_get(path, handler)  # and HEAD
        return application

    async def _metrics(self, request: web.Request) -> web.Response:
        accept = ",".join(request.headers.getall(hdrs.ACCEPT, ()))
        metrics = self._told.metrics
        self._told.publish()
        metrics.refresh()
        body, kind = await self._rendered(exposition, metrics.registry, accept)
        return web.Response(body=body, headers={hdrs.CONTENT_TYPE: kind})

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")  # that the loop turned is the whole answer

    async def _readyz(self, _: web.Request) -> web.Response:
        reasons = self._told.readiness.reasons()
        body = {"ready": not reasons, "reasons": reasons}
        return web.json_response(body, status=503 if reasons else 200)

    async def _status(self, _: web.Request) -> web.Response:
        status, reasons = self._told.status(), self._told.readiness.reasons()
        text = await self._rendered(_json, status, reasons)
        return web.Response(text=text, content_type="application/json")

    async def _page(self, _: web.Request) -> web.Response:
        status, reasons = self._told.status(), self._told.readiness.reasons()
        text = await self._rendered(page, status, reasons)
        headers = {"Content-Security-Policy": POLICY}
        return web.Response(text=text, content_type="text/html", headers=headers)

    async def _rendered(self, render: Callable[..., T], *arguments: object) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._renderer, render, *arguments)


class _Request(web.Request):
    """Puts the headers of every answer, those to malformed requests included.

    aiohttp's signals do not see the latter, and its own header names its version.
    """

    async def _prepare_hook(self, resp: web.StreamResponse) -> None:
        await super()._prepare_hook(resp)
        resp.headers[hdrs.SERVER] = SERVER
        for name, value in _HEADERS.items():
            resp.headers.setdefault(name, value)


def _json(status: DaemonStatus, reasons: tuple[str, ...]) -> str:
    """In pieces: the encoder written in C, called once, would stop the event loop meanwhile."""
    return "".join(json.JSONEncoder().iterencode(document(status, reasons)))


@web.middleware
async def _without_body(request: web.Request, handler: Handler) -> web.StreamResponse:
    answer: web.StreamResponse
    if request.body_exists and request.method in {hdrs.METH_GET, hdrs.METH_HEAD}:
        answer = web.Response(status=413, text="413: no request here has a body\n")
        answer.force_close()
        return answer
    answer = await handler(request)
    return answer
