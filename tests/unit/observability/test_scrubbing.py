"""Secrets and what looks like one are taken out of text."""

import pytest

from cdc_daemon.observability.scrubbing import Secrets, scrub


def test_overlapping_secrets_leave_no_rest():
    """Where secrets overlap or hold each other, all of them are replaced wholly."""
    secrets = Secrets()
    for secret in ("abcdef", "bcde", "defghi", "x"):
        secrets.add(secret)

    assert secrets.hide("-abcdefghi- x max") == "-***- *** max"


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://u:hunter2@host/db",
        "mssql://u:p@ss/hunter2@host:1433/db",
        "password=hunter2",
        "PWD={a;hunter2}};b};Encrypt=yes",
        "Server=x;Password='hun;hunter2';",
        '{"password": "a\\"hunter2"}',
        "{'db_password': 'hunter2'}",
        '"{\\"token\\": \\"hunter2\\"}"',
        "password: hunter2",
        "a: 1\n  api_key: hunter2\nb: 2",
        "Authorization: Bearer hunter2hunter2",
        "token:hunter2",
        "vault hvs.hunter2hunter2",
        "eyJhbGciOi.eyJhunter2.hunter2",
        "-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nhunter2",
    ],
)
def test_what_looks_like_a_secret_is_scrubbed_unregistered(text):
    """URLs with passwords, assignments and tokens are recognised without being registered."""
    assert "hunter2" not in scrub(text, Secrets())


@pytest.mark.parametrize(
    "text",
    [
        "Check user and password, and the grants that README lists.",
        "connections.core.password: a plain string is for local use",
        "Set the environment variable or file the configuration refers to.",
        "https://docs.example.org/a/b?c=d",
        "core.dbo.TOKEN_USE: column PASSWORD of type varchar(20)",
    ],
)
def test_ordinary_sentences_stay_whole(text):
    """The scrubber does not eat the sentences operators need."""
    assert scrub(text, Secrets()) == text


def test_scrubbing_a_long_text_takes_linear_time():
    """A hostile text cannot make the patterns backtrack: a megabyte of each is done at once."""
    for piece in ("a", "password", "password='", '"', "://", "a-", "eyJ", "{", "\\", "token: x "):
        assert scrub(piece * (200_000 // len(piece)), Secrets())
