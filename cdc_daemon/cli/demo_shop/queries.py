"""The questions the demo asks the two databases; readers may ask them of their own warehouse."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cdc_daemon.cli.demo_shop.check import Rows
from cdc_daemon.cli.demo_shop.story import SOURCE, ShopTable
from cdc_daemon.ports.sql import SqlDatabase

Answer = list[tuple[Any, ...]]

HISTORY = """\
SELECT name, city, email, _valid_from, _valid_to, _operation, _closed_by
FROM bronze.shop_customers
WHERE customer_id <= 3
ORDER BY customer_id, _valid_from"""

TIME_TRAVEL = """\
SELECT customer_id, name, city, email
FROM bronze.shop_customers
WHERE _valid_from <= '{at}'
  AND (_valid_to > '{at}' OR _valid_to IS NULL)
  AND customer_id <= 3
ORDER BY customer_id"""

NOW = """\
SELECT customer_id, name, city, email
FROM bronze.shop_customers_current
WHERE customer_id <= 3
ORDER BY customer_id"""

FEED = """\
SELECT _batch_id, _operation, customer_id, name, city, email
FROM stage.shop_customers
ORDER BY _batch_id, customer_id"""


async def ask(database: SqlDatabase, sql: str) -> Answer:
    """The answer to a question."""
    async with database.session() as session:
        return await session.fetch(sql)


async def held(shop: SqlDatabase, table: ShopTable) -> Rows:
    """What the shop's table holds now."""
    async with shop.session() as session:
        rows = await session.fetch(f"SELECT {_texts(table)} FROM public.{table.name}")
    return tuple(rows)


async def as_of(warehouse: SqlDatabase, table: ShopTable, at: datetime) -> Rows:
    """What bronze says the table held at that time."""
    async with warehouse.session() as session:
        rows = await session.fetch(
            f"SELECT {_texts(table)} FROM bronze.{SOURCE}_{table.name} "
            "WHERE _valid_from <= $1 AND (_valid_to > $1 OR _valid_to IS NULL)",
            at,
        )
    return tuple(rows)


def _texts(table: ShopTable) -> str:
    return ", ".join(f"{column}::text" for column in table.columns)
