"""Looks for marked values in whatever a program left behind, in every form they may have there."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from pathlib import Path

import polars as pl
import pyarrow as pa

from tests.support.databases import Database

END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"
LZ4_FRAME = b"\x04\x22\x4d\x18"
"""How one begins; the eight bytes before it are its size unpacked."""
TABLES = """SELECT table_schema, table_name FROM information_schema.tables
    WHERE table_schema NOT IN ('pg_catalog', 'information_schema') ORDER BY 1, 2"""
STATISTICS = """SELECT s::text FROM pg_stats s
    WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"""
DEFINITIONS = """SELECT pg_get_indexdef(indexrelid) FROM pg_index
    UNION ALL SELECT definition FROM pg_views UNION ALL SELECT attname FROM pg_attribute"""
_BETWEEN_DIGITS = re.compile(rb"(?<=\d)[ .,/_-](?=\d)")
_WORD_BYTES = 8
_SHORTEST = 9


@dataclass(frozen=True, slots=True)
class _Forms:
    """One value, as it may be written."""

    exact: tuple[bytes, ...]
    folded: tuple[bytes, ...]
    """In lower case, for data in lower case."""
    digits: bytes | None
    """For data without signs between digits."""

    def are_in(self, exact: bytes, folded: bytes, joined: bytes) -> bool:
        return (
            any(form in exact for form in self.exact)
            or any(form in folded for form in self.folded)
            or (self.digits is not None and self.digits in joined)
        )


class Marks:
    """Values that nobody writes by chance. Dates are ISO, numbers have at least nine digits."""

    def __init__(self, values: Iterable[str]) -> None:
        self._forms = {value: _forms(value) for value in values}
        assert all(len(value) >= _SHORTEST for value in self._forms)

    @property
    def all(self) -> frozenset[str]:
        return frozenset(self._forms)

    def found(self, data: bytes | str) -> frozenset[str]:
        """Those that ``data`` holds in any form."""
        exact = data.encode() if isinstance(data, str) else data
        folded, joined = exact.lower(), _BETWEEN_DIGITS.sub(b"", exact)
        return frozenset(v for v, f in self._forms.items() if f.are_in(exact, folded, joined))

    def leaks(self, places: Mapping[str, bytes | str]) -> dict[str, list[str]]:
        """What each place holds; those that hold nothing are left out."""
        found = {place: sorted(self.found(data)) for place, data in places.items()}
        return {place: values for place, values in found.items() if values}


def _forms(value: str) -> _Forms:
    texts = list(_texts(value))
    raw = [text.encode(encoding) for text in texts for encoding in ("utf-8", "utf-16-le")]
    binary = [coded for one in raw for coded in _base64(one)]
    hexadecimal = [one.hex().encode() for one in raw]
    digits = re.sub(r"[ .-]", "", value)
    is_number = digits.isdigit() and not _is_date(value)
    if is_number:
        words = [int(digits).to_bytes(_WORD_BYTES, order) for order in ("big", "little")]
        binary += words
        hexadecimal += [word.hex().encode() for word in words]
        hexadecimal.append(f"{int(digits):x}".encode())
    return _Forms(
        exact=tuple(binary),
        folded=tuple(one.lower() for one in (*raw, *hexadecimal)),
        digits=digits.encode() if is_number else None,
    )


def _texts(value: str) -> Iterator[str]:
    """Of a date in the orders that people have; backwards, of anything."""
    yield value
    yield value[::-1]
    if _is_date(value):
        day = date.fromisoformat(value)
        for order in ("%Y%m%d", "%Y/%m/%d", "%d.%m.%Y", "%m/%d/%Y", "%d%m%Y", "%m%d%Y"):
            yield day.strftime(order)


def _is_date(value: str) -> bool:
    return re.fullmatch(r"\d{4}-\d\d-\d\d", value) is not None


def _base64(raw: bytes) -> Iterator[bytes]:
    """What stays the same of it, wherever in a longer text it stands."""
    for before in range(3):
        coded = base64.b64encode(b"\0" * before + raw)
        first = -(-before * 4 // 3)
        whole = (before + len(raw)) * 4 // 3
        yield coded[first:whole]
        yield base64.urlsafe_b64encode(b"\0" * before + raw)[first:whole]


def of_tables(database: Database) -> dict[str, str]:
    """Every row of every table and view, and what the catalog keeps of them, as text."""
    found = {
        f"{schema}.{name}": _text(database, f'SELECT t::text FROM "{schema}"."{name}" AS t')
        for schema, name in database.fetch(TABLES)
    }
    catalog = {"statistics": STATISTICS, "definitions": DEFINITIONS}
    return found | {place: _text(database, sql) for place, sql in catalog.items()}


def _text(database: Database, sql: str) -> str:
    return "\n".join(str(text) for (text,) in database.fetch(sql))


def of_files(folder: Path) -> dict[str, bytes]:
    """Every file below ``folder`` as it is; landing files unpacked and as they are read, too."""
    found: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            place = str(path.relative_to(folder))
            found[place] = path.read_bytes()
            if path.suffix == ".arrows":
                found[f"{place} unpacked"] = unpacked(found[place])
                found[f"{place} read"] = read(found[place]).encode()
    return found


def read(landing: bytes) -> str:
    """Every value in a landing file, which holds several Arrow IPC streams."""
    values: list[str] = []
    for stream in landing.split(END_OF_STREAM)[:-1]:
        frame = pl.read_ipc_stream(BytesIO(stream + END_OF_STREAM))
        for name in frame.columns:
            values += [_shown(value) for value in frame[name].to_list()]
    return "\n".join(values)


def unpacked(landing: bytes) -> bytes:
    """The memory of its columns, which may hold more than their values: beneath NULLs, or unused."""
    found = []
    for frame in re.finditer(re.escape(LZ4_FRAME), landing):
        size = int.from_bytes(landing[frame.start() - _WORD_BYTES : frame.start()], "little")
        packed = pa.BufferReader(landing[frame.start() :])
        found.append(pa.CompressedInputStream(packed, "lz4").read(size))
    return b"\n".join(found)


def _shown(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
