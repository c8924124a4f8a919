"""A reference to the secret it stands for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from cdc_daemon.errors import SecretError
from cdc_daemon.model.secret import SecretKind, SecretRef
from cdc_daemon.secrets.environment import from_variable
from cdc_daemon.secrets.files import from_file


def resolve(ref: SecretRef, environ: Mapping[str, str]) -> str:
    """Fetches a secret.

    Args:
        ref: Where the secret is kept.
        environ: The variables that ``env`` references name.

    Raises:
        SecretError: it cannot be fetched; names the variable or the path, never the value.
    """
    match ref.kind:
        case SecretKind.PLAIN:
            return ref.locator
        case SecretKind.ENV:
            return from_variable(ref.locator, environ)
        case SecretKind.FILE:
            return from_file(ref.locator)
        case SecretKind.VAULT:
            raise SecretError(
                "vault references are not supported in this version",
                remedy="Refer to an environment variable or a file.",
            )
        case _:
            assert_never(ref.kind)
