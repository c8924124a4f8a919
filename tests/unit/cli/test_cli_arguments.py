"""What the command line accepts, and what it says of the rest."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from cdc_daemon.cli.arguments import parse
from cdc_daemon.cli.usage import UsageError
from cdc_daemon.model.guard import Guard
from tests.support.process import environment

HEAVY = (
    "asyncio",
    "asyncpg",
    "numpy",
    "polars",
    "pyarrow",
    "pydantic",
    "rich",
    "structlog",
    "yaml",
)


def test_once_takes_everything_that_design_says():
    """``once`` has the arguments of DESIGN 6.1."""
    line = "once t s.u --source core --lane large --workers 3 --force --config c.yaml"
    args = parse([*line.split(), "--accept-guard", "deletes", "--accept-guard", "empty"])
    assert args.runs == "cdc_daemon.cli.once:once"
    assert args.tables == ["t", "s.u"]
    assert (args.source, args.lane, args.workers, args.force) == ("core", "large", 3, True)
    assert args.accepted == [Guard.DELETES, Guard.EMPTY]
    assert args.config == "c.yaml"


@pytest.mark.parametrize("line", [["--config", "a", "status"], ["status", "--config", "a"]])
def test_the_configuration_is_named_before_or_after_the_command(line):
    """``--config`` stands on either side of the command."""
    assert parse(line).config == "a"


def test_quarantine_takes_everything_that_it_says():
    """``quarantine`` has a command for each thing an operator does, and the limit of one to show."""
    listed = parse(["quarantine", "list", "t", "s.u", "--json"])
    assert (listed.tables, listed.json) == (["t", "s.u"], True)
    shown = parse(["quarantine", "show", "t", "--all", "--limit", "7"])
    assert (shown.table, shown.all, shown.limit, shown.json) == ("t", True, 7, False)
    assert (parse(["quarantine", "purge"]).open, parse(["quarantine", "purge"]).tables) == (
        False,
        [],
    )
    assert parse(["quarantine", "purge", "t", "--open"]).open


def test_lists_of_guards_do_not_pile_up():
    """Parsing twice in one process accepts nothing that the second line does not name."""
    parse(["once", "--accept-guard", "count"])
    assert parse(["once"]).accepted == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ([], "COMMAND"),
        (["onec"], "onec"),
        (["backfill", "t"], "backfill"),
        (["pause"], "TABLE"),
        (["quarantine"], "ACTION"),
        (["quarantine", "show"], "TABLE"),
        (["quarantine", "show", "t", "--limit", "0"], "at least 1"),
        (["once", "--workers", "0"], "at least 1"),
        (["once", "--workers", "x"], "at least 1"),
        (["once", "--accept-guard", "delete"], "guards: empty, shrunk, count, deletes, updates"),
        (["status", "a", "b"], "unrecognized arguments: b"),
        (["status", "--jso"], None),
        (["control"], "ACTION"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(line, said):
    """A slip ends as a usage error of ours that says what is wrong, never by exiting."""
    if said is None:
        assert parse(line).json  # an unambiguous abbreviation, as usual
        return
    with pytest.raises(UsageError) as caught:
        parse(line)
    assert said in str(caught.value)
    assert "--help" in caught.value.remedy


def test_every_command_names_a_function_that_is_there():
    """Each command's ``runs`` leads to a function in a module of its own."""
    lines = [["once"], ["plan"], ["validate-config"], ["status"], ["pause", "t"], ["resume", "t"]]
    lines += [["release", "t"], ["control", "plan"], ["control", "apply"], ["demo"]]
    found = {parse(line).runs for line in lines}
    assert len(found) == len(lines)
    code = "import importlib as i, sys\nfor w in sys.argv[1:]: m, f = w.split(':'); getattr(i.import_module(m), f)"
    subprocess.run(
        [sys.executable, "-c", code, *found], check=True, env=environment(None, None), timeout=60
    )


@pytest.mark.parametrize("line", [["--help"], ["once", "--help"], ["--version"], ["nonsense"]])
def test_help_loads_nothing_heavy(line):
    """Help and slips are answered without loading a driver, polars, pydantic or rich."""
    code = (
        "import sys; from cdc_daemon.cli.main import main; from cdc_daemon.cli.signals import Signals\n"
        "code = main(sys.argv[1:], Signals())\n"
        f"print('LOADED', [m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)\n"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *line],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={k: v for k, v in environment(None, None).items() if not k.startswith("COV")},
        cwd=os.curdir,
    )
    loaded = done.stderr.splitlines()[-1]
    if line == ["nonsense"]:
        assert done.returncode == 2
        assert "pol" not in loaded
        assert "asyncpg" not in loaded
    else:
        assert (done.returncode, loaded) == (0, "LOADED []")
