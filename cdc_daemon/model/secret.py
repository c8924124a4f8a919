"""References to secrets: where one is found, never what it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class SecretKind(Enum):
    """Where a secret is kept."""

    ENV = "env"
    FILE = "file"
    VAULT = "vault"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class SecretRef:
    """``locator`` is a variable, a path, ``path#field``, or, for ``PLAIN``, the secret itself."""

    kind: SecretKind
    locator: str = field(repr=False)
