"""Rows of a batch on local disk, as Arrow IPC streams, addressed by position.

Each run has a folder of its own, readable by its user alone, with a lock that tells whether the
process that made it still lives: what a killed process left behind is removed by the next
(law 7).
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import shutil
import tempfile
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Literal

import polars as pl

from cdc_daemon.errors import LandingFailed
from cdc_daemon.model.change import POSITION

Compression = Literal["lz4", "uncompressed"]

FILE = "rows.arrows"
"""One for all pieces: making and removing files costs more than what is in them."""
_PREFIX = "cdc-daemon-"
_LOCK = "owner.lock"


@dataclass(frozen=True, slots=True)
class _Piece:
    """A frame that was added: where it lies in the file, and the position of its first row."""

    offset: int
    length: int
    start: int


@dataclass(slots=True, eq=False)
class Landing:
    """An ordered pile of rows in one file; implements ``ports.flow.LandedRows``."""

    folder: Path
    compression: Compression = "lz4"
    rows: int = 0
    bytes: int = 0
    _pieces: list[_Piece] = field(default_factory=list)

    @property
    def _file(self) -> Path:
        return self.folder / FILE

    async def add(self, frame: pl.DataFrame) -> int:
        """Append rows; the number of their piece.

        Raises:
            LandingFailed: the disk is full or the folder not writable.
        """
        with _failing(self.folder):
            length = await asyncio.to_thread(self._append, frame)
        self._pieces.append(_Piece(self.bytes, length, self.rows))
        self.bytes += length
        self.rows += frame.height
        return len(self._pieces) - 1

    def _append(self, frame: pl.DataFrame) -> int:
        stream = BytesIO()
        # law 9: newer levels write the whole memory that texts were cut from, and other rows' too
        level = pl.CompatLevel.oldest()
        frame.write_ipc_stream(stream, compression=self.compression, compat_level=level)
        with self._file.open("ab") as file:
            return file.write(stream.getbuffer())

    def clear(self) -> None:
        """Forget every row: the table is read again."""
        self._file.unlink(missing_ok=True)
        self._pieces.clear()
        self.rows = self.bytes = 0

    async def all(self) -> AsyncGenerator[pl.DataFrame, None]:
        """Every row with its ``_position``, a piece at a time."""
        for n in range(len(self._pieces)):
            yield await asyncio.to_thread(self._read, n)

    async def take(self, positions: pl.Series) -> AsyncGenerator[pl.DataFrame, None]:
        """The rows at ``positions``, which are sorted."""
        ends = [*(piece.start for piece in self._pieces[1:]), self.rows]
        for n, (piece, end) in enumerate(zip(self._pieces, ends, strict=False)):
            low, high = (int(positions.search_sorted(edge)) for edge in (piece.start, end))
            if low < high:
                wanted = positions.slice(low, high - low) - piece.start
                yield (await asyncio.to_thread(self._read, n))[wanted]

    def piece(self, n: int) -> pl.DataFrame:
        """The ``n``-th frame that was added; blocks.

        Raises:
            LandingFailed: it is not there any more, or damaged.
        """
        piece = self._pieces[n]
        with _failing(self.folder):
            with self._file.open("rb") as file:
                file.seek(piece.offset)
                stream = file.read(piece.length)
            if len(stream) < piece.length:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return pl.read_ipc_stream(BytesIO(stream))

    def _read(self, n: int) -> pl.DataFrame:
        return self.piece(n).with_row_index(POSITION, offset=self._pieces[n].start)


class LandingArea:
    """The folder of one process, and the landings in it."""

    def __init__(self, parent: str | None) -> None:
        self._parent = Path(parent) if parent else Path(tempfile.gettempdir())
        self._folder: Path | None = None
        self._lock = -1
        self._made = 0
        self._open: set[Landing] = set()
        self._making = threading.Lock()

    @property
    def bytes(self) -> int:
        """Size of all landing files there are now."""
        return sum(landing.bytes for landing in tuple(self._open))  # threads add to it

    def open(self) -> None:
        """Make the folder, after removing those of processes that are gone.

        Raises:
            LandingFailed: the parent is not there or not writable.
        """
        with _failing(self._parent):
            sweep(self._parent)
            while not self._made_ours():
                self.close()  # a sweeper came between making the folder and locking it

    def _made_ours(self) -> bool:
        self._folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self._parent))
        self._lock = os.open(self._folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        return (self._folder / _LOCK).exists()

    def close(self) -> None:
        """Remove the folder with all that is in it."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            os.close(self._lock)
            self._folder = None

    @contextmanager
    def landing(self, compression: Compression = "lz4") -> Iterator[Landing]:
        """A landing; its files are gone when the block ends."""
        folder = self._next()
        with _failing(folder):
            folder.mkdir(mode=0o700)
        landing = Landing(folder, compression)
        self._open.add(landing)
        try:
            yield landing
        finally:
            self._open.discard(landing)
            shutil.rmtree(folder, ignore_errors=True)

    def _next(self) -> Path:
        with self._making:  # batches ask in threads of their own
            if self._folder is None or not self._folder.exists():
                self.close()
                self.open()  # for the first time, or again after somebody cleaned up
            assert self._folder is not None  # noqa: S101 - just opened
            self._made += 1
            return self._folder / f"{self._made:08}"


def sweep(parent: Path) -> int:
    """Remove landings of processes that are gone; the number of folders removed."""
    removed = 0
    for folder in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # somebody else's, or just being removed
            descriptor = os.open(folder / _LOCK, os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
                removed += 1
            finally:
                os.close(descriptor)
    return removed


@contextmanager
def _failing(place: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, pl.exceptions.ComputeError) as error:
        raise LandingFailed(f"landing files in {place}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """What the system says; of polars, which reads damaged bytes, no text is copied (law 9)."""
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else type(error).__name__
