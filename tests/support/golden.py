"""Text that a person has approved, a file for each piece."""

from __future__ import annotations

import os
from pathlib import Path


def approved(folder: Path, name: str, text: str) -> str:
    """What the file says; with ``CDC_UPDATE_GOLDEN=1`` it is written anew from ``text``."""
    path = folder / f"{name}.sql"
    if os.environ.get("CDC_UPDATE_GOLDEN") == "1":
        path.write_text(text, encoding="utf-8")
    return path.read_text(encoding="utf-8")
