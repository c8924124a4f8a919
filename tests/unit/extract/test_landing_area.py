"""Folders of landings: private, and gone with the process they served."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import cdc_daemon
from cdc_daemon.errors import LandingFailed, Retry
from cdc_daemon.extract.landing import LandingArea, sweep

ROOT = Path(cdc_daemon.__file__).parents[1]
OWNER = """
import sys
from cdc_daemon.extract.landing import LandingArea
area = LandingArea(sys.argv[1])
with area.landing() as landing:
    print(landing.folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def owner(tmp_path):
    """A process that holds a landing in ``tmp_path``, and says where."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    process.folder = Path(process.stdout.readline().strip())
    yield process
    process.kill()
    process.communicate()


def test_landings_are_private_and_leave_nothing(tmp_path):
    """Folders belong to their user alone, and are gone with the block and the process."""
    area = LandingArea(str(tmp_path))
    with area.landing() as one, area.landing() as other:
        assert one.folder != other.folder
        for folder in (one.folder, other.folder, one.folder.parent):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not one.folder.exists()
    assert not other.folder.exists()
    area.close()
    area.close()
    assert list(tmp_path.iterdir()) == []


def test_a_landing_is_gone_when_its_batch_fails(tmp_path):
    """An error leaves no rows behind on disk."""
    area, folders = LandingArea(str(tmp_path)), []

    def batch():
        with area.landing() as landing:
            folders.append(landing.folder)
            (landing.folder / "000000.arrow").write_bytes(b"rows")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        batch()
    assert not folders[0].exists()
    area.close()


def test_without_a_configured_place_the_temp_directory_is_used(tmp_path, monkeypatch):
    """``landing_dir: null`` is a private folder in the temp directory."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    area = LandingArea(None)
    with area.landing() as landing:
        assert landing.folder.is_relative_to(tmp_path)
    area.close()


def test_a_killed_process_leaves_what_the_next_removes(tmp_path, owner):
    """A live owner's rows stay, however often others start; a dead one's go (law 7, T23)."""
    assert sweep(tmp_path) == 0
    area = LandingArea(str(tmp_path))
    area.open()
    assert owner.folder.is_dir()
    owner.kill()
    owner.wait()
    assert owner.folder.is_dir()
    assert sweep(tmp_path) == 1
    assert not owner.folder.parent.exists()
    with area.landing():
        assert sweep(tmp_path) == 0
    area.close()


def test_sweep_takes_only_what_is_ours(tmp_path):
    """Folders of another name, and ones without an owner's lock, are left alone."""
    for name in ("other", "cdc-daemon-unlocked"):
        (tmp_path / name).mkdir()
    (tmp_path / "other" / "owner.lock").touch()
    (tmp_path / "cdc-daemon-file").touch()
    assert sweep(tmp_path) == 0
    assert len(list(tmp_path.iterdir())) == 3


def test_opening_removes_what_the_dead_left(tmp_path):
    """A new process sweeps before it lands."""
    dead = tmp_path / "cdc-daemon-dead"
    dead.mkdir()
    (dead / "owner.lock").touch()
    area = LandingArea(str(tmp_path))
    area.open()
    assert not dead.exists()
    area.close()


@pytest.mark.parametrize("place", ["missing", "file"])
def test_a_place_that_cannot_be_used_is_named(tmp_path, place):
    """The operator reads which folder is wrong, and why; the table is tried again."""
    (tmp_path / "file").touch()
    area = LandingArea(str(tmp_path / place))
    with pytest.raises(LandingFailed) as caught, area.landing():
        pass
    assert caught.value.retry is Retry.BACKOFF
    assert str(tmp_path / place) in str(caught.value)
    assert ("No such file" if place == "missing" else "Not a directory") in str(caught.value)
    area.close()


def test_a_place_that_is_mended_is_used(tmp_path):
    """A failure to open is not for ever: the next batch tries again."""
    area = LandingArea(str(tmp_path / "later"))
    with pytest.raises(LandingFailed), area.landing():
        pass
    (tmp_path / "later").mkdir()
    with area.landing() as landing:
        assert landing.folder.is_dir()
    area.close()
