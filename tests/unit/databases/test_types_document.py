"""The page of types is what the code does."""

from __future__ import annotations

from pathlib import Path

import cdc_daemon
from cdc_daemon.databases.types_document import document

PAGE = Path(cdc_daemon.__file__).parents[1] / "config" / "TYPES.md"


def test_the_page_is_current():
    """``config/TYPES.md`` says what the engines' types are, and nothing else."""
    assert PAGE.read_text(encoding="utf-8") == document()


def test_both_sources_and_both_targets_are_on_it():
    """A type of each source has its row, with its column in each target; refused ones too."""
    rows = document().splitlines()
    assert (
        "| `datetime2(7)` | Timestamp(7) | `text` | `datetime2(7)` "
        "| microseconds since 1970, with tenths |"
    ) in rows
    assert (
        "| `character(10)` | Text(10, fixed) | `character(10)` | `nvarchar(20)` | the text |"
        in rows
    )
    assert "| `sql_variant` | refused | | | |" in rows
    assert "| `regclass` | refused | | | |" in rows
