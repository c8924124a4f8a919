"""The fingerprint of a configuration: equal digests, equal behaviour.

Law 9: no secret goes in, not even hashed; the place where one is found does.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from datetime import time, timedelta
from enum import Enum
from typing import Any

from cdc_daemon.model.config import ConfigSnapshot
from cdc_daemon.model.secret import SecretKind, SecretRef

_APART = frozenset({"version", "digest", "warnings", "tables"})


def digest(snapshot: ConfigSnapshot) -> str:
    """SHA-256 as hex of everything that decides behaviour; the order of tables does not."""
    content = {
        field.name: _canonical(getattr(snapshot, field.name))
        for field in dataclasses.fields(snapshot)
        if field.name not in _APART
    }
    # rules that many tables share are one object: 2,000 tables do not write them out 2,000 times
    shared = {id(rule): rule for table in snapshot.tables for rule in table.rules}
    rules = {number: _hashed(_canonical(rule)) for number, rule in shared.items()}
    content["tables"] = [
        _canonical(dataclasses.replace(table, rules=()))
        | {"rules": [rules[id(rule)] for rule in table.rules]}
        for table in sorted(snapshot.tables, key=lambda t: t.id)
    ]
    return _hashed(content)


def _hashed(content: object) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(value: object) -> Any:  # noqa: ANN401 - JSON is any of its types
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, SecretRef):
        locator = None if value.kind is SecretKind.PLAIN else value.locator
        return [value.kind.value, locator]
    if dataclasses.is_dataclass(value):
        # what two equal values may differ in (the line of a rule) decides no behaviour
        fields = (field for field in dataclasses.fields(value) if field.compare)
        value = {field.name: getattr(value, field.name) for field in fields}
    if isinstance(value, Mapping):
        return {str(key): _canonical(entry) for key, entry in value.items()}
    if isinstance(value, tuple):
        return [_canonical(item) for item in value]
    if isinstance(value, frozenset):
        return sorted(_canonical(item) for item in value)
    if isinstance(value, time):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    return value.total_seconds() if isinstance(value, timedelta) else value
