"""Names in the target.

A source column keeps its name, unless it clashes with a version column or is too long for the
target; then it is renamed by the rule of ``target_name``.
"""

from __future__ import annotations

import hashlib
import re

VERSION_COLUMNS = (
    "_valid_from",
    "_valid_to",
    "_is_current",
    "_operation",
    "_closed_by",
    "_row_hash",
    "_hash_version",
    "_batch_id",
    "_closed_batch_id",
)
STAGE_COLUMNS = ("_operation", "_batch_id", "_changed_at")
LOAD_COLUMNS = ("_closes", "_position", "_load_row")
"""Columns of the tables that changes and keys are loaded into."""
KEY_BYTES = "_key_bytes_"
"""Begins the name of a column with the bytes of a key's values; its position there ends it."""
RESERVED = frozenset((*VERSION_COLUMNS, *STAGE_COLUMNS, *LOAD_COLUMNS))
_SUFFIX = "_src"
_KEY_BYTES = re.compile(KEY_BYTES + "[0-9]*")


def target_name(name: str, limit: int) -> str:
    """The target's name of a source column.

    A name of our own columns, and such a name with ``_src`` behind it, gets one more ``_src``:
    ``_valid_from`` becomes ``_valid_from_src``, and that ``_valid_from_src_src``. So the rule
    needs no other column to be known and never gives two columns one name. A name over
    ``limit`` bytes is cut and gets 8 hex digits of its SHA-256.
    """
    bare = name
    while bare.endswith(_SUFFIX):
        bare = bare.removesuffix(_SUFFIX)
    return shortened(name + _SUFFIX if is_reserved(bare) else name, limit)


def is_reserved(name: str) -> bool:
    """Whether the daemon has, or may come to have, a column of that name."""
    return name in RESERVED or _KEY_BYTES.fullmatch(name) is not None


def shortened(name: str, limit: int) -> str:
    """``name`` within ``limit`` UTF-8 bytes; what is cut is told apart by 8 hex digits."""
    encoded = name.encode()
    if len(encoded) <= limit:
        return name
    digest = hashlib.sha256(encoded).hexdigest()[:8]
    return encoded[: limit - 9].decode(errors="ignore") + "_" + digest


LOAD_PREFIX = "_load_"
"""Of load tables that are not temporary; the batch's number follows."""


def load_batch(name: str) -> int | None:
    """The batch that a load table of this name belongs to; None where it is no load table."""
    number = name.removeprefix(LOAD_PREFIX).split("_", 1)[0]
    return int(number) if name.startswith(LOAD_PREFIX) and number.isdecimal() else None
