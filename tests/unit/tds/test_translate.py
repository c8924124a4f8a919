"""T-SQL in PostgreSQL's words, without a database."""

from __future__ import annotations

import pytest

from tests.support.tds import ddl, dml
from tests.support.tds.errors import Refused, SqlError
from tests.support.tds.lexer import tokens
from tests.support.tds.template import Value


def translated(sql: str) -> str:
    """The statement with every variable 7."""
    return dml.translate(tokens(sql), "db").template.fill(lambda name: Value("int", 7))


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT a FROM [x].[T t] WITH (NOLOCK)", 'SELECT "a" FROM "x"."T t"'),
        ("SELECT TOP (@n) a FROM t", 'SELECT "a" FROM "dbo"."t" LIMIT 7'),
        ("SELECT COUNT(*)", 'SELECT tds.count(*) AS "?column?"'),
        (
            "SELECT a FROM t ORDER BY a OFFSET 5 ROWS FETCH NEXT @n ROWS ONLY",
            'SELECT "a" FROM "dbo"."t" ORDER BY "a" NULLS FIRST OFFSET 5 FETCH NEXT (7) ROWS ONLY',
        ),
        (
            "SELECT CAST(a AS varbinary(40)) + 0x01 AS k FROM t",
            (
                'SELECT CAST(tds.as_bytes("a") AS tds."varbinary"(40)) + \'\\x01\'::bytea AS "k" '
                'FROM "dbo"."t"'
            ),
        ),
        (
            "UPDATE t SET t.a = s.a FROM b.x AS t JOIN s ON s.id = t.id WHERE t.[z] IS NULL",
            (
                'UPDATE "b"."x" AS "t" SET "a" = "s"."a" FROM "dbo"."s" WHERE "s"."id" = "t"."id" '
                'AND "t"."z" IS NULL'
            ),
        ),
        (
            "DELETE t FROM x AS t LEFT JOIN s ON s.i = t.i WHERE s.i IS NULL",
            (
                'DELETE FROM "dbo"."x" AS "tds_target" USING "dbo"."x" AS "t" LEFT JOIN "dbo"."s" '
                'ON "s"."i" = "t"."i" WHERE "tds_target"."ctid" = "t"."ctid" AND "s"."i" IS NULL'
            ),
        ),
        (
            "DELETE TOP (10) FROM x WHERE a < @n",
            (
                'DELETE FROM "dbo"."x" WHERE "ctid" IN (SELECT "ctid" FROM "dbo"."x" WHERE "a" < 7 '
                "LIMIT 10)"
            ),
        ),
        (
            "INSERT INTO t WITH (TABLOCK) (a) OUTPUT INSERTED.b VALUES (N'it''s')",
            'INSERT INTO "dbo"."t" ("a") VALUES (\'it\'\'s\') RETURNING "new"."b"',
        ),
        ("DELETE t WHERE a = 1", 'DELETE FROM "dbo"."t" WHERE "a" = 1'),
        (
            "SELECT a FROM t WITH (UPDLOCK) WHERE a = 1",
            'SELECT "a" FROM "dbo"."t" WHERE "a" = 1 FOR UPDATE',
        ),
    ],
)
def test_statements(sql: str, expected: str) -> None:
    """Each shape of T-SQL has its shape in PostgreSQL."""
    assert translated(sql) == expected


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT TOP 5 PERCENT a FROM t",
        "SELECT a FROM t WITH (INDEX(1))",
        "SELECT a FROM t OPTION (QUERYTRACEON 4199)",
        "SELECT a INTO x FROM t",
        "SELECT TRY_CAST(a AS int) FROM t",
        "SELECT CAST(a AS dbo.mine) FROM t",
        "DELETE FROM t OUTPUT DELETED.a INTO u",
        "UPDATE STATISTICS t",
        "SELECT x.nodes('a') FROM t",
    ],
)
def test_what_is_not_served_is_refused(sql: str) -> None:
    """Nothing that is not understood is left out of the translation."""
    with pytest.raises(Refused):
        translated(sql)


def test_unknown_functions_are_named() -> None:
    """A function that is not listed is an error that names it."""
    with pytest.raises(SqlError, match="SOUNDEX"):
        translated("SELECT SOUNDEX(a) FROM t")


def test_nul_is_refused() -> None:
    """NUL cannot be stored by PostgreSQL: it is refused, not cut."""
    with pytest.raises(SqlError, match="NUL"):
        translated("SELECT N'a\0b'")


def test_a_table_has_types_of_its_own() -> None:
    """CREATE TABLE keeps every type, its length, its collation and its identity."""
    made = ddl.define(
        tokens(
            "CREATE TABLE s.t ([n] bigint IDENTITY(1,1) PRIMARY KEY CLUSTERED, a nvarchar(20) "
            "COLLATE Latin1_General_BIN2 NOT NULL, b decimal(18,4) NULL, c varbinary(max), "
            "CONSTRAINT ck CHECK ([b] > 0))"
        ),
        "db",
    )
    assert made == (
        (
            'CREATE TABLE "s"."t" ("n" int8 GENERATED ALWAYS AS IDENTITY (START 1 INCREMENT 1) PRIMARY KEY, '
            '"a" tds."nvarchar"(20) COLLATE tds."Latin1_General_BIN2" NOT NULL, "b" numeric(18,4), '
            '"c" tds."varbinary", CONSTRAINT "ck" CHECK ("b" > 0))'
        ),
    )


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE t (a int) WITH (MEMORY_OPTIMIZED = ON)",
        "CREATE TABLE t (a int FOO)",
        "CREATE PROCEDURE p AS SELECT 1",
        "ALTER TABLE t REBUILD",
        "DROP LOGIN x",
        f"CREATE TABLE {'t' * 64} (a int)",
    ],
)
def test_definitions_that_are_not_served_are_refused(sql: str) -> None:
    """A definition is carried out wholly or refused."""
    with pytest.raises((Refused, SqlError)):
        ddl.define(tokens(sql), "db")
