"""Secrets kept in files, as Kubernetes mounts them."""

from __future__ import annotations

from pathlib import Path

from cdc_daemon.errors import SecretError

_LARGEST = 64 * 1024
"""Bytes; a file beyond this is no password."""


def from_file(path: str) -> str:
    """The file's text without the newline at its end; read anew at every call.

    Raises:
        SecretError: the file is missing, unreadable, empty, too large or not UTF-8.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(_LARGEST + 1)
    except FileNotFoundError:
        raise _unusable(path, "does not exist", "Create the file, or correct its path.") from None
    except PermissionError:
        raise _unusable(path, "may not be read", "Grant this user read permission.") from None
    except (OSError, ValueError):
        raise _unusable(path, "cannot be read", "Name a readable file.") from None
    if len(content) > _LARGEST:
        raise _unusable(path, "is larger than 64 KiB", "Name a file that holds the secret only.")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        # without its cause: that holds the bytes (law 9)
        raise _unusable(path, "is not UTF-8 text", "Save the file as UTF-8.") from None
    secret = text.removesuffix("\n").removesuffix("\r")
    if not secret:
        raise _unusable(path, "is empty", "Write the secret into the file.")
    return secret


def _unusable(path: str, what: str, remedy: str) -> SecretError:
    return SecretError(f"secret file {path} {what}", remedy=remedy)
