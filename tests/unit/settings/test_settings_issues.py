"""What is wrong with a section is said with file, line, key and remedy."""

from __future__ import annotations

import pytest

from cdc_daemon.settings.issues import shown

TABLE = "tables:\n  - {source: core, schema: s, name: a%s}\n"


@pytest.mark.parametrize(
    ("key", "issue"),
    [
        ("nmae: x", "tables[0].nmae: is not a key of this section; did you mean 'name'?"),
        ("key:id", "tables[0].key…: is not a key of this section; put a space after its colon"),
        ("key: id", "tables[0].key: must be a list; write [A, B], or one `- A` a line"),
        ("key: []", "tables[0].key: must not be empty; name at least one, or leave the key out"),
        ("key: [a, a]", "tables[0].key: names a column twice; keep one of them"),
        ("key: [NO]", "tables[0].key[0]: must be text; put it in quotes"),
        (
            "key: [a], exclude_columns: [b, a]",
            "tables[0].exclude_columns: excludes the key column 'a'; keep it, or choose another `key:`",
        ),
        ("lane: smal", "tables[0].lane: there is no lane 'smal'; did you mean 'small'?"),
        (
            "strategy: windowed",
            (
                "tables[0].strategy: windowed is not supported in this version;"
                " this version reads tables with the strategy full"
            ),
        ),
        (
            "strategy: ful",
            "tables[0].strategy: must be one of 'full', 'windowed', 'chunked' or 'incremental'; did you mean 'full'?",
        ),
        (
            "schedule: {every: 15}",
            (
                "tables[0].schedule.every: must be a length of time with its unit;"
                " write a whole number and a unit: 30s, 15m, 1h, 1d"
            ),
        ),
        (
            "schedule: {every: 0m}",
            (
                "tables[0].schedule.every: must lie between 1s and 366d;"
                " write a whole number and a unit: 30s, 15m, 1h, 1d"
            ),
        ),
        (
            "schedule: {every: 1d}, guards: [x]",
            "tables[0].guards: must be a mapping; write `key: value` lines below it",
        ),
        (
            "guards: {max_delete_share: 2}",
            "tables[0].guards.max_delete_share: must be at most 1; lower it",
        ),
        (
            "guards: {min_rows: true}",
            "tables[0].guards.min_rows: must be a number, not true or false; write digits",
        ),
        (
            "guards: {allow_empty: 1}",
            "tables[0].guards.allow_empty: must be true or false; write true or false",
        ),
        ("max_batch_rows: 0", "tables[0].max_batch_rows: must be at least 1; raise it"),
        (
            "max_batch_rows: 1.5",
            "tables[0].max_batch_rows: must be a whole number; leave out the fraction",
        ),
        (
            'target_table: "a\\tb"',
            "tables[0].target_table: must be a name without control characters; write the name as it is",
        ),
    ],
)
def test_a_bad_key_of_a_table(issues_of, head, key, issue):
    """Each mistake in a table gives one issue at its line with a remedy."""
    assert issues_of(head + TABLE % f", {key}") == [f"cdc-daemon.yaml:6: {issue}"]


@pytest.mark.parametrize(
    ("section", "issue"),
    [
        ("lanez: {}", "lanez: is not a key of this section; did you mean 'lanes'?"),
        (
            "lanes: {medium: {}}",
            "lanes.medium: is not a key of this section; known here: large, small",
        ),
        ("lanes: {small: {workers: 0}}", "lanes.small.workers: must be at least 1; raise it"),
        ("lanes: []", "lanes: must be a mapping; write `key: value` lines below it"),
        (
            "runtime: {memory_budget_mb: 1}",
            "runtime.memory_budget_mb: must be at least 384; raise it",
        ),
        (
            "runtime: {grace_seconds: .nan}",
            "runtime.grace_seconds: must be greater than 0; raise it",
        ),
        ("http: {port: 65536}", "http.port: must be at most 65535; lower it"),
        ("http: {port: http}", "http.port: must be a whole number; write digits"),
        (
            "logging: {level: LOUD}",
            "logging.level: must be one of 'DEBUG', 'INFO', 'WARNING' or 'ERROR'; known here: DEBUG, ERROR, INFO, WARNING",
        ),
        (
            "defaults: {lane: big}",
            "defaults.lane: there is no lane 'big'; known here: large, small",
        ),
        (
            "defaults: {strategy: full}",
            "defaults.strategy: is not a key of this section; known here: blackouts, guards, jitter, lane, max_batch_rows, on_rule_change, priority, schedule",
        ),
        (
            "tracing: {}",
            "tracing: is not a key of this section; known here: connections, control, defaults, http, include, lanes, logging, runtime, tables, target, transformations",
        ),
    ],
)
def test_a_bad_section(issues_of, valid, section, issue):
    """Unknown and unusable keys are refused everywhere, also those of later versions."""
    assert issues_of(f"{valid}{section}\n") == [f"cdc-daemon.yaml:7: {issue}"]


@pytest.mark.parametrize(
    ("old", "new", "issue"),
    [
        ("host: db1, ", "", "connections.core.host: is missing; add it"),
        (
            "host: db1",
            "host: db1, sqlserver: {bulk: rows}",
            "connections.core.sqlserver: is for SQL Server, and the engine is postgresql; remove it, or correct the engine",
        ),
        (
            "engine: postgresql, host: db1",
            "engine: sqlserver, host: db1, tls: {mode: verify-ca}",
            "connections.core.tls.mode: verify-ca is not to be had from SQL Server's driver: it checks the host name, too; write verify-full, or require to check nothing",
        ),
        (
            "engine: postgresql, host: db1",
            "engine: sqlserver, host: db1, port: 1433, sqlserver: {instance: A}",
            "connections.core.port: the port is what the instance's name is asked for; remove the port or sqlserver.instance",
        ),
        (
            "engine: postgresql, host: db1",
            "engine: sqlserver, host: db1, tls: {ca_file: /ca.pem}",
            "connections.core.tls.ca_file: SQL Server's drivers take the system's trusted authorities only; add the file to them, or name it in the environment variable SSL_CERT_FILE",
        ),
        (
            "engine: postgresql, host: db1",
            "engine: sqlserver, host: db1, tls: {mode: verify-full}, sqlserver: {driver: FreeTDS}",
            "connections.core.tls.mode: verify-full is not to be had of another driver than Microsoft's; leave sqlserver.driver out, or write require",
        ),
        (
            "engine: postgresql, host: db1",
            "engine: oracle, host: db1",
            "connections.core.engine: oracle is not supported in this version; this version reads and writes postgresql and sqlserver",
        ),
        (
            "engine: postgresql, host: db1",
            "engine: postgres, host: db1",
            "connections.core.engine: must be one of 'postgresql', 'sqlserver' or 'oracle'; did you mean 'postgresql'?",
        ),
        (
            "user: reader",
            "user: reader, pool: {min: 5, max: 4}",
            "connections.core.pool: min (5) is more than max (4); lower min or raise max",
        ),
        (
            "user: reader",
            "user: reader, pool: {max: 1}",
            "connections.core.pool.max: must be at least 2; raise it",
        ),
        (
            "user: reader",
            "user: reader, tls: {mode: on}",
            "connections.core.tls.mode: must be one of 'disable', 'allow', 'prefer', 'require', 'verify-ca' or 'verify-full'; known here: allow, disable, prefer, require, verify-ca, verify-full",
        ),
        (
            "{env: CORE_PASSWORD}",
            "{vault: a#b}",
            "connections.core.password: vault references are not supported in this version; write {env: NAME} or {file: /path}",
        ),
        (
            "{env: CORE_PASSWORD}",
            "{env: A, file: /b}",
            "connections.core.password: must hold exactly one of env, file; write {env: NAME} or {file: /path}",
        ),
        (
            "{env: CORE_PASSWORD}",
            "{file: b}",
            "connections.core.password: file must be an absolute path; write {file: /path}",
        ),
        (
            "{env: CORE_PASSWORD}",
            "{env: $B}",
            "connections.core.password: env must be the name of a variable; write {env: NAME}, not the secret",
        ),
        (
            "{env: CORE_PASSWORD}",
            "''",
            "connections.core.password: is empty; write {env: NAME} or {file: /path}, or leave it out where none is needed",
        ),
        (
            "{env: CORE_PASSWORD}",
            "12",
            "connections.core.password: must be text or a reference; write {env: NAME} or {file: /path}, or put plain text in quotes",
        ),
    ],
)
def test_a_bad_connection(issues_of, valid, old, new, issue):
    """A bad connection is refused at its line; its tables are not blamed for it."""
    assert issues_of(valid.replace(old, new)) == [f"cdc-daemon.yaml:2: {issue}"]


@pytest.mark.parametrize(
    ("target", "issue"),
    [
        (
            "{connection: wharehouse}",
            "target.connection: there is no connection 'wharehouse'; did you mean 'warehouse'?",
        ),
        ("{bronze_schema: b}", "target.connection: is missing; add it"),
        (
            "{connection: warehouse, stage_schema: BRONZE}",
            "target.stage_schema: is the same schema as bronze_schema; use a schema of its own for each",
        ),
        (
            "{connection: warehouse, control_schema: " + "ä" * 32 + "}",
            "target.control_schema: is longer than 63 bytes, PostgreSQL's limit for names; choose a shorter name",
        ),
        (
            "{connection: warehouse, stage_retention_days: 0}",
            "target.stage_retention_days: must be at least 1; raise it",
        ),
        (
            "{connection: warehouse, rebuild_indexes_above: 0}",
            "target.rebuild_indexes_above: must be greater than 0; raise it",
        ),
        (
            "{connection: warehouse, rebuild_indexes_above: .inf}",
            "target.rebuild_indexes_above: must be at most 1000000; lower it",
        ),
        (
            "{connection: warehouse, rebuild_indexes_above: true}",
            "target.rebuild_indexes_above: must be a number, not true or false; write digits",
        ),
    ],
)
def test_a_bad_target(issues_of, valid, target, issue):
    """The target's connection exists and its three schemas are different ones."""
    text = valid.replace("{connection: warehouse}", target)
    assert issues_of(text) == [f"cdc-daemon.yaml:4: {issue}"]


@pytest.mark.parametrize("key", ["event_days", "batch_days", "quarantine_days"])
@pytest.mark.parametrize(
    ("value", "issue"),
    [
        ("0", "must be at least 1; raise it"),
        ("-5", "must be at least 1; raise it"),
        ("36501", "must be at most 36500; lower it"),
        ("true", "must be a number, not true or false; write digits"),
    ],
)
def test_a_bad_retention(issues_of, valid, key, value, issue):
    """What is kept is kept for a day at least, and no longer than a clock can go back."""
    text = f"{valid}control: {{{key}: {value}}}\n"
    line = len(text.splitlines())
    assert issues_of(text) == [f"cdc-daemon.yaml:{line}: control.{key}: {issue}"]


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("password", "password"),
        ("password:hunter2", "password…"),
        ("a b", "a…"),
        ("ä", "…"),
        ("", ""),
    ],
)
def test_keys_are_shown_up_to_what_may_be_a_value(key, text):
    """Law 9: what follows a forgotten space after a colon is not shown."""
    assert shown(key) == text
