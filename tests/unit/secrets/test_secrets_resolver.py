"""References to secrets, resolved."""

from __future__ import annotations

import traceback

import pytest

from cdc_daemon.errors import ExitCode, Retry, SecretError
from cdc_daemon.model.secret import SecretKind, SecretRef
from cdc_daemon.secrets.resolver import resolve
from tests.support.privileges import unprivileged


def test_a_plain_secret_is_itself():
    """A plain reference holds the secret."""
    assert resolve(SecretRef(SecretKind.PLAIN, "hunter2"), {}) == "hunter2"


@pytest.mark.parametrize("value", ["hunter2", " a b\n", "päss"])
def test_a_variable_is_taken_exactly(value):
    """The variable's value is not trimmed."""
    assert resolve(SecretRef(SecretKind.ENV, "DB_PASSWORD"), {"DB_PASSWORD": value}) == value


@pytest.mark.parametrize(
    ("environ", "message"), [({}, "is not set"), ({"DB_PASSWORD": ""}, "is empty")]
)
def test_a_missing_variable_is_named(environ, message):
    """A secret that is not there is tried again later; error and remedy name the variable."""
    with pytest.raises(SecretError, match=f"environment variable DB_PASSWORD {message}") as caught:
        resolve(SecretRef(SecretKind.ENV, "DB_PASSWORD"), environ)
    assert "DB_PASSWORD" in caught.value.remedy
    assert (caught.value.retry, caught.value.exit_code) == (Retry.BACKOFF, ExitCode.ENVIRONMENT)


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (b"hunter2", "hunter2"),
        (b"hunter2\n", "hunter2"),
        (b"hunter2\r\n", "hunter2"),
        (b" hunter2 \n\n", " hunter2 \n"),
        ("päss\n".encode(), "päss"),
    ],
)
def test_a_file_loses_the_newline_at_its_end(tmp_path, content, secret):
    """One trailing newline, as editors write it, is not part of the secret; all else is."""
    path = tmp_path / "secret"
    path.write_bytes(content)
    assert resolve(SecretRef(SecretKind.FILE, str(path)), {}) == secret


def test_a_file_is_read_anew(tmp_path):
    """A rotated secret is seen at the next use: nothing is cached."""
    path = tmp_path / "secret"
    for secret in ("one", "two"):
        path.write_text(secret)
        assert resolve(SecretRef(SecretKind.FILE, str(path)), {}) == secret


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist"),
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"hunter2\xff", "is not UTF-8 text"),
        (b"hunter2" * 10_000, "is larger than 64 KiB"),
    ],
)
def test_an_unusable_file_is_named(tmp_path, content, message):
    """Law 9: the error names the path and a remedy; neither it nor its traceback shows the value."""
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SecretError) as caught:
        resolve(SecretRef(SecretKind.FILE, str(path)), {})
    assert str(caught.value) == f"secret file {path} {message}"
    assert caught.value.remedy != SecretError.remedy
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("path", ["/", "a\0b"])
def test_what_is_no_file_is_refused(path):
    """A directory or an impossible path is a SecretError too."""
    with pytest.raises(SecretError, match="cannot be read"):
        resolve(SecretRef(SecretKind.FILE, path), {})


def test_a_file_without_permission(tmp_path):
    """Missing permission is said as such."""
    path = tmp_path / "secret"
    path.write_text("x")
    path.chmod(0)
    with unprivileged(), pytest.raises(SecretError, match="may not be read"):
        resolve(SecretRef(SecretKind.FILE, str(path)), {})


def test_vault_is_not_in_this_version():
    """A vault reference is refused with what to use instead; its path is not shown."""
    with pytest.raises(SecretError, match="not supported in this version") as caught:
        resolve(SecretRef(SecretKind.VAULT, "secret/db#password"), {})
    assert "environment variable or a file" in caught.value.remedy
