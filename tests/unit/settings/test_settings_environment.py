"""Variables override the file."""

from __future__ import annotations

import pytest

from cdc_daemon.model.config import LaneSpec
from cdc_daemon.model.secret import SecretKind


def test_a_variable_beats_the_file(load_text, valid):
    """One key is replaced, its neighbours stay."""
    text = valid + "lanes: {small: {workers: 2, queue_size: 9}}\n"
    lanes = load_text(text, {"CDC__LANES__SMALL__WORKERS": "8", "CDC_CONFIG": "x"}).lanes
    assert lanes["small"] == LaneSpec(workers=8, queue_size=9)


def test_sections_and_lists_are_json(load_text, valid):
    """A section merges, a list replaces, and a longer name beats a shorter one."""
    snapshot = load_text(
        valid,
        {
            "CDC__HTTP": '{"port": 1, "host": "::1"}',
            "CDC__HTTP__PORT": "2",
            "CDC__TABLES": '[{"source": "core", "schema": "s", "name": "b"}]',
        },
    )
    assert (snapshot.http.host, snapshot.http.port) == ("::1", 2)
    assert [str(table.id) for table in snapshot.tables] == ["core.s.b"]


def test_connections_are_found_whatever_their_case(load_text, valid):
    """Variables are upper case, names of connections may be mixed."""
    text = valid.replace("core:", "Core:").replace("source: core", "source: Core")
    snapshot = load_text(text, {"CDC__CONNECTIONS__CORE__HOST": "db9"})
    assert snapshot.connections["Core"].host == "db9"


def test_a_whole_configuration_from_variables(load_text):
    """A connection may come from variables alone."""
    connection = '{"engine": "postgresql", "host": "h", "database": "d", "user": "u"}'
    snapshot = load_text(
        "tables: []\n", {"CDC__CONNECTIONS__WH": connection, "CDC__TARGET__CONNECTION": "wh"}
    )
    assert snapshot.connections["wh"].host == "h"


@pytest.mark.parametrize("value", ["hunter2", "12345", "null", '{"env": 1}', ""])
def test_a_password_variable_becomes_a_reference(load_text, valid, value):
    """Law 9: the value stays in its variable, whatever it looks like, and needs no warning."""
    name = "CDC__CONNECTIONS__CORE__PASSWORD"
    snapshot = load_text(valid.replace("{env: CORE_PASSWORD}", "x"), {name: value})
    password = snapshot.connections["core"].password
    assert (password.kind, password.locator) == (SecretKind.ENV, name)
    assert snapshot.warnings == ()


def test_a_reference_is_replaced_whole(load_text, valid):
    """An override of `password` with another kind of reference leaves nothing of the first."""
    snapshot = load_text(valid, {"CDC__CONNECTIONS__CORE__PASSWORD__FILE": "/run/secret"})
    password = snapshot.connections["core"].password
    assert (password.kind, password.locator) == (SecretKind.FILE, "/run/secret")


@pytest.mark.parametrize(
    ("name", "value", "issue"),
    [
        (
            "CDC__LANES__SMALL__WORKERS",
            "many",
            "lanes.small.workers: must be a whole number; write digits",
        ),
        (
            "CDC__LANES__SMALL__WORKER",
            "1",
            "lanes.small.worker: is not a key of this section; did you mean 'workers'?",
        ),
        ("CDC__LANEZ", "1", "'lanez' is not a section of the configuration; did you mean 'lanes'?"),
        (
            "CDC__HTTP",
            "{",
            "holds neither plain text nor JSON that fits here; write JSON, or set a single key",
        ),
        (
            "CDC__HTTP",
            "[" * 100_000,
            "holds neither plain text nor JSON that fits here; write JSON, or set a single key",
        ),
        ("CDC__HTTP", "[" * 40 + "]" * 40, "is nested too deep; flatten it"),
        ("CDC__HTTP", "5", "http: must be a mapping; write `key: value` lines below it"),
        ("CDC__TABLES__0__NAME", "x", "tables: must be a list; write [A, B], or one `- A` a line"),
        (
            "CDC__TARGET__CONNECTION",
            "x",
            "target.connection: there is no connection 'x'; known here: core, warehouse",
        ),
    ],
)
def test_a_bad_variable_is_named(issues_of, valid, name, value, issue):
    """Issues from overrides name the variable where those of files name the line."""
    assert issues_of(valid, {name: value}) == [f"{name}: {issue}"]


def test_the_process_environment_is_not_looked_at(load_text, valid, monkeypatch):
    """Only the variables handed over count."""
    monkeypatch.setenv("CDC__HTTP__PORT", "1")
    monkeypatch.setenv("CDC__NONSENSE", "1")
    assert load_text(valid).http.port == 9091
