"""New ODBC connections: logged in, every option set as every session has it, and checked."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Any

from cdc_daemon.databases.sqlserver import drivers
from cdc_daemon.databases.sqlserver.address import APPLICATION, odbc
from cdc_daemon.databases.sqlserver.errors import translated
from cdc_daemon.databases.sqlserver.parameters import with_offset
from cdc_daemon.databases.sqlserver.set_options import CHECK, refuse_others, setup
from cdc_daemon.databases.sqlserver.threads import OneThread
from cdc_daemon.databases.sqlserver.waiting import Alive
from cdc_daemon.databases.sqlserver.wire import Wire, taken
from cdc_daemon.errors import DatabaseUnavailable
from cdc_daemon.model.config import ConnectionSpec
from cdc_daemon.ports.cleanup import to_its_end

_DATETIMEOFFSET = -155
"""SQL_SS_TIMESTAMPOFFSET, which pyodbc does not know."""
MARGIN_SECONDS = 2.0
"""What a login may take beyond the driver's own timeout."""

Password = Callable[[], str | None]


def login_seconds(spec: ConnectionSpec) -> int:
    """The timeout of a login, as drivers take it: whole seconds, of which 0 would be for good."""
    return max(1, math.ceil(spec.connect_timeout_seconds))


async def connected(
    spec: ConnectionSpec, password: Password, alive: Alive, application: str = APPLICATION
) -> Wire:
    """A connection; ``application`` is what the server's own views call it.

    Raises:
        DatabaseUnavailable, AccessDenied: as the server answers.
        StatementFailed: the server does not keep a session's options.
    """
    wire = await _logged_in(spec, password(), alive, application)
    try:
        await wire.execute(setup(spec))
        refuse_others(spec.name, (await wire.fetch(CHECK))[0])
    except BaseException:
        await to_its_end(wire.close())
        raise
    return wire


async def answers(spec: ConnectionSpec, password: Password) -> bool:
    """Whether the server takes a login, or refuses one: either way it is there."""
    try:
        wire = await _logged_in(spec, password(), _nobody_asks, APPLICATION)
    except DatabaseUnavailable:
        return False
    except Exception:  # noqa: BLE001 - whatever it says, it says something
        return True
    await wire.close()
    return True


async def _nobody_asks() -> bool:
    return False


async def _logged_in(
    spec: ConnectionSpec, password: str | None, alive: Alive, application: str
) -> Wire:
    thread = OneThread(f"odbc {spec.name}")
    seconds = login_seconds(spec)
    connection: Any = None
    with translated(f"connection {spec.name}: connecting"):
        try:
            async with asyncio.timeout(seconds + MARGIN_SECONDS):
                connection = await _connection(spec, password, thread, application)
                await connection.add_output_converter(_DATETIMEOFFSET, with_offset)
                cursor = await connection.cursor()
        except BaseException:
            if connection is not None:
                thread.submit(taken(connection).close)
            thread.shutdown()  # a connection that comes late is dropped, and so closed, there
            raise
    return Wire(spec.name, connection, cursor, thread, alive)


async def _connection(
    spec: ConnectionSpec, password: str | None, thread: OneThread, application: str
) -> Any:  # noqa: ANN401 - not typed
    loop = asyncio.get_running_loop()
    aioodbc = await loop.run_in_executor(thread, drivers.aioodbc)
    driver = await loop.run_in_executor(thread, drivers.odbc_driver, spec.sqlserver.driver)
    return await aioodbc.connect(
        dsn=odbc(spec, password, driver, application),
        autocommit=True,
        timeout=login_seconds(spec),
        executor=thread,
    )
