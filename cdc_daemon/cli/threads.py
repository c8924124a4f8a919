"""Threads for what blocks: drivers, polars, files."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from cdc_daemon.model.config import ConfigSnapshot

PREFIX = "asyncio"
A_BATCH = 6
"""Reading the source and the target, hashing, landing, encoding, and one to cancel a read with."""
OTHERS = 8


def threads(config: ConfigSnapshot) -> ThreadPoolExecutor:
    """Enough that no batch waits for another's driver; they start when they are needed."""
    workers = sum(lane.workers for lane in config.lanes.values())
    return ThreadPoolExecutor(workers * A_BATCH + OTHERS, thread_name_prefix=PREFIX)
