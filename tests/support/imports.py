"""What a process imported, by its own account."""

from __future__ import annotations

import re
from types import MappingProxyType

TELL_IMPORTS = MappingProxyType({"PYTHONPROFILEIMPORTTIME": "1"})
"""The environment in which Python names on standard error every module it looks for."""
_LINE = re.compile(r"^import time: .*\| +([\w.]+)$", re.MULTILINE)


def packages(stderr: str) -> frozenset[str]:
    """The top-level names among the modules, those that were not there included."""
    return frozenset(name.partition(".")[0] for name in _LINE.findall(stderr))
