"""README's rules of transformation work as they are written there, and none is left out."""

from __future__ import annotations

import re
from pathlib import Path

from cdc_daemon.bootstrap import checked
from cdc_daemon.model.guard import Guard, GuardLimits
from cdc_daemon.transformation import documentation
from cdc_daemon.transformation.configured import PRESETS

README = (Path(__file__).resolve().parents[3] / "README.md").read_text(encoding="utf-8")
SECTION = re.search(r"^## Transformation\n(.*?)^## ", README, re.DOTALL | re.MULTILINE)[1]
BLOCK = re.search(r"^```yaml\n(.*?)^```", SECTION, re.DOTALL | re.MULTILINE)[1]
AROUND = """
connections:
  core: {engine: sqlserver, host: db1, database: core, user: u}
  wh: {engine: postgresql, host: wh, database: wh, user: u}
target: {connection: wh}
"""


def test_the_rules_load_and_are_built(load_text):
    """As a user would copy them; the preset's rule is the first of the table."""
    config = checked(load_text(AROUND + BLOCK), lambda _: "a key of sixteen bytes")
    (table,) = config.tables
    assert [rule.use for rule in table.rules] == [
        *("pii", "mask", "truncate"),
        *("hash", "convert", "when", "drop", "filter"),
    ]


def test_every_kind_and_option_is_named():
    """What can be configured is told."""
    for kind in documentation():
        assert f"`{kind.name}`" in SECTION.replace('"', "")
        for option in kind.options:
            assert re.search(rf"`{option.name}\b", SECTION), (kind.name, option.name)
    assert all(f"`{preset}`" in SECTION for preset in PRESETS)


def test_every_guard_is_in_the_table_of_guards():
    """By the name that ``--accept-guard`` takes, with the limit that can be set."""
    told = re.search(r"^\*\*Guards\*\*.*?^## ", README, re.DOTALL | re.MULTILINE)[0]
    assert all(f"| `{guard.value}` |" in told for guard in Guard if guard is not Guard.REWRITE)
    limits = set(GuardLimits.__slots__) - {"max_null_key_share"}
    assert all(re.search(rf"`{name}\b", told) for name in limits)
