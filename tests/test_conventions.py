"""Conventions that a reader of the code may rely on, checked on every file."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TESTS = sorted((ROOT / "tests").rglob("*.py"))
PRODUCT = sorted((ROOT / "cdc_daemon").rglob("*.py"))
PUBLISHED = [
    path
    for pattern in ("cdc_daemon/**/*", "config/**/*", "tests/**/*", "*.md", "*.toml", ".ci/*")
    for path in sorted(ROOT.glob(pattern))
    if path.is_file() and path.suffix in {".py", ".md", ".toml", ".yaml", ".yml", ".sql", ".sh", ""}
]
LIBRARIES = frozenset({"transformation"})
"""Packages that other programs import; their ``__init__`` is the interface."""
LONGEST = 400
LONG = 250
SHARE_OF_LONG = 0.1
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|opt|farm|root|home)/\w")
FAKES = frozenset({"Mock", "MagicMock", "AsyncMock", "create_autospec", "mock", "pytest_mock"})
SKIPS = frozenset({"skip", "skipif", "xfail", "importorskip"})
SKIPS_ALLOWED: dict[str, str] = {}
"""Test files that may skip, each with the reason."""


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def _tests(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith(
            "test"
        ):
            yield node


def _sleeps(tree: ast.Module) -> Iterator[int]:
    """Lines that call a ``sleep`` with anything but a literal 0, which only yields."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else None
            called = node.func.id if isinstance(node.func, ast.Name) else called
            constant = node.args[0] if node.args else None
            if called == "sleep" and isinstance(constant, ast.Constant) and constant.value != 0:
                yield node.lineno


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (part for alias in node.names for part in alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            yield from (node.module or "").split(".")
            yield from (alias.name for alias in node.names)


def _skips(tree: ast.Module) -> Iterator[str]:
    """Uses of ``pytest.skip`` and its like, as calls or marks."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in SKIPS:
            owner = node.value
            inner = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
            if inner in {"pytest", "mark"}:
                yield node.attr


@pytest.mark.parametrize("path", TESTS, ids=_name)
def test_every_test_says_what_it_checks(path: Path) -> None:
    """Each test has a docstring: the law or promise it checks."""
    silent = [node.name for node in _tests(_tree(path)) if not ast.get_docstring(node)]
    assert silent == []


@pytest.mark.parametrize("path", TESTS, ids=_name)
def test_tests_wait_for_states_not_for_time(path: Path) -> None:
    """No test sleeps for a fixed time."""
    assert list(_sleeps(_tree(path))) == []


@pytest.mark.parametrize("path", TESTS, ids=_name)
def test_tests_fake_nothing(path: Path) -> None:
    """No test imports mocks: in-memory adapters and real servers stand in for databases."""
    assert FAKES.isdisjoint(_imported(_tree(path)))


@pytest.mark.parametrize("path", TESTS, ids=_name)
def test_no_test_is_left_out(path: Path) -> None:
    """No test is skipped or expected to fail, but in files listed here with a reason."""
    if _name(path) not in SKIPS_ALLOWED:
        assert list(_skips(_tree(path))) == []


def test_the_checks_find_what_they_look_for() -> None:
    """The walks above see the forms that they forbid."""
    tree = ast.parse(
        "import time, asyncio\nfrom unittest.mock import AsyncMock\n"
        "@pytest.mark.skipif(True)\nasync def test_x():\n"
        "    time.sleep(1)\n    await asyncio.sleep(0.5)\n    await asyncio.sleep(0)\n"
        "    pytest.skip('x')\n"
    )
    assert [node.name for node in _tests(tree)] == ["test_x"]
    assert list(_sleeps(tree)) == [5, 6]
    assert not FAKES.isdisjoint(_imported(tree))
    assert sorted(_skips(tree)) == ["skip", "skipif"]


def test_product_files_are_short() -> None:
    """No product file is longer than 400 lines, and nine of ten stay below 250."""
    lengths = {_name(path): len(path.read_text().splitlines()) for path in PRODUCT}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}
    long = {name: length for name, length in lengths.items() if length >= LONG}
    assert len(long) <= SHARE_OF_LONG * len(lengths), long


@pytest.mark.parametrize("path", PUBLISHED, ids=_name)
def test_files_name_no_machine(path: Path) -> None:
    """No file names a folder of the machine it was written on."""
    assert MACHINE_PATH.findall(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", PRODUCT, ids=_name)
def test_product_modules_say_what_they_are_for(path: Path) -> None:
    """Each module begins with a docstring; an ``__init__`` may be empty, and holds nothing else."""
    tree = _tree(path)
    if path.name != "__init__.py" or path.parent.name in LIBRARIES:
        assert ast.get_docstring(tree)
    elif path.parent.name != "cdc_daemon":
        assert len(tree.body) <= 1
        assert bool(tree.body) is bool(ast.get_docstring(tree))
