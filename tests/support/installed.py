"""Packages with plug-ins, as installers leave them on the path."""

from __future__ import annotations

from pathlib import Path


def install(folder: Path, points: dict[str, str], modules: dict[str, str] | None = None) -> None:
    """Entry points of ``cdc_daemon.transformers``, and modules by name, as package ``made-up 1.0``."""
    info = folder / "made_up-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: made-up\nVersion: 1.0\n")
    lines = "".join(f"{name} = {place}\n" for name, place in points.items())
    (info / "entry_points.txt").write_text(f"[cdc_daemon.transformers]\n{lines}")
    for name, text in (modules or {}).items():
        (folder / f"{name}.py").write_text(text)
