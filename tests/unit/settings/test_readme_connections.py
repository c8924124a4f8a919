"""README's connections to SQL Server work as they are written there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cdc_daemon.bootstrap import checked

README = Path(__file__).resolve().parents[3] / "README.md"
SECTION = re.compile(r"^## SQL Server\n(.*?)^## ", re.DOTALL | re.MULTILINE)
BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.DOTALL | re.MULTILINE)
CONNECTIONS = BLOCK.search(SECTION.search(README.read_text(encoding="utf-8"))[1])[1]
NAMES = re.findall(r"^  (\w+):", CONNECTIONS, re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_a_connection_of_readme(load_text, name):
    """Each loads, as source and as target, and can be wired."""
    text = CONNECTIONS + (
        f"target: {{connection: {name}}}\ntables:\n- {{source: {name}, schema: dbo, name: t}}\n"
    )
    config = checked(load_text(text))
    assert config.connections[name].engine == "sqlserver"


def test_there_are_some():
    """The block was found."""
    assert len(NAMES) == 6
