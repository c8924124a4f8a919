"""The memory budget where none is configured: what the container allows (law 11)."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdc_daemon.settings.cgroup import LEAST_MB, WITHOUT_LIMIT_MB, default_budget_mb

MB = 1024 * 1024


def machine(folder: Path, groups: str, **limits: str) -> dict[str, Path]:
    """A machine whose /proc/self/cgroup says ``groups``; limits by file."""
    system, proc = folder / "cgroup", folder / "proc"
    proc.mkdir()
    (proc / "cgroup").write_text(groups)
    for name, limit in limits.items():
        file = system / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(limit)
    return {"system": system, "proc": proc}


@pytest.mark.parametrize(
    ("groups", "limits", "budget"),
    [
        ("0::/\n", {"memory.max": f"{1000 * MB}\n"}, 800),
        ("0::/\n", {"memory.max": "max\n"}, WITHOUT_LIMIT_MB),
        ("0::/pod/box\n", {"pod/box/memory.max": f"{2000 * MB}"}, 1600),
        ("0::/pod/box\n", {"pod/box/memory.max": "max", "pod/memory.max": f"{1000 * MB}"}, 800),
        ("4:memory:/box\n", {"memory/box/memory.limit_in_bytes": f"{1000 * MB}"}, 800),
        ("4:cpu,memory:/\n", {"memory/memory.limit_in_bytes": "9223372036854771712"}, 1024),
        ("0::/\n", {"memory.max": f"{64 * MB}"}, LEAST_MB),
        ("nonsense\n", {"memory.max": "nonsense"}, WITHOUT_LIMIT_MB),
        ("", {}, WITHOUT_LIMIT_MB),
    ],
)
def test_four_fifths_of_the_containers_limit(tmp_path, groups, limits, budget):
    """The tightest limit counts; without one, a fixed budget; never less than a batch needs."""
    assert default_budget_mb(**machine(tmp_path, groups, **limits)) == budget


def test_a_machine_without_cgroups_has_the_fixed_budget(tmp_path):
    """No file is no error."""
    assert default_budget_mb(tmp_path / "no", tmp_path / "such") == WITHOUT_LIMIT_MB
