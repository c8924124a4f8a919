"""Tables that cannot be carried: each stops itself, says why without a row's value, writes nothing.

Laws 6, 8 and 9. Every row at the source holds ``MARK``; it must come up nowhere but in bronze.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import pytest

from cdc_daemon.errors import Retry
from cdc_daemon.model.change import Counts
from cdc_daemon.model.run import RunOutcome, Status
from tests.support.databases import Database
from tests.support.rig import Rig, table

MARK = "MARKED-4711"
DIGEST = re.compile(r"\b[0-9a-f]{32}\b")
GOOD = f"CREATE TABLE good (id text PRIMARY KEY); INSERT INTO good VALUES ('{MARK}');"
CONTROL = ("table_state", "batch", "window_state", "pipeline_event")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """A table that is refused: how it is made, and what must be said of it."""

    id: str
    ddl: str
    kind: str
    named: tuple[str, ...]
    remedy: str
    config: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    digests: int = 0
    held: bool = True


BAD = (
    Bad(
        id="duplicate key",
        ddl="CREATE TABLE {t} (a text, b text); INSERT INTO {t} VALUES ('{MARK}', 'x'), "
        "('{MARK}', 'x'), ('{MARK}', 'y'), ('{MARK}', 'y'), ('{MARK}', 'z')",
        config={"key": ("a", "b")},
        kind="DuplicateKey",
        named=("2 key(s)", "a, b"),
        remedy="unique at the source",
        digests=2,
    ),
    Bad(
        id="duplicate key by an inheriting table",
        ddl="CREATE TABLE {t} (a text PRIMARY KEY); CREATE TABLE heir () INHERITS ({t});"
        "INSERT INTO {t} VALUES ('{MARK}'); INSERT INTO heir VALUES ('{MARK}')",
        kind="DuplicateKey",
        named=("1 key(s)", "(a)"),
        remedy="unique at the source",
        digests=1,
    ),
    Bad(
        id="null in a key",
        ddl="CREATE TABLE {t} (a text, b text); INSERT INTO {t} VALUES ('{MARK}', NULL)",
        config={"key": ("a", "b")},
        kind="NullKey",
        named=("1 row(s)", "key column b"),
        remedy="never NULL",
    ),
    Bad(
        id="no key",
        ddl="CREATE TABLE {t} (a text, b text UNIQUE, c text); INSERT INTO {t} VALUES ('{MARK}');"
        "CREATE UNIQUE INDEX ON {t} (a) WHERE c IS NULL;"
        "ALTER TABLE {t} ALTER a SET NOT NULL; CREATE UNIQUE INDEX ON {t} (lower(a))",
        kind="NoKey",
        named=("primary key", "unique index"),
        remedy="`key: [COLUMN, ...]`",
    ),
    Bad(
        id="key excluded",
        ddl="CREATE TABLE {t} (a text PRIMARY KEY, b text); INSERT INTO {t} VALUES ('{MARK}')",
        config={"exclude": ("a",)},
        kind="NoKey",
        named=("key column a",),
        remedy="`key: [COLUMN, ...]`",
    ),
    Bad(
        id="composite type",
        ddl="CREATE TYPE pair AS (x int, y text); CREATE TABLE {t} (a text PRIMARY KEY, p pair, "
        "ps pair[], r regclass); INSERT INTO {t} VALUES ('{MARK}')",
        kind="UnsupportedType",
        named=("p (pair)", "ps (pair[])", "r (regclass)"),
        remedy="`exclude_columns: [NAME]`",
    ),
    Bad(
        id="type of an extension",
        ddl="CREATE EXTENSION hstore; CREATE TABLE {t} (a text PRIMARY KEY, h hstore);"
        "INSERT INTO {t} VALUES ('{MARK}', '{MARK}=>{MARK}')",
        kind="UnsupportedType",
        named=("h (hstore)",),
        remedy="`exclude_columns: [NAME]`",
    ),
    Bad(
        id="type unfit for a key",
        ddl="CREATE TABLE {t} (j jsonb PRIMARY KEY, i interval);"
        "INSERT INTO {t} VALUES ('\"{MARK}\"', '0')",
        config={"key": ("j", "i")},
        kind="UnsupportedType",
        named=("j (jsonb)", "i (interval)"),
        remedy="`key:`",
    ),
    Bad(
        id="no columns",
        ddl="CREATE TABLE {t} ()",
        kind="UnsupportedType",
        named=("no columns",),
        remedy="Exclude",
    ),
    Bad(
        id="no such table",
        ddl='CREATE TABLE "{T}" (a text); INSERT INTO "{T}" VALUES (\'{MARK}\')',
        kind="TableNotFound",
        named=("no table of that name",),
        remedy="schema and name",
    ),
    Bad(
        id="no such key column",
        ddl="CREATE TABLE {t} (a text PRIMARY KEY); INSERT INTO {t} VALUES ('{MARK}')",
        config={"key": ("A",), "exclude": ("zz",)},
        kind="TableNotFound",
        named=("no column A, zz",),
        remedy="`key:` or `exclude_columns:`",
    ),
    Bad(
        id="key too long",
        ddl="CREATE TABLE {t} (a text, b text); INSERT INTO {t} VALUES "
        "('{MARK}', 'b'); "
        "INSERT INTO {t} SELECT '{MARK}', string_agg(md5(g::text), '') FROM generate_series(1, 90) g",
        config={"key": ("a", "b")},
        kind="KeyTooLong",
        named=("(a, b)", "1 row(s)", " bytes"),
        remedy="shorter key",
        digests=1,
    ),
    Bad(
        id="timestamp no carrier holds",
        ddl="CREATE TABLE {t} (a text PRIMARY KEY, t timestamp);"
        "INSERT INTO {t} VALUES ('{MARK}', '294276-12-31')",
        kind="Unrepresentable",
        named=("column t (timestamp without time zone)",),
        remedy="`exclude_columns:`",
    ),
    Bad(
        id="error while the rows come",
        ddl="CREATE TABLE rows (a text); INSERT INTO rows VALUES ('{MARK}');"
        "CREATE VIEW {t} AS SELECT a, a::int AS i FROM rows",
        config={"key": ("a",)},
        kind="StatementFailed",
        named=("connection src: reading",),
        remedy="",
        held=False,
    ),
)


@pytest.mark.asyncio
async def test_bad_tables_stop_themselves(source_db: Database, target_db: Database) -> None:
    """Each fails with column, type or key digest and the remedy; its neighbour is carried."""
    bads = {f"bad{n}": bad for n, bad in enumerate(BAD)}
    specs = [table(name, **bad.config) for name, bad in bads.items()]
    async with Rig(source_db, target_db, tables=[*specs, "good"]) as rig:
        await rig.source.execute(GOOD)
        for name, bad in bads.items():
            ddl = bad.ddl.replace("{T}", name.upper()).replace("{MARK}", MARK)
            await rig.source.execute(ddl.replace("{t}", name))
        outcomes = await rig.once()
        for name, bad in bads.items():
            refused(outcomes[name], bad)
        await nothing_written(rig)
        await said_nowhere(rig, MARK)
        assert outcomes["good"].counts == Counts(extracted=1, inserted=1)
        await rig.mirrors("good")


def refused(outcome: RunOutcome, bad: Bad) -> None:
    assert (outcome.status, outcome.error_kind) == (Status.FAILED, bad.kind), (bad.id, outcome)
    said = outcome.error or ""
    assert [word for word in bad.named if word not in said] == [], (bad.id, said)
    assert bad.remedy in (outcome.remedy or ""), bad.id
    assert len(DIGEST.findall(said)) == bad.digests, (bad.id, said)
    assert (outcome.held, outcome.retry) == (bad.held, Retry.MANUAL), bad.id


async def nothing_written(rig: Rig) -> None:
    """No table, view or row of a bad table is in the target."""
    found = await rig.rows(
        "SELECT table_name FROM information_schema.tables "
        "WHERE table_schema IN ('bronze', 'stage') AND table_name LIKE '%bad%'"
    )
    assert found == []
    assert await rig.rows("SELECT 1 FROM cdc.window_state WHERE table_name LIKE 'bad%'") == []


async def said_nowhere(rig: Rig, *secrets: str) -> None:
    """Law 9: no outcome, line, event or control table holds any of ``secrets``."""
    said = [str(outcome) for outcome in rig.telemetry.outcomes] + rig.progress.lines
    said += [str(error) for error in (*rig.telemetry.errors, *rig.telemetry.lost) if error]
    for name in CONTROL:
        said += [row[0] for row in await rig.rows(f"SELECT t::text FROM cdc.{name} t")]
    assert said
    assert [text for text in said for secret in secrets if secret in text] == []


@pytest.mark.asyncio
async def test_longest_keys_are_loaded_or_refused_by_name(
    source_db: Database, target_db: Database
) -> None:
    """No key length between "fits" and "refused" fails in the index instead."""
    lengths = range(2_640, 2_704, 4)
    names = [f"t{n}" for n in lengths]
    async with Rig(source_db, target_db, tables=[table(n, key=("k",)) for n in names]) as rig:
        for n in lengths:
            await rig.source.execute(
                f"CREATE TABLE t{n} (k text); INSERT INTO t{n} SELECT "
                f"left(string_agg(md5(random()::text), ''), {n}) FROM generate_series(1, 90)"
            )
        outcomes = await rig.once()
        said = {name: outcomes[name].error_kind for name in names}
        assert {kind for kind in said.values() if kind not in {None, "KeyTooLong"}} == set(), said
        assert said["t2640"] is None


HARMS = (
    (
        "DROP TABLE bronze.{t} CASCADE; CREATE TABLE bronze.{t} (id text)",
        "NotBronze",
        "_valid_from",
    ),
    ("DROP TABLE stage.{t}; CREATE TABLE stage.{t} (id text)", "NotBronze", "_changed_at"),
    ("ALTER TABLE bronze.{t} DROP COLUMN _row_hash CASCADE", "NotBronze", "_row_hash"),
    ("DROP INDEX bronze.{t}_open_key", "NotBronze", "(id) WHERE _valid_to IS NULL"),
    (
        "DROP INDEX bronze.{t}_open_key; CREATE INDEX ON bronze.{t} (id) WHERE _valid_to IS NULL",
        "NotBronze",
        "unique index",
    ),
    (
        "DROP INDEX bronze.{t}_open_key;CREATE UNIQUE INDEX ON bronze.{t} (id, v) WHERE _is_current",
        "NotBronze",
        "unique index",
    ),
    (
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'bronze.{t}_open_key'::regclass",
        "NotBronze",
        "unique index",
    ),
    ("ALTER TABLE bronze.{t} ADD mine int", "IncompatibleChange", "gone: mine"),
)
"""What may have become of a target table, and what is said of it."""


@pytest.mark.asyncio
async def test_targets_that_are_not_ours(source_db: Database, target_db: Database) -> None:
    """Law 3: without its unique index, or where the table is another one, the table stops."""
    names = [f"bad{n}" for n in range(len(HARMS))]
    async with Rig(source_db, target_db, tables=[*names, "good"]) as rig:
        await rig.source.execute(GOOD)
        for name in names:
            await rig.source.execute(
                f"CREATE TABLE {name} (id text PRIMARY KEY, v text);"
                f"INSERT INTO {name} VALUES ('{MARK}')"
            )
        await rig.succeeds()
        for name, (harm, _, _) in zip(names, HARMS, strict=True):
            await rig.target.execute(harm.replace("{t}", f"src_{name}"))
            await rig.source.execute(f"UPDATE {name} SET v = 'x'")
        await rig.source.execute("INSERT INTO good VALUES ('x')")
        before = [await rig.rows(f"SELECT b::text FROM bronze.src_{name} b") for name in names]
        outcomes = await rig.once()
        for name, (harm, kind, named) in zip(names, HARMS, strict=True):
            outcome = outcomes[name]
            assert (outcome.status, outcome.error_kind) == (Status.FAILED, kind), harm
            assert named in (outcome.error or ""), harm
            assert outcome.held
            assert outcome.remedy
        after = [await rig.rows(f"SELECT b::text FROM bronze.src_{name} b") for name in names]
        assert after == before
        assert outcomes["good"].counts == Counts(extracted=2, inserted=1, unchanged=1)
        await said_nowhere(rig, MARK)


def unfit(outcome: RunOutcome, remedy: str) -> None:
    assert (outcome.status, outcome.error_kind) == (Status.FAILED, "AccessDenied"), outcome
    assert outcome.retry is Retry.MANUAL
    assert remedy in (outcome.remedy or "")
    assert "src" in (outcome.error or "")


@pytest.mark.asyncio
async def test_a_table_without_select_permission(source_db: Database, target_db: Database) -> None:
    """The table that may not be read fails; the one that may be is carried; a grant mends it."""
    async with source_db.another_login("pw") as reader:
        user = reader.user
        async with Rig(source_db, target_db, tables=["bad", "good"], source_via=reader) as rig:
            await rig.source.execute(
                GOOD + "CREATE TABLE bad (id text PRIMARY KEY, hidden text);"
                f"INSERT INTO bad VALUES ('{MARK}'); GRANT SELECT ON good TO {user}"
            )
            outcomes = await rig.once()
            unfit(outcomes["bad"], "Grant")
            assert outcomes["good"].counts == Counts(extracted=1, inserted=1)
            await nothing_written(rig)
            await rig.source.execute(f"GRANT SELECT (id) ON bad TO {user}")
            unfit((await rig.once("bad"))["bad"], "Grant")
            await nothing_written(rig)
            await said_nowhere(rig, MARK, "pw")
            await rig.source.execute(f"GRANT SELECT ON bad TO {user}")
            assert (await rig.succeeds())["bad"].counts == Counts(extracted=1, inserted=1)


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("wrong", "kind", "remedy"),
    [
        ({"password": f"{MARK}-secret"}, "AccessDenied", "user and password"),
        ({"user": "nobody_of_that_name"}, "AccessDenied", "user and password"),
        ({"name": "no_such_database"}, "AccessDenied", "`database:`"),
        ({"port": 1}, "DatabaseUnavailable", "up and reachable"),
        ({"host": "host.invalid"}, "DatabaseUnavailable", "up and reachable"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
async def test_a_source_that_lets_nobody_in(
    source_db: Database, target_db: Database, wrong: Mapping[str, Any], kind: str, remedy: str
) -> None:
    """A connection that does not work fails its tables; those of another source go on."""
    other = replace(source_db, **wrong)
    specs = [table("bad", source="other"), "good"]
    async with Rig(source_db, target_db, tables=specs, more_sources={"other": other}) as rig:
        await rig.source.execute(GOOD)
        outcomes = await rig.once()
        assert (outcomes["bad"].status, outcomes["bad"].error_kind) == (Status.FAILED, kind)
        assert "connection other" in (outcomes["bad"].error or "")
        assert remedy in (outcomes["bad"].remedy or "")
        assert not outcomes["bad"].held
        assert outcomes["good"].counts == Counts(extracted=1, inserted=1)
        await nothing_written(rig)
        await said_nowhere(rig, MARK)


@pytest.mark.asyncio
async def test_values_stay_silent_when_a_row_breaks_the_target(
    source_db: Database, target_db: Database
) -> None:
    """Law 9: a driver's message that quotes a key does not leave the batch, nor does its cause."""
    async with Rig(source_db, target_db, tables=["bad", "good"]) as rig:
        await rig.source.execute(
            GOOD
            + "CREATE TABLE bad (id text PRIMARY KEY, v text); INSERT INTO bad VALUES ('a', '')"
        )
        await rig.succeeds()
        await rig.target.execute("ALTER TABLE bronze.src_bad ADD CHECK (id NOT LIKE 'MARK%')")
        await rig.source.execute(f"INSERT INTO bad VALUES ('{MARK}', '{MARK}')")
        outcome = (await rig.once())["bad"]
        assert (outcome.status, outcome.error_kind) == (Status.FAILED, "StatementFailed")
        assert "23514" in (outcome.error or "")
        await said_nowhere(rig, MARK)
        assert len(await rig.bronze("bad")) == 1
