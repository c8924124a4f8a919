"""Every coroutine here runs by a clock that does not wait."""

from __future__ import annotations

from tests.support.virtual_time import VirtualTimeLoop


def pytest_asyncio_loop_factories(config, item):
    """One loop for all tests."""
    return {"virtual": VirtualTimeLoop}
