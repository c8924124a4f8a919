"""Scripts of T-SQL are split into statements, with and without semicolons."""

from __future__ import annotations

import pytest

from tests.support.tds.errors import Refused, SqlError
from tests.support.tds.lexer import spell, tokens
from tests.support.tds.script import If, Node, Plain, parse


def shown(nodes: tuple[Node, ...]) -> list[object]:
    return [
        spell(node.parts)
        if isinstance(node, Plain)
        else (spell(node.condition), shown(node.then), shown(node.otherwise))
        for node in nodes
    ]


@pytest.mark.parametrize(
    ("script", "statements"),
    [
        ("SET NOCOUNT ON SELECT 1", ["SET NOCOUNT ON", "SELECT 1"]),
        ("INSERT INTO t (a) SELECT 1 SELECT 2", ["INSERT INTO t ( a ) SELECT 1", "SELECT 2"]),
        ("SELECT 1 UNION ALL SELECT 2;;", ["SELECT 1 UNION ALL SELECT 2"]),
        ("UPDATE t SET a = 1 DELETE t", ["UPDATE t SET a = 1", "DELETE t"]),
        ("DROP TABLE IF EXISTS t", ["DROP TABLE IF EXISTS t"]),
        ("BEGIN TRAN; COMMIT", ["BEGIN TRAN", "COMMIT"]),
        (
            "CREATE VIEW v AS WITH c AS (SELECT 1 a) SELECT a FROM c",
            ["CREATE VIEW v AS WITH c AS ( SELECT 1 a ) SELECT a FROM c"],
        ),
        (
            "IF NOT EXISTS (SELECT 1 FROM t) BEGIN DROP TABLE a; DROP TABLE b END ELSE SELECT 2",
            [("NOT EXISTS ( SELECT 1 FROM t )", ["DROP TABLE a", "DROP TABLE b"], ["SELECT 2"])],
        ),
        (
            "IF SCHEMA_ID(N'x') IS NULL EXEC(N'CREATE SCHEMA [x]')",
            [("SCHEMA_ID ( N'x' ) IS NULL", ["EXEC ( N'CREATE SCHEMA [x]' )"], [])],
        ),
    ],
)
def test_statements_end_where_the_next_begins(script: str, statements: list[object]) -> None:
    """Statements need no semicolon, and keep the words that belong to them."""
    assert shown(parse(tokens(script))) == statements


@pytest.mark.parametrize("script", ["BEGIN TRY SELECT 1 END TRY", "WHILE 1 = 1 SELECT 1", "GOTO x"])
def test_what_is_not_served_is_refused_by_name(script: str) -> None:
    """TRY, WHILE and GOTO raise; nothing is dropped in silence."""
    with pytest.raises(Refused, match=r"TRY|WHILE|GOTO"):
        parse(tokens(script))


@pytest.mark.parametrize("script", ["SELECT 'a", "BEGIN SELECT 1", "SELECT (1"])
def test_what_does_not_end_is_no_statement(script: str) -> None:
    """Unclosed strings, blocks and parentheses are syntax errors."""
    with pytest.raises(SqlError):
        parse(tokens(script))


def test_an_if_keeps_its_else() -> None:
    """ELSE belongs to the IF before it, though a semicolon stands between."""
    (node,) = parse(tokens("IF @a = 1 SELECT 1; ELSE SELECT 2"))
    assert isinstance(node, If)
    assert len(node.otherwise) == 1
