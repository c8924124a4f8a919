"""Stopping goes in one direction: running, draining, forced."""

from __future__ import annotations

from cdc_daemon.daemon.shutdown import Shutdown


def state(shutdown):
    return shutdown.draining.is_set(), shutdown.forced.is_set()


def test_nobody_asked():
    """Until somebody asks, nothing stops and there is no reason."""
    shutdown = Shutdown()
    assert (state(shutdown), shutdown.reason) == ((False, False), "")


def test_the_first_request_drains_and_the_second_forces():
    """Never the other way round, and never back; the reason is the first one's."""
    shutdown = Shutdown()
    seen = []
    for reason in ("SIGTERM", "SIGINT", "SIGTERM"):
        shutdown.request(reason)
        seen.append(state(shutdown))
    assert seen == [(True, False), (True, True), (True, True)]
    assert shutdown.reason == "SIGTERM"


def test_listeners_hear_every_request_after_it_took_effect():
    """Whoever listens sees the state that the request made."""
    shutdown, heard = Shutdown(), []
    shutdown.request("before anybody listened")
    shutdown.listen(lambda: heard.append(("one", *state(shutdown))))
    shutdown.listen(lambda: heard.append(("two", *state(shutdown))))
    shutdown.request("second")
    assert heard == [("one", True, True), ("two", True, True)]
