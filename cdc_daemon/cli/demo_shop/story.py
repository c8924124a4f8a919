"""A small shop, and what happens in it between two batches.

Law: the story is fixed, so that every run of the demo shows the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

SOURCE = "shop"
"""The connection the shop is read by, and its database."""
WAREHOUSE = "warehouse"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShopTable:
    """One table of the shop; its key comes first among its columns."""

    name: str
    columns: tuple[str, ...]
    key: int = 1
    """How many columns the key has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """What happens before a batch."""

    title: str
    events: tuple[str, ...]
    """A sentence each, for the reader."""
    sql: str
    """The same, for the shop's database."""


TABLES = (
    ShopTable(
        name="customers",
        columns=("customer_id", "name", "city", "email", "preferences", "signed_up"),
    ),
    ShopTable(name="products", columns=("sku", "title", "price", "weight_kg")),
    ShopTable(name="orders", columns=("order_id", "customer_id", "ordered_at", "status", "note")),
    ShopTable(
        name="order_lines",
        columns=("order_id", "line_no", "sku", "quantity", "unit_price"),
        key=2,
    ),
)

_SCHEMA = """
CREATE TABLE customers (
    customer_id integer PRIMARY KEY,
    name text NOT NULL,
    city text NOT NULL,
    email text,
    preferences jsonb NOT NULL,
    signed_up timestamp with time zone NOT NULL
);
CREATE TABLE products (
    sku text PRIMARY KEY,
    title text NOT NULL,
    price numeric(10, 2) NOT NULL,
    weight_kg numeric(8, 3)
);
CREATE TABLE orders (
    order_id integer PRIMARY KEY,
    customer_id integer NOT NULL REFERENCES customers,
    ordered_at timestamp with time zone NOT NULL,
    status text NOT NULL,
    note text
);
CREATE TABLE order_lines (
    order_id integer NOT NULL REFERENCES orders,
    line_no smallint NOT NULL,
    sku text NOT NULL REFERENCES products,
    quantity integer NOT NULL,
    unit_price numeric(12, 4) NOT NULL,
    PRIMARY KEY (order_id, line_no)
);
"""

_ORDERS = """
INSERT INTO orders
SELECT i, 1 + i % 200, timestamptz '2026-01-05 08:00+01' + i * interval '37 minutes',
       CASE WHEN i <= 540 THEN 'shipped' ELSE 'open' END,
       CASE WHEN i % 50 = 0 THEN 'Gift wrap, please 🎁' END
FROM generate_series(1, 618) AS i WHERE {which};
"""

_LINES = """
INSERT INTO order_lines
SELECT o.order_id, n, 'SKU-' || lpad(text(1 + (7 * o.order_id + n) % 50), 3, '0'),
       1 + (o.order_id + n) % 4, (4.95 + o.order_id % 60) * 0.975
FROM orders AS o CROSS JOIN generate_series(1, 1 + o.order_id % 3) AS n WHERE {which};
"""

_FIRST = f"""
{_SCHEMA}
INSERT INTO customers VALUES
    (1, 'Ada', 'Berlin', 'ada@shop.test', '{{"newsletter": true}}', '2024-05-02 09:30+02'),
    (2, 'Bo', 'Oslo', 'bo@shop.test', '{{}}', '2024-07-19 18:04:11.25+02'),
    (3, 'Chen', 'Taipei', NULL, '{{"language": "zh", "sizes": [38, 39]}}', '2025-01-11 03:00+08');
INSERT INTO customers
SELECT i, 'Customer ' || i, (ARRAY['Lagos', 'Lima', 'Osaka', 'Turin'])[1 + i % 4],
       'customer' || i || '@shop.test', jsonb_build_object('newsletter', i % 3 = 0),
       timestamptz '2025-02-01 00:00+00' + i * interval '11 hours'
FROM generate_series(4, 200) AS i;
INSERT INTO products
SELECT 'SKU-' || lpad(text(i), 3, '0'), 'Product ' || i, 4.95 + i,
       CASE WHEN i % 10 > 0 THEN i * 0.125 END
FROM generate_series(1, 50) AS i;
{_ORDERS.format(which="i <= 600")}
{_LINES.format(which="true")}
"""

_BUSY = f"""
UPDATE customers SET city = 'Paris' WHERE customer_id = 1;
UPDATE customers SET email = 'chen@shop.test' WHERE customer_id = 3;
DELETE FROM order_lines WHERE order_id IN (SELECT order_id FROM orders WHERE customer_id = 2);
DELETE FROM orders WHERE customer_id = 2;
DELETE FROM customers WHERE customer_id = 2;
INSERT INTO customers
VALUES (201, 'Dana 🎿', 'Quito', NULL, '{{"newsletter": false}}', '2026-01-23 22:15-05');
UPDATE products SET price = price + 1.50 WHERE sku IN ('SKU-014', 'SKU-015');
INSERT INTO products VALUES ('SKU-051', 'Product 51', 19.90, 0.750);
UPDATE orders SET status = 'shipped' WHERE order_id BETWEEN 541 AND 570;
{_ORDERS.format(which="i BETWEEN 602 AND 613")}
{_LINES.format(which="o.order_id BETWEEN 602 AND 613")}
UPDATE order_lines SET quantity = quantity + 1 WHERE order_id = 9 AND line_no = 1;
"""

_BACK = f"""
UPDATE customers SET city = 'Berlin' WHERE customer_id = 1;
UPDATE customers SET email = NULL WHERE customer_id = 3;
INSERT INTO customers
VALUES (2, 'Bo', 'Bergen', 'bo@shop.test', '{{}}', '2024-07-19 18:04:11.25+02');
{_ORDERS.format(which="i <= 600 AND 1 + i % 200 = 2")}
{_LINES.format(which="o.customer_id = 2 AND o.order_id <= 600")}
UPDATE products SET price = price - 1.50 WHERE sku = 'SKU-014';
UPDATE orders SET status = 'shipped' WHERE order_id BETWEEN 571 AND 600;
{_ORDERS.format(which="i BETWEEN 614 AND 618")}
{_LINES.format(which="o.order_id BETWEEN 614 AND 618")}
UPDATE order_lines SET quantity = quantity - 1 WHERE order_id = 9 AND line_no = 1;
"""

_SAME = """
UPDATE customers SET city = city;
UPDATE products SET price = price;
"""

CHAPTERS = (
    Chapter(
        title="the first load",
        events=("The warehouse is empty: every row of the shop is new to it.",),
        sql=_FIRST,
    ),
    Chapter(
        title="after a busy day in the shop",
        events=(
            "Ada (customer 1) moves from Berlin to Paris.",
            "Bo (customer 2) closes the account: the row is deleted, three orders with it.",
            "Chen (customer 3) gives an e-mail address, where there was none (NULL).",
            "Dana 🎿 signs up. One product is new, two cost more; orders come in and ship.",
        ),
        sql=_BUSY,
    ),
    Chapter(
        title="after a day of second thoughts",
        events=(
            "Ada moves back to Berlin: the values of batch 1, yet a version of its own.",
            "Bo returns under the same key, now in Bergen, and gets the three orders back.",
            "Chen takes the e-mail address away again: back to NULL.",
            "One price goes back to what it was; more orders come in and ship.",
        ),
        sql=_BACK,
    ),
    Chapter(
        title="nothing changes",
        events=(
            "The shop writes every customer and product again, with the values they had.",
            "Rows are compared by value: nothing changed, so nothing is written.",
        ),
        sql=_SAME,
    ),
)
