"""Law 9: a password reaches no issue, no warning, no repr, no traceback."""

from __future__ import annotations

import traceback

import pytest

from cdc_daemon.errors import ConfigError

SECRET = "hunter2"


@pytest.mark.parametrize(
    "written",
    [
        "password: hunter2, port: no",
        "password:hunter2",
        "password=hunter2",
        "password: [hunter2]",
        "password: {hunter2}",
        "password: {hunter2: 1}",
        "password: {env: [hunter2]}",
        "password: {env: 'hunter2!'}",
        "password: {file: hunter2}",
        "password: {vault: hunter2}",
        "password: {env: A, file: hunter2}",
        "password: *hunter2",
        "password: !hunter2 x",
        "password: !hunter2!x y",
        "password: !!int hunter2",
        "password: !!binary hunter2",
        "password: 'hunter2",
        'password: "hunter2\\q"',
        "password: hunter2: x",
        "password: hunter2, password: hunter2",
        "password: @hunter2",
        "password: %hunter2",
        "password: `hunter2`",
        "passwd: hunter2",
        "tls: hunter2",
        "engine: hunter2",
        "port: hunter2",
        "pool: {max: hunter2}",
    ],
)
def test_no_error_shows_what_was_written(load_text, valid, written):
    """However a password is mistyped, neither the issues nor the traceback show it."""
    text = valid.replace("password: {env: CORE_PASSWORD}", written)
    with pytest.raises(ConfigError) as caught:
        load_text(text)
    assert caught.value.issues
    assert SECRET not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "environ",
    [
        {"CDC__CONNECTIONS__CORE": '{"password": "hunter2", "port": "hunter2"}'},
        {"CDC__CONNECTIONS__CORE": '{"password": ["hunter2"]}'},
        {"CDC__CONNECTIONS__CORE": '{"password": "hunter2"'},
        {"CDC__CONNECTIONS__CORE__PASSWORD__ENV": "hunter2!"},
        {"CDC__CONNECTIONS__CORE__PASSWORD__HUNTER": "hunter2"},
        {"CDC__CONNECTIONS__CORE__PASSWORT": "hunter2"},
    ],
)
def test_no_error_shows_what_a_variable_holds(load_text, valid, environ):
    """The same for overrides."""
    with pytest.raises(ConfigError) as caught:
        load_text(valid, environ)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_no_repr_and_no_warning_shows_it(load_text, valid):
    """A snapshot with a plain password can be printed."""
    snapshot = load_text(valid.replace("{env: CORE_PASSWORD}", "hunter2"))
    assert snapshot.connections["core"].password.locator == SECRET
    assert SECRET not in repr(snapshot)
    assert SECRET not in "".join(snapshot.warnings)
