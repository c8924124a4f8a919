"""An end of listening that leaves no socket behind."""

from __future__ import annotations

import asyncio

_TURNS = 3
"""Of the loop: a connection is accepted, gets its transport, and is handed over."""


async def stop(server: asyncio.Server) -> None:
    """Closes ``server`` once what it has accepted was handed over; nothing more is accepted.

    Closed at once, asyncio would drop a connection that is accepted and has no transport yet
    (``Server._attach`` fails), and leave its socket to the garbage collector.
    """
    loop = asyncio.get_running_loop()
    for listener in server.sockets:
        loop.remove_reader(listener.fileno())
    for _ in range(_TURNS):
        await asyncio.sleep(0)
    server.close()
