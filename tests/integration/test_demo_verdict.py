"""The demo's own check: it sees what does not hold, and says so."""

from __future__ import annotations

from io import StringIO

import asyncpg
import pytest
from rich.console import Console

from cdc_daemon.cli.demo_shop.play import play, verify
from cdc_daemon.cli.demo_shop.setting import prepare
from cdc_daemon.cli.demo_shop.show import Teller
from cdc_daemon.cli.demo_shop.tell import tell
from cdc_daemon.cli.opened import opened
from cdc_daemon.databases.postgresql.embedded import EmbeddedPostgres
from cdc_daemon.settings.load import load


async def _in_warehouse(server: EmbeddedPostgres, sql: str) -> None:
    connection = await asyncpg.connect(server.dsn("warehouse"))
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


@pytest.mark.asyncio
async def test_history_that_was_tampered_with_is_seen(private_postgres: EmbeddedPostgres) -> None:
    """A value changed in one old version, and a version lost, show as of the batches they hold."""
    config = load(await prepare(private_postgres), {})
    async with opened(config) as wired:
        acts = tuple([act async for act in play(wired)])
        assert [v for v in await verify(wired, acts) if v.differences] == []
        assert [act.miscounted for act in acts] == [()] * 4
        await _in_warehouse(
            private_postgres,
            "UPDATE bronze.shop_customers SET city = 'Rome' WHERE city = 'Paris';"
            "DELETE FROM bronze.shop_products WHERE sku = 'SKU-051'",
        )
        verdicts = await verify(wired, acts)
        told = StringIO()
        teller = Teller(Console(file=told, width=100))
        assert not teller.proof(acts, verdicts)
    assert {(v.table, v.act): v.differences for v in verdicts if v.differences} == {
        ("customers", 2): 2,  # the row that was, and the row that was not
        ("products", 2): 1,
        ("products", 3): 1,
        ("products", 4): 1,
    }
    assert "Does not hold: bronze, customers as of batch 2" in told.getvalue()
    assert "Everything is equal" not in told.getvalue()


@pytest.mark.asyncio
async def test_a_batch_that_fails_ends_the_story(private_postgres: EmbeddedPostgres) -> None:
    """The table, what happened and the remedy are told, and nothing is claimed."""
    config = await prepare(private_postgres)
    await _in_warehouse(
        private_postgres, "CREATE SCHEMA bronze; CREATE TABLE bronze.shop_orders (order_id integer)"
    )
    told = StringIO()
    assert not await tell(config, Teller(Console(file=told, width=200)))
    assert "shop.public.orders failed" in told.getvalue()
    assert "remedy: Rename or drop the table" in told.getvalue()
    assert "Batch 2" not in told.getvalue()
