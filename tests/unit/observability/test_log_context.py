"""The context of a task: run, table and batch, and nobody else's."""

import asyncio
import io
import json
import logging

import pytest
import structlog

from cdc_daemon.model.config import LoggingSpec
from cdc_daemon.model.table import TableId
from cdc_daemon.observability.logging import configure_logging

TABLES = 20


async def one_table(number, turns):
    """A run that gives way to its neighbours between any two lines, and logs from a thread."""
    log = structlog.get_logger("cdc_daemon.test")
    table = TableId("core", "dbo", f"T{number}")
    with structlog.contextvars.bound_contextvars(run_id="r", table=table):
        await turns.wait()
        for step in range(3):
            with structlog.contextvars.bound_contextvars(batch_id=number):
                log.info("read", rows=number)
                await turns.wait()
                logging.getLogger("library").warning("slow %s", step)
                await asyncio.to_thread(log.info, "hashed", rows=number)
        log.info("after", rows=number)
    log.info("done", rows=number)


async def all_by_gather():
    turns = asyncio.Barrier(TABLES)
    await asyncio.gather(*(one_table(number, turns) for number in range(TABLES)))


async def all_by_task_group():
    turns = asyncio.Barrier(TABLES)
    async with asyncio.TaskGroup() as group:
        for number in range(TABLES):
            group.create_task(one_table(number, turns))


@pytest.mark.asyncio
@pytest.mark.parametrize("run_all", [all_by_gather, all_by_task_group])
async def test_tables_that_run_side_by_side_keep_their_context(run_all):
    """Every line carries its own table and batch, in tasks, their threads and libraries."""
    stream = io.StringIO()
    with configure_logging(LoggingSpec(), stream=stream, is_terminal=False):
        await run_all()
        structlog.get_logger("cdc_daemon.test").info("outside")

    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert len(lines) == TABLES * (3 * 3 + 2) + 1
    for line in lines:
        number = line.get("rows", line.get("batch_id"))
        within = line["event"] in {"read", "hashed", "slow %s"}
        bound = within or line["event"] == "after"
        assert line.get("table") == (f"core.dbo.T{number}" if bound else None)
        assert line.get("batch_id") == (number if within else None)
    assert sum(line["event"] == "slow %s" for line in lines) == TABLES * 3
