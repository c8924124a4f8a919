"""The HTTP server: a real client against a real socket."""

from __future__ import annotations

import asyncio
import hashlib
import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as parse_plain

from cdc_daemon.daemon.http import CannotListen, HttpServer, Told
from cdc_daemon.errors import ExitCode
from cdc_daemon.model.config import HttpSpec
from tests.support.http import HOST, Readiness, make_status, serving
from tests.support.metrics import NOW, make_metrics, make_snapshot, make_specs

PATHS = ("/", "/healthz", "/metrics", "/readyz", "/status")


def make_server(port):
    told = Told(metrics=make_metrics(), readiness=Readiness(), status=make_status)
    return HttpServer(HttpSpec(host=HOST, port=port), told)


async def exchange(port, request):
    """What the server answers to bytes that no client would send."""
    reader, writer = await asyncio.open_connection(HOST, port)
    writer.write(request)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


@pytest.mark.asyncio
async def test_metrics_are_served_in_both_formats():
    """A scraper gets text it can parse, in the format it asked for."""
    async with serving() as served:
        status, plain, headers = await served.get("/metrics")
        assert status == 200
        assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
        accept = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}
        _, other, headers = await served.get("/metrics", headers=accept)
        assert headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    names = {family.name for family in parse_plain(plain)}
    assert "cdc_table_lag_seconds" in names
    assert {family.name for family in parse_openmetrics(other)} == names


@pytest.mark.asyncio
async def test_metrics_of_a_removed_table_are_not_served():
    """After a reload without the table, the next scrape does not name it."""
    async with serving(tables=2) as served:
        assert "core.dbo.T1" in (await served.get("/metrics"))[1]
        served.metrics.configuration(make_snapshot(make_specs(1), version=2), NOW)
        text = (await served.get("/metrics"))[1]
        assert "core.dbo.T1" not in text
        assert "core.dbo.T0" in text


@pytest.mark.asyncio
async def test_health_is_that_the_loop_turns():
    """Liveness holds whatever else is wrong: a pod is not killed because a database is down."""
    async with serving() as served:
        served.readiness.why = ("target unreachable",)
        assert (await served.get("/healthz"))[:2] == (200, "ok\n")


@pytest.mark.asyncio
async def test_readiness_names_its_reasons():
    """503 with every reason while there is one, 200 when there is none."""
    async with serving() as served:
        served.readiness.why = ("draining", "the control schema is not current")
        status, text, _ = await served.get("/readyz")
        assert status == 503
        assert json.loads(text) == {"ready": False, "reasons": list(served.readiness.why)}
        served.readiness.why = ()
        status, text, _ = await served.get("/readyz")
        assert (status, json.loads(text)) == (200, {"ready": True, "reasons": []})


@pytest.mark.asyncio
@pytest.mark.parametrize("path", PATHS)
async def test_head_is_get_without_a_body(path):
    """HEAD answers with the same status and type, and no byte."""
    async with serving() as served:
        status, _, headers = await served.get(path)
        other, text, found = await served.get(path, "HEAD")
        assert (other, text) == (status, "")
        assert found["Content-Type"] == headers["Content-Type"]


@pytest.mark.asyncio
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", PATHS)
async def test_nothing_but_reading_is_allowed(path, method):
    """Every other method is refused on every path."""
    async with serving() as served:
        status, _, headers = await served.get(path, method, data=b"x")
        assert status == 405
        assert headers["Allow"] == "GET,HEAD"


@pytest.mark.asyncio
async def test_unknown_paths_are_not_found():
    """A path that is not ours is 404, whatever it looks like."""
    async with serving() as served:
        for path in ("/metrics/", "/nothing", "/%2e%2e/etc/passwd", "/status?x=1/../y"):
            expected = 200 if path.startswith("/status?") else 404
            assert (await served.get(path))[0] == expected


@pytest.mark.asyncio
async def test_requests_with_a_body_are_refused():
    """A GET that carries something is refused, and its connection closed."""
    async with serving() as served:
        status, _, headers = await served.get("/status", data=b"x" * 100)
        assert status == 413
        assert headers["Connection"] == "close"


@pytest.mark.asyncio
async def test_no_answer_tells_versions():
    """The server header is a name only, of malformed requests' answers, too."""
    async with serving() as served:
        for path in (*PATHS, "/nothing"):
            _, _, headers = await served.get(path)
            assert headers["Server"] == "cdc-daemon"
            assert headers["Cache-Control"] == "no-store"
            assert headers["X-Content-Type-Options"] == "nosniff"
        answer = await exchange(served.server.port, b"what is this\r\n\r\n")
    assert answer.startswith((b"HTTP/1.0 400", b"HTTP/1.1 400"))
    assert b"Server: cdc-daemon\r\n" in answer
    assert b"aiohttp" not in answer
    assert b"Python" not in answer


@pytest.mark.asyncio
async def test_requests_are_not_logged(caplog):
    """Scrapes leave no line at INFO: a probe a second is no news."""
    async with serving() as served:
        caplog.clear()
        caplog.set_level("INFO")
        for path in (*PATHS, "/nothing"):
            await served.get(path)
    assert caplog.records == []


@pytest.mark.asyncio
async def test_a_port_that_is_taken_is_a_hard_error():
    """The service fails at once, naming host and port and what to do."""
    async with serving() as served:
        port = served.server.port
        with pytest.raises(CannotListen, match=f"{HOST}:{port}: .*in use") as caught:
            await make_server(port).run()
    assert caught.value.exit_code is ExitCode.ENVIRONMENT
    assert str(port) in caught.value.remedy
    assert HOST in caught.value.remedy


@pytest.mark.asyncio
async def test_an_address_that_is_not_ours_is_a_hard_error():
    """A host that does not resolve and one of another machine are told alike."""
    for host in ("no-such-host.invalid", "203.0.113.7"):
        server = HttpServer(HttpSpec(host=host, port=0), make_server(0)._told)
        with pytest.raises(CannotListen, match=f"cannot listen on {host}:0"):
            await server.run()


@pytest.mark.asyncio
async def test_cancelled_it_leaves_nothing():
    """The socket is closed, idle connections are, and its thread has ended."""
    async with serving() as served:
        await served.get("/metrics")
        port = served.server.port
        _, idle = await asyncio.open_connection(HOST, port)
        served.task.cancel()
        async with asyncio.timeout(10):
            await asyncio.wait({served.task})
        assert served.task.cancelled()
        assert not served.server.bound.is_set()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(HOST, port)
        idle.close()
    assert not [each for each in threading.enumerate() if each.name.startswith("http")]
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind((HOST, port))


def _work_until(done, data):
    while not done.is_set():
        hashlib.sha256(data).digest()


@pytest.mark.asyncio
async def test_scrapes_stay_fast_while_every_thread_works():
    """Ten scrapes a second are answered while the shared threads are all taken by heavy work."""
    threads, done = 8, threading.Event()
    async with serving(tables=40) as served:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(threads))
        work = [
            asyncio.create_task(asyncio.to_thread(_work_until, done, bytes(1_000_000)))
            for _ in range(2 * threads)  # the rest waits for a thread
        ]
        spent, due = [], loop.time()
        try:
            for _ in range(20):
                began = loop.time()
                assert (await served.get("/metrics"))[0] == 200
                spent.append(loop.time() - began)
                due += 0.1
                await asyncio.wait(work, timeout=max(0.0, due - loop.time()))
        finally:
            done.set()
        await asyncio.gather(*work)
    assert sorted(spent)[len(spent) // 2] < 1.0
