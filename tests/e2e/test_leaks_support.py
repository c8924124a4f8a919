"""The scan for marked values finds them in every form."""

from __future__ import annotations

from base64 import b64encode
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from cdc_daemon.extract.landing import FILE, Landing
from tests.support.leaks import Marks, read, unpacked


@pytest.mark.parametrize(
    ("mark", "data"),
    [
        ("QxNameMark1", "... qxNAMEmark1 ..."),
        ("QxNameMark1", "1kraMemaNxQ"),
        ("QxNameMark1", "\\x51784e616d654d61726b31"),
        ("QxNameMark1", "aa" + "QxNameMark1".encode("utf-16-le").hex().upper()),
        ("QxNameMark1", "QxNameMark1".encode("utf-16-le")),
        ("918273645", "n=918-27-3645,"),
        ("918273645", "918.273.645"),
        ("918273645", "918273645.00"),
        ("918273645", b"\x01" + (918273645).to_bytes(8, "little")),
        ("918273645", f"{918273645:X}"),
        ("731-95-2846", "731952846"),
        ("1931-08-17", "17.08.1931"),
        ("1931-08-17", "19310817"),
        *(("QxNameMark1", b64encode(b"xyz"[:n] + b"QxNameMark1" + b"!")) for n in range(4)),
        *(("918273645", b64encode(b"xyz"[:n] + b"918273645")) for n in range(4)),
    ],
)
def test_a_value_is_found_in_any_form(mark: str, data: bytes | str) -> None:
    """Any case, grouping, order of a date, as bytes, in hexadecimal, in base64 at any place."""
    assert Marks([mark, "something else"]).found(data) == {mark}


@pytest.mark.asyncio
async def test_every_value_of_a_landing_file_is_looked_at(tmp_path: Path) -> None:
    """Whatever it is compressed with, and in whichever of its pieces."""
    landing = Landing(tmp_path)
    for n in range(3):
        rows = [{"text": f"QxNameMark{n}" * 20, "day": date(1931, 8, 10 + n), "bytes": b"Qx%d" % n}]
        await landing.add(pl.DataFrame(rows))
    written = (tmp_path / FILE).read_bytes()
    names = Marks(f"QxNameMark{n}" for n in range(4))
    for seen in (read(written), unpacked(written)):
        assert names.found(seen) == {f"QxNameMark{n}" for n in range(3)}
    assert Marks(["1931-08-12"]).found(read(written))
    assert b"Qx2".hex() in read(written)
