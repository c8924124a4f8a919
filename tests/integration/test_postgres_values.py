"""Values of every type PostgreSQL has, through the whole application: laws 4, 5 and 6."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import asyncpg
import pytest

from cdc_daemon.model.change import Counts
from tests.support.databases import Database
from tests.support.rig import Rig, table

TYPES = """
CREATE TYPE mood AS ENUM ('sad', 'ok', 'NULL', 'so so', 'a"b');
CREATE DOMAIN price AS numeric(10,2);
CREATE DOMAIN code AS varchar(5);
CREATE DOMAIN deep AS code NOT NULL DEFAULT '' CHECK (value <> 'never');
CREATE DOMAIN numbers AS int[];
CREATE DOMAIN feeling AS mood;
CREATE EXTENSION IF NOT EXISTS citext;
"""


@dataclass(frozen=True, slots=True)
class Case:
    """A column type and values of it, as literals without quotes; neighbours are close."""

    type: str
    values: tuple[str, ...]
    may_be_null: bool = True


def case(kind: str, *values: str) -> Case:
    return Case(kind, values)


NUMBERS = (
    case("boolean", "true", "false"),
    case("smallint", "-32768", "-32767", "0", "32767"),
    case("integer", "-2147483648", "-2147483647", "0", "2147483647"),
    case("bigint", "-9223372036854775808", "-9223372036854775807", "0", "9223372036854775807"),
    case(
        "numeric",
        "123456789012345678901234567890123456789012345678901234567890.12345678901234567890",
        "123456789012345678901234567890123456789012345678901234567890.12345678901234567891",
        "NaN",
        "Infinity",
        "-Infinity",
        "0",
        "0." + "0" * 80 + "1",
        "1" + "0" * 100,
        "-100",
        "-10",
    ),
    case("numeric(18,4)", "99999999999999.9999", "99999999999999.9998", "0", "-0.0001", "100"),
    case("numeric(18,4)", "1.5", "1.5001", "NaN", "0", "-99999999999999.9999", "0.1", "100"),
    case("numeric(18,0)", "100", "101", "10", "0", "-10", "999999999999999999"),
    case("numeric(38,10)", "1234567890123456789012345678.0123456789", "-0.0000000001", "0"),
    case("numeric(38,38)", "0." + "9" * 38, "-0." + "0" * 37 + "1", "0"),
    case("numeric(60,20)", "1" * 40 + ".00000000000000000001", "1" * 40, "0", "NaN"),
    case("numeric(5,-2)", "1234500", "1234600", "0", "-100"),
    case("numeric(3,5)", "0.00123", "0.00124", "0", "-0.00999"),
    case(
        "double precision",
        "1",
        "1.0000000000000002",
        "0",
        "-0.0",
        "NaN",
        "Infinity",
        "-Infinity",
        "1e-12",
        "1e20",
        "5e-324",
        "1.7976931348623157e308",
        "0.1",
        "0.30000000000000004",
    ),
    case("real", "1", "1.0000001", "0", "-0.0", "NaN", "Infinity", "1e-12", "1e20", "1e-45", "0.1"),
    case("oid", "0", "1", "4294967295"),
    case("pg_lsn", "0/0", "0/1", "FFFFFFFF/FFFFFFFF"),
)
TEXTS = (
    case(
        "text",
        "",
        " ",
        "a",
        "a ",
        "A",
        "a\tb",
        "a\nb",
        "a\r\nb",
        "\x01\x02\x1b\x1f\x7f",
        "\u0085\u2028\u2029\ufeff\u200b",
        "\u00e9",
        "e\u0301",
        "\U0001f600\U0001f468\u200d\U0001f469",
        "\\N",
        "\\.",
        "NULL",
        '"',
        "1:",
        "x" * 300,
        "x" * 301,
        "\U0001f600" * 64,
        "yz" * 70_000,
    ),
    case("varchar(10)", "", "a", "a ", "a  ", "\U0001f600" * 10),
    case("char(5)", "a", "b", "", "ab\t", "\u00e9" * 5),
    case("bpchar", "a", "a ", "", "  "),
    case("name", "a", "b", "", "\u00e9" * 31),
    case('"char"', "a", "b", "", "\\377"),
    case("citext", "a", "A", "", "\u00e9"),
    case("mood", "sad", "ok", "NULL", "so so", 'a"b'),
    case("price", "1.00", "1.01", "NaN", "-99999999.99"),
    Case("deep", ("a", "a ", "", "b"), may_be_null=False),
    case("numbers", "{1,2}", "{1,NULL}", "{}"),
    case("feeling", "sad", "ok"),
    case("bytea", "\\x", "\\x00", "\\x0000", "\\xff0a0d00", "\\x" + "ab" * 5_000),
    case("uuid", "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
    case("json", '{"a": 1}', '{"a":1}', '{"a":1,"a":2}', "null", ' "\\u0000" ', '"\\u2028"', "1.0"),
    case("jsonb", '{"a": 1}', '{"a": 2}', "null", '"\U0001f600"', "1.0", "1.00", "[]", '"\\n"'),
    case("jsonpath", "$.a", "$.b"),
    case("tsvector", "a:1", "a:2", "'a b'", ""),
    case("tsquery", "a & b", "a | b", "a:*"),
)
MOMENTS = (
    case(
        "date",
        "0001-01-01",
        "0001-01-02",
        "9999-12-31",
        "infinity",
        "-infinity",
        "4713-01-01 BC",
        "5874897-12-31",
        "1970-01-01",
        "1969-12-31",
        "2000-01-01",
    ),
    case("time", "00:00", "00:00:00.000001", "23:59:59.999999", "24:00:00"),
    case("time(3)", "00:00", "00:00:00.001", "24:00:00"),
    case("timetz", "12:00+00", "12:00+01", "24:00:00+00", "00:00:00.000001-15:59:59"),
    case("timetz(0)", "12:00+00", "12:00:01+00"),
    case(
        "timestamp",
        "0001-01-01",
        "0001-01-01 00:00:00.000001",
        "9999-12-31 23:59:59.999999",
        "infinity",
        "-infinity",
        "4713-01-01 BC",
        "294246-12-31 23:59:59.999999",
        "1970-01-01",
        "1969-12-31 23:59:59.999999",
        "2000-01-01",
    ),
    case("timestamp(3)", "2024-02-29 00:00", "2024-02-29 00:00:00.001", "infinity"),
    case(
        "timestamptz",
        "0001-01-01 00:00+00",
        "0001-01-01 00:00:00.000001+00",
        "9999-12-31 23:59:59.999999+00",
        "infinity",
        "-infinity",
        "2024-10-27 02:30+02",
        "2024-10-27 02:30+01",
    ),
    case("timestamptz(0)", "2024-02-29 00:00+00", "2024-02-29 00:00:01+00", "-infinity"),
    case("interval", "1 mon", "30 days", "720:00:00", "-1 year +2 days -00:00:00.000001", "0"),
    case("interval(3)", "1.001 s", "1.002 s"),
    case("interval year to month", "1 year", "13 mons"),
)
OTHERS = (
    case("inet", "10.0.0.1", "10.0.0.1/31", "10.0.0.2", "::1", "::ffff:1.2.3.4/96"),
    case("cidr", "10.0.0.0/8", "10.0.0.0/9", "::/0"),
    case("macaddr", "08:00:2b:01:02:03", "08:00:2b:01:02:04"),
    case("macaddr8", "08:00:2b:01:02:03:04:05", "08:00:2b:01:02:03:04:06"),
    case("bit(3)", "101", "100", "000"),
    case("bit varying", "", "0", "00", "1"),
    case("bit varying(5)", "1", "10"),
    case("point", "(1,2)", "(1,2.0000000000000004)", "(Infinity,NaN)", "(-0,0)"),
    case("line", "{1,2,3}", "{1,2,4}"),
    case("lseg", "[(0,0),(1,1)]", "[(0,0),(1,2)]"),
    case("box", "(1,1),(0,0)", "(2,1),(0,0)"),
    case("path", "[(0,0),(1,1)]", "((0,0),(1,1))"),
    case("polygon", "((0,0),(1,1))", "((0,0),(1,2))"),
    case("circle", "<(0,0),1>", "<(0,0),2>"),
    case("pg_snapshot", "10:20:10,14,15", "10:20:10,14"),
    case("int4range", "[1,5)", "[1,6)", "empty", "(,)"),
    case("numrange", "[1.0,2.0)", "[1.0,2.0]", "empty"),
    case("tstzrange", '["2024-01-01 00:00+00",)', '["2024-01-01 00:00:00.000001+00",)'),
    case("daterange", "[2024-01-01,2024-01-02)", "[2024-01-01,infinity)"),
    case("nummultirange", "{[1,2),[3,4)}", "{[1,2),[3,5)}", "{}"),
)
ARRAYS = (
    case("int[]", "{1,2}", "{1,3}", "{}", "{NULL}", "{{1,2},{3,4}}", "[2:3]={1,2}", "{{{1}}}"),
    case("text[]", "{a,b}", '{"a,b"}', '{""}', "{NULL}", '{"NULL"}', '{"\\"","\\\\"}', '{"a\nb"}'),
    case("varchar(3)[]", "{abc}", "{abd}"),
    case("char(3)[]", "{a}", "{b}"),
    case("numeric(10,2)[]", "{1.00}", "{1.01}", "{NaN,NULL}"),
    case("double precision[]", "{1}", "{1.0000000000000002}", "{-0,NaN,Infinity}"),
    case("timestamptz[]", '{"2024-01-01 00:00+00"}', "{infinity,-infinity}"),
    case("date[]", "{2024-01-01}", "{2024-01-02}", '{"4713-01-01 BC"}'),
    case("time[]", "{24:00}", "{23:59:59.999999}"),
    case("bytea[]", '{"\\\\x00"}', '{"\\\\x01"}'),
    case("uuid[]", "{00000000-0000-0000-0000-000000000000}", "{}"),
    case("jsonb[]", '{"{\\"a\\": 1}"}', '{"{\\"a\\": 2}"}'),
    case("boolean[]", "{t,f}", "{t,t}"),
    case("mood[]", "{sad,ok}", "{sad,sad}", '{"NULL","a\\"b",NULL,"so so"}'),
    case('"char"[]', "{a}", "{b}"),
    case("name[]", "{a}", "{b}"),
    case("oid[]", "{1}", "{2}"),
    case("interval[]", '{"1 mon"}', '{"30 days"}'),
    case("inet[]", "{10.0.0.1}", "{10.0.0.2}"),
    case("bit(3)[]", "{101}", "{100}"),
    case("box[]", "{(1,1),(0,0);(2,2),(0,0)}", "{(1,1),(0,0)}"),
    case("int4range[]", '{"[1,5)"}', '{"[1,6)"}'),
    case("citext[]", "{a}", "{A}"),
    case("oidvector", "1 2", "1 3"),
)
CASES = (*NUMBERS, *TEXTS, *MOMENTS, *OTHERS, *ARRAYS)
KEYS = tuple(
    one
    for one in CASES
    if one.type
    in {
        *("boolean", "smallint", "integer", "bigint", "oid", "pg_lsn", "numeric", "numeric(18,4)"),
        *("numeric(60,20)", "numeric(5,-2)", "double precision", "real", "varchar(10)", "char(5)"),
        *("name", '"char"', "mood", "price", "deep", "uuid", "date", "time", "time(3)"),
        *("timestamp", "timestamptz", "timestamp(3)", "inet", "cidr", "macaddr", "macaddr8"),
        *("bit(3)", "bit varying"),
    }
)


def quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def typed_table(name: str) -> str:
    made = ", ".join(f"c{n} {one.type}" for n, one in enumerate(CASES))
    return f"CREATE TABLE {name} (id int PRIMARY KEY, {made})"


def cycled(rows: int) -> Iterator[str]:
    """Inserts that show each value of each type once or more, and NULL where it may be."""
    for row in range(rows):
        values = ", ".join(quoted(one.values[row % len(one.values)]) for one in CASES)
        yield f"INSERT INTO t VALUES ({row}, {values})"
    required = [n for n, one in enumerate(CASES) if not one.may_be_null]
    names = "".join(f", c{n}" for n in required)
    values = "".join(f", {quoted(CASES[n].values[0])}" for n in required)
    yield f"INSERT INTO t (id{names}) VALUES (-1{values})"


@pytest.mark.asyncio
async def test_every_type_round_trips_and_stays(source_db: Database, target_db: Database) -> None:
    """Bronze prints every value of every type as the source does; a second batch opens nothing."""
    async with Rig(source_db, target_db, tables=["t"]) as rig:
        await rig.source.execute(TYPES + typed_table("t"))
        rows = max(len(one.values) for one in CASES)
        await rig.source.execute(";".join(cycled(rows)))
        first = (await rig.succeeds())["t"]
        assert first.counts == Counts(extracted=rows + 1, inserted=rows + 1)
        await same_values(rig)
        again = (await rig.succeeds())["t"]
        assert again.counts == Counts(extracted=rows + 1, unchanged=rows + 1)
        assert await rig.rows('SELECT count(*) FROM bronze."src_t" WHERE NOT _is_current') == [(0,)]


async def same_values(rig: Rig) -> None:
    now = await rig.target.fetchval("SELECT clock_timestamp()")
    captured, kept = await rig.captured(), await rig.as_of(None, now)
    names = sorted(["id", *(f"c{n}" for n in range(len(CASES)))])
    for name, source, bronze in zip(
        names, zip(*captured, strict=True), zip(*kept, strict=True), strict=True
    ):
        kind = "int" if name == "id" else CASES[int(name[1:])].type
        assert bronze == source, kind


@pytest.mark.asyncio
async def test_the_smallest_change_of_each_type_is_one_version(
    source_db: Database, target_db: Database
) -> None:
    """Each row has one column moved to a neighbouring value: each gets one version, no other."""
    async with Rig(source_db, target_db, tables=["t"]) as rig:
        await rig.source.execute(TYPES + typed_table("t"))
        steps = [
            (column, old, new)
            for column, one in enumerate(CASES)
            for old, new in zip(one.values, one.values[1:], strict=False)
        ]
        for row, (column, old, _) in enumerate(steps):
            rest = "" if CASES[column].type == "deep" else f", c{DEEP}"
            value = "" if CASES[column].type == "deep" else ", 'a'"
            await rig.source.execute(
                f"INSERT INTO t (id, c{column}{rest}) VALUES ({row}, {quoted(old)}{value})"
            )
        await rig.source.execute(f"INSERT INTO t (id, c{DEEP}) VALUES (-1, 'a')")
        await rig.succeeds()
        for row, (column, _, new) in enumerate(steps):
            await rig.source.execute(f"UPDATE t SET c{column} = {quoted(new)} WHERE id = {row}")
        outcome = (await rig.succeeds())["t"]
        changed = await rig.rows(
            "SELECT id FROM bronze.\"src_t\" WHERE _operation = 'U' ORDER BY 1"
        )
        missed = {steps[n] for n in range(len(steps))} - {steps[id_] for (id_,) in changed}
        assert not missed, [(CASES[c].type, old[:40], new[:40]) for c, old, new in missed]
        assert outcome.counts == Counts(extracted=len(steps) + 1, updated=len(steps), unchanged=1)
        await same_values(rig)


DEEP = next(n for n, one in enumerate(CASES) if one.type == "deep")


@pytest.mark.asyncio
async def test_null_value_and_empty_are_three_states(
    source_db: Database, target_db: Database
) -> None:
    """T10: NULL, '' and a value follow one another, each as a version of its own."""
    async with Rig(source_db, target_db, tables=["t"]) as rig:
        await rig.source.execute("CREATE TABLE t (id int PRIMARY KEY, a text, b bytea, c text[])")
        await rig.source.execute("INSERT INTO t VALUES (1)")
        expected: list[tuple[str | None, ...]] = [(None, None, None)]
        await rig.succeeds()
        for values in [
            ("", "\\x", "{}"),
            ("a", "\\x00", "{NULL}"),
            (None,) * 3,
            ("",) * 2 + (None,),
        ]:
            await rig.source.execute("UPDATE t SET a = $1", values[0])
            await rig.source.execute("UPDATE t SET b = $1::text::bytea", values[1])
            await rig.source.execute("UPDATE t SET c = $1::text::text[]", values[2])
            expected.append(tuple("\\x" if n == 1 and v == "" else v for n, v in enumerate(values)))
            assert (await rig.succeeds())["t"].counts == Counts(extracted=1, updated=1)
        assert [(v["a"], v["b"], v["c"]) for v in await rig.bronze()] == expected


@pytest.mark.asyncio
async def test_xml_is_its_text(source_db: Database, target_db: Database) -> None:
    """Documents keep their spelling; a server without libxml knows no value but NULL."""
    async with Rig(source_db, target_db, tables=["t"]) as rig:
        await rig.source.execute("CREATE TABLE t (id int PRIMARY KEY, x xml, xs xml[])")
        rows = ["NULL, NULL", "NULL, '{NULL}'", "'<a/>', '{<a/>}'", "'<a></a>', '{<b/>}'"]
        for row, values in enumerate(rows):
            with suppress(asyncpg.FeatureNotSupportedError):
                await rig.source.execute(f"INSERT INTO t VALUES ({row}, {values})")
        await rig.succeeds()
        await rig.mirrors()
        assert (await rig.succeeds())["t"].counts.opened == 0


@pytest.mark.asyncio
async def test_money_keeps_its_number(source_db: Database, target_db: Database) -> None:
    """Money is kept as an exact number, to the last cent of its range."""
    async with Rig(source_db, target_db, tables=["t"]) as rig:
        await rig.source.execute("CREATE TABLE t (id money PRIMARY KEY, m money)")
        for value in ("-92233720368547758.08", "92233720368547758.07", "0", "0.01"):
            await rig.source.execute(f"INSERT INTO t VALUES ('{value}', '{value}')")
        await rig.succeeds()
        assert await rig.rows("SELECT m::text FROM bronze.src_t ORDER BY id") == [
            ("-92233720368547758.0800",),
            ("0.0000",),
            ("0.0100",),
            ("92233720368547758.0700",),
        ]
        await rig.source.execute(
            "DELETE FROM t WHERE id = 0::money; UPDATE t SET m = '0.02' WHERE id = '0.01'"
        )
        outcome = (await rig.succeeds())["t"]
        assert outcome.counts == Counts(extracted=3, updated=1, deleted=1, unchanged=2)


@pytest.mark.asyncio
async def test_a_number_that_becomes_nan_and_back(source_db: Database, target_db: Database) -> None:
    """NaN in a bounded numeric, in keys too, opens one version as it comes and one as it goes."""
    async with Rig(source_db, target_db, tables=["t"]) as rig:
        await rig.source.execute(
            "CREATE TABLE t (id numeric(18,4) PRIMARY KEY, n numeric(18,4), i int);"
            "INSERT INTO t VALUES (1, 1.5, 1), (2, 2.5, 1)"
        )
        await rig.succeeds()
        await rig.source.execute("UPDATE t SET n = 'NaN' WHERE id = 1")
        nan = (await rig.succeeds())["t"]
        assert nan.counts == Counts(extracted=2, updated=1, unchanged=1)
        await rig.source.execute("UPDATE t SET n = 1.5; INSERT INTO t VALUES ('NaN', 'NaN', 1)")
        back = (await rig.succeeds())["t"]
        assert back.counts == Counts(extracted=3, inserted=1, updated=2)
        await rig.mirrors()


@pytest.mark.asyncio
async def test_a_nan_key_that_is_gone_is_deleted(source_db: Database, target_db: Database) -> None:
    """A key NaN in a bounded numeric is read back from bronze though the source has none left."""
    async with Rig(source_db, target_db, tables=["t"]) as rig:
        await rig.source.execute(
            "CREATE TABLE t (id numeric(18,4) PRIMARY KEY); INSERT INTO t VALUES (1), ('NaN')"
        )
        await rig.succeeds()
        await rig.source.execute("DELETE FROM t WHERE id = 'NaN'")
        outcome = (await rig.succeeds())["t"]
        assert outcome.counts == Counts(extracted=1, deleted=1, unchanged=1)
        await rig.mirrors()


@pytest.mark.asyncio
async def test_every_type_a_key_may_have(source_db: Database, target_db: Database) -> None:
    """Keys of each type are inserted, updated, deleted, reopened and found unchanged."""
    names = [f"k{n}" for n in range(len(KEYS))]
    async with Rig(source_db, target_db, tables=names) as rig:
        await rig.source.execute(TYPES)
        for name, one in zip(names, KEYS, strict=True):
            values = ", ".join(f"({quoted(v)}, 'old')" for v in distinct(one))
            await rig.source.execute(
                f"CREATE TABLE {name} (k {one.type} PRIMARY KEY, v text);"
                f"INSERT INTO {name} VALUES {values}"
            )
        sizes = {name: len(distinct(one)) for name, one in zip(names, KEYS, strict=True)}
        for outcome in (await rig.succeeds()).values():
            assert outcome.counts == Counts(
                extracted=sizes[outcome.table.name], inserted=sizes[outcome.table.name]
            )
        for name, one in zip(names, KEYS, strict=True):
            first, second = distinct(one)[:2]
            await rig.source.execute(
                f"DELETE FROM {name} WHERE k = CAST({quoted(first)} AS {one.type});"
                f"UPDATE {name} SET v = 'new' WHERE k = CAST({quoted(second)} AS {one.type})"
            )
        for outcome in (await rig.succeeds()).values():
            size = sizes[outcome.table.name]
            assert outcome.counts == Counts(
                extracted=size - 1, updated=1, deleted=1, unchanged=size - 2
            )
        for name, one in zip(names, KEYS, strict=True):
            await rig.source.execute(f"INSERT INTO {name} VALUES ({quoted(one.values[0])}, 'old')")
        for outcome in (await rig.succeeds()).values():
            size = sizes[outcome.table.name]
            assert outcome.counts == Counts(extracted=size, reopened=1, unchanged=size - 1)
        await rig.mirrors()


def distinct(one: Case) -> tuple[str, ...]:
    """Values that are different keys: a negative zero is the zero."""
    return tuple(value for value in one.values if value != "-0.0")


@pytest.mark.asyncio
async def test_keys_are_their_bytes(source_db: Database, target_db: Database) -> None:
    """T11, T18: keys that differ in case, accents, spaces or control characters stay apart."""
    keys = ["a", "A", "a ", " a", "\u00e4", "a\u0308", "ss", "\u00df", "", "\x1f", "a\x1fb", "1:a"]
    async with Rig(source_db, target_db, tables=["t", "two"]) as rig:
        await rig.source.execute("CREATE TABLE t (k text PRIMARY KEY, v int)")
        await rig.source.executemany("INSERT INTO t VALUES ($1, 1)", [(key,) for key in keys])
        await rig.source.execute(
            "CREATE TABLE two (a text, b text, PRIMARY KEY (a, b));"
            "INSERT INTO two VALUES ('a', 'bc'), ('ab', 'c'), ('', 'abc'), ('abc', '')"
        )
        await rig.succeeds()
        await rig.mirrors()
        await rig.source.execute(
            "UPDATE t SET k = 'AA' WHERE k = 'A'; UPDATE t SET k = 'A' WHERE k = 'a';"
            "DELETE FROM two WHERE a = 'ab'"
        )
        outcomes = await rig.succeeds()
        assert outcomes["t"].counts == Counts(extracted=12, inserted=1, deleted=1, unchanged=11)
        assert outcomes["two"].counts == Counts(extracted=3, deleted=1, unchanged=3)
        await rig.mirrors()


@pytest.mark.asyncio
async def test_configured_keys_need_no_index(source_db: Database, target_db: Database) -> None:
    """Key columns the source has no index over, citext and bpchar among them, tell rows apart."""
    async with Rig(source_db, target_db, tables=[table("t", key=("a", "b"))]) as rig:
        await rig.source.execute(
            "CREATE EXTENSION citext; CREATE TABLE t (a citext, b bpchar, v text);"
            "INSERT INTO t VALUES ('x', 'a', ''), ('X', 'a', ''), ('x', 'a ', '')"
        )
        await rig.succeeds()
        assert (await rig.succeeds())["t"].counts == Counts(extracted=3, unchanged=3)
        await rig.mirrors()
