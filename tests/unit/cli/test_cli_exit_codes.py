"""Which end of a command is which exit code, and what a person is told."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys

import pytest

from cdc_daemon import errors
from cdc_daemon.cli.failure import lines
from cdc_daemon.cli.main import exit_code, main
from cdc_daemon.cli.signals import Signals
from cdc_daemon.cli.usage import UsageError
from cdc_daemon.errors import CdcError, ConfigError, ExitCode, GuardTripped, StatementFailed
from tests.support.process import environment

OF_CLASS = {
    "ConfigError": 2,
    "UsageError": 2,
    "SecretError": 3,
    "DatabaseUnavailable": 3,
    "AccessDenied": 3,
    "ControlSchemaError": 3,
}
CLASSES = [
    kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, CdcError)
] + [UsageError]


def _made(kind):
    if kind in {ConfigError, UsageError}:
        return kind(["a", "b"])
    return kind("a", guards=("empty",)) if kind is GuardTripped else kind("a")


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_error_has_its_exit_code(kind):
    """DESIGN 6.1: 2 for usage and configuration, 3 for the environment, else 1."""
    assert exit_code(_made(kind)) == OF_CLASS.get(kind.__name__, 1)


def test_what_is_not_ours_is_a_failure():
    """An unexpected error, also one that is no Exception, ends with 1."""
    assert exit_code(KeyError("x")) == ExitCode.FAILURE
    assert exit_code(asyncio.CancelledError()) == ExitCode.FAILURE


def test_a_group_ends_as_its_members_agree():
    """Errors of tasks come in groups: one code where all agree, else 1."""
    down = errors.DatabaseUnavailable("a")
    assert exit_code(ExceptionGroup("g", [down, ExceptionGroup("h", [down])])) == 3
    assert exit_code(ExceptionGroup("g", [down, ConfigError(["a"])])) == 1


@pytest.mark.parametrize(("line", "code"), [(["--help"], 0), (["--version"], 0), (["x"], 2)])
def test_parsing_never_exits(capsys, line, code):
    """``main`` returns the code, whatever argparse would do."""
    assert main(line, Signals()) == code
    captured = capsys.readouterr()
    assert bool(captured.out) is (code == 0)
    assert captured.err.startswith("error: ") is (code == 2)


def test_a_missing_configuration_is_code_2(capsys, tmp_path):
    """A file that is not there is named, with a remedy."""
    assert main(["status", "--config", str(tmp_path / "no.yaml")], Signals()) == 2
    first, *_, last = capsys.readouterr().err.splitlines()
    assert first.startswith("error: ")
    assert "no.yaml" in first
    assert last.startswith("remedy: ")


def test_issues_are_told_one_a_line():
    """Every issue of a configuration is a line of its own, and the remedy is the last."""
    told = lines(ConfigError(["a.yaml:1: x", "a.yaml:2: y"]))
    assert told[:2] == ("error: a.yaml:1: x", "error: a.yaml:2: y")
    assert told[2:] == (f"remedy: {ConfigError.remedy}",)


def test_an_unexpected_error_is_told_without_its_text():
    """Law 9: of an error that is not ours, class and place are told, and where to look."""
    told = "\n".join(lines(ValueError("row (17, 'hush')")))
    assert "hush" not in told
    assert "unexpected ValueError" in told
    assert "remedy: " in told
    assert "log" in told


def test_errors_of_threads_and_finalizers_are_told_without_their_text():
    """Law 9: what Python would print of an error nobody catches is class and place, too."""
    code = """
import sys, threading
from cdc_daemon.cli.main import run
class Finalized:
    def __del__(self):
        raise KeyError('hush')
def fail():
    raise ValueError('hush')
sys.argv = ['cdc-daemon', '--version']
assert run() == 0
thread = threading.Thread(target=fail)
thread.start()
thread.join()
Finalized()
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment(None, None),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "hush" not in done.stderr
    assert "unexpected ValueError" in done.stderr
    assert "unexpected KeyError" in done.stderr


def test_terminal_controls_are_shown_as_escapes():
    """A name with control characters does not act on the terminal."""
    told = lines(StatementFailed("table \x1b[31m"))
    assert told[0] == "error: table \\x1b[31m"
