"""Secrets kept in environment variables."""

from __future__ import annotations

from collections.abc import Mapping

from cdc_daemon.errors import SecretError


def from_variable(name: str, environ: Mapping[str, str]) -> str:
    """The variable's value, exactly as set.

    Raises:
        SecretError: the variable is not set, or empty.
    """
    value = environ.get(name)
    if value is None:
        raise SecretError(
            f"environment variable {name} is not set",
            remedy=f"Set {name} to the secret, or refer to another variable or a file.",
        )
    if not value:
        raise SecretError(
            f"environment variable {name} is empty",
            remedy=f"Set {name} to the secret, or leave the reference out where none is needed.",
        )
    return value
