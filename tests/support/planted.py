"""A source full of marked values, and rules that must hide every one of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.support.site import Site

KEYS = {
    "PLANTED_KEY_1": "hush-key-one-6f2a9c41",
    "PLANTED_KEY_2": "hush-key-two-b7d03e58",
}
FILE_KEY = "hush-key-in-a-file-19ce75"

TABLES = """
CREATE TABLE person (id int PRIMARY KEY, region text, name text, email text, phone text,
    ssn bigint, card numeric(19), born date, doc jsonb, hobby text, diary text,
    salary numeric(14,2), motto text, pin text, score bigint, plain text);
CREATE TABLE account (account_no text PRIMARY KEY, holder_ssn text, balance int);
CREATE TABLE badge (code text PRIMARY KEY, owner text);
CREATE TABLE visit (id int PRIMARY KEY, customer_id bigint, "emailAddress" text, phone_no text,
    card_number text, ssn bigint, amount int);
CREATE TABLE ledger (id int PRIMARY KEY, amount text, plain text);
"""
EU, FILTERED, REJECTED, REFUSED = (1, 2, 3, 4), 5, 6, 7
"""Numbers of persons: carried, left out by a filter, rejected by a rule, refused by the target."""
MOTTO = "what stays of every motto: "
HIDDEN = (FILTERED, REJECTED, REFUSED)
ARROW = chr(0x2192)
"""No character of LATIN1."""


class Planted(Site):
    """The site; its child processes know the keys."""

    __slots__ = ()

    @property
    def env(self) -> dict[str, str]:
        return {**super().env, **KEYS}

    def plant(self) -> None:
        """Tables and rows, and the key in a file."""
        self.source.execute(TABLES)
        for n in (*EU, FILTERED, REJECTED, REFUSED):
            self.insert("person", person(n))
        for name, rows in OTHERS.items():
            for row in rows:
                self.insert(name, row)
        (self.folder / "keys").mkdir()
        (self.folder / "keys" / "key").write_text(FILE_KEY)

    def insert(self, table: str, row: Mapping[str, Any]) -> None:
        names = ", ".join(f'"{name}"' for name in row)
        values = ", ".join(_literal(value) for value in row.values())
        self.source.execute(f"INSERT INTO {table} ({names}) VALUES ({values})")

    def change(self, n: int) -> None:
        """The second person becomes ``person(n)``."""
        row = person(n)
        sets = ", ".join(f"{name} = {_literal(row[name])}" for name in row if name != "id")
        self.source.execute(f"UPDATE person SET {sets} WHERE id = 2")

    def rules(self, *, key: int = 1, name: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Arguments of ``configure``: tables with rules, and a preset for all others."""
        given = {"env": f"PLANTED_KEY_{key}"}
        own = {
            "person": _person_rules(given, name or {"use": "mask", "kind": "all"}),
            "account": [
                {
                    "column": "account_no",
                    "use": "hash",
                    "key": {"file": str(self.folder / "keys" / "key")} if key == 1 else given,
                },
                {"column": "holder_ssn", "use": "mask", "kind": "ssn", "unmatched": "reject"},
            ],
            "badge": [
                {"column": "code", "use": "mask", "kind": "ssn", "unmatched": "reject"},
                {"column": "owner", "use": "mask", "kind": "keep_first", "count": 2},
            ],
            "visit": [],
            "ledger": [
                {"column": "amount", "use": "convert", "to": "integer", "on_failure": "fail"},
                {"column": "plain", "use": "null"},
            ],
        }
        tables = [{"name": table, "transform": rules} for table, rules in own.items()]
        preset = {"use": "pii", "key": given, "tables": ["*.visit"]}
        return {"tables": tables, "transformations": {"rules": [preset]}}


def person(n: int) -> dict[str, Any]:
    """Everything in it is a marked value, but for key, region and what is carried in clear."""
    marked = {name: f"Qx{name}Mark{n:03}" for name in ("name", "hobby", "diary", "pin")}
    row = {
        "id": n,
        "region": "US" if n == FILTERED else "EU",
        **marked,
        "email": f"QxEmailMark{n:03}" + ("" if n == REJECTED else "@example.com"),
        "phone": f"+49 {836_204_517 + 7919 * n} 00 4711",
        "ssn": 918_273_645 + 10_007 * n,
        "card": 4_929_718_263_549_071 + 1_000_003 * n,
        "born": f"19{31 + n % 60}-08-17",
        "doc": json.dumps({"inner": [f"QxLeafMark{n:03}"]}),
        "motto": f"{MOTTO}QxMottoMark{n:03}",
        "score": 1 if n == 1 else 276_419_358 + 10_007 * n,
        "salary": f"{734_512_889 + 10_007 * n}.75",
        "plain": f"QxPlainMark{n:03}" if n in HIDDEN else f"open-{n:03}",
    }
    if n == REFUSED:
        row["plain"] += ARROW
    return row


OTHERS: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "account": [
        {"account_no": "QxAccountMark1", "holder_ssn": "731-95-2846", "balance": 1},
        {"account_no": "QxAccountMark2", "holder_ssn": "no QxHolderMark2", "balance": 2},
    ],
    "badge": [
        {"code": "582-64-9317", "owner": "QyOwnerMark1"},
        {"code": "QxCodeMark2", "owner": "QxOwnerMark2"},
    ],
    "visit": [
        {
            "id": 1,
            "customer_id": 648_391_752_846,
            "emailAddress": "QxVisitMark1@example.com",
            "phone_no": "0049-7315829640-12",
            "card_number": "5105 7318 2946 5503",
            "ssn": 357_918_264,
            "amount": 3,
        }
    ],
    "ledger": [{"id": 1, "amount": "12", "plain": "QxLedgerMark1"}],
}
STOPPING = {"id": 2, "amount": "QxAmountMark2", "plain": "QxLedgerMark2"}
CLEAR = {"id", "balance", "amount", "region"}


def marks_of(row: Mapping[str, Any]) -> Iterator[str]:
    """The marked values of a row."""
    for name, value in row.items():
        text = str(value).removesuffix("@example.com").removesuffix(ARROW).removeprefix(MOTTO)
        if name == "phone":
            text = text.split()[1]
        if name == "doc":
            text = json.loads(text)["inner"][0]
        clear = name in CLEAR or text == "1" or text.startswith("open-")
        if not clear or "Mark" in text:
            yield text


def _person_rules(key: Mapping[str, str], name: Mapping[str, Any]) -> list[dict[str, Any]]:
    told = {"column": "diary", "is_null": False}
    return [
        {"use": "filter", "keep": {"all": [{"column": "region", "equals": "EU"}, told]}},
        {"column": "name", **name},
        {"column": "email", "use": "mask", "kind": "email", "unmatched": "reject"},
        {
            "column": "phone",
            "use": "when",
            "when": told,
            "then": {"use": "mask", "kind": "phone"},
            "else": {"use": "null"},
        },
        {"column": "ssn", "use": "mask", "kind": "ssn"},
        {"column": "card", "use": "mask", "kind": "card"},
        {"types": ["date"], "use": "generalise", "to": "year"},
        {"column": "doc", "use": "hash", "key": key},
        {"column": "hobby", "use": "hash", "key": key, "key_version": "v1"},
        {"column": "diary", "use": "drop"},
        {"column": "salary", "use": "constant", "value": 0},
        {"column": "motto", "use": "truncate", "length": len(MOTTO)},
        {"column": "pin", "use": "null"},
        {
            "column": "score",
            "use": "when",
            "when": {"column": "id", "more": 1},
            "then": {"use": "null"},
        },
    ]


def _literal(value: object) -> str:
    return str(value) if isinstance(value, int) else f"'{value}'"
