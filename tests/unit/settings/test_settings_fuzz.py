"""Whatever a file or a variable holds, loading gives a snapshot or a ``ConfigError``."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cdc_daemon.errors import ConfigError
from cdc_daemon.model.config import ConfigSnapshot
from cdc_daemon.settings.load import load
from cdc_daemon.settings.models import Connection, Defaults, Document, Lanes, Table, Target
from cdc_daemon.transformation.registry import KINDS

_SMALL = b"connections: {core: {engine: postgresql, host: h, database: d, user: u}}\ntarget: {connection: core}\n"
_SECTIONS = (Connection, Defaults, Document, Lanes, Table, Target)
_OTHERS = [
    "core",
    "schema",
    "every",
    "env",
    "file",
    "vault",
    "postgresql",
    "oracle",
    "full",
    "15m",
    "<<",
]
_WORDS = st.sampled_from(
    [*sorted({key for section in _SECTIONS for key in section.model_fields}), *_OTHERS]
)
_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.dates(), _WORDS
)
_TREES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(_WORDS | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=25,
)
_CONNECTIONS = st.dictionaries(
    st.sampled_from(["core", "Core", "wh"]),
    st.fixed_dictionaries(
        {
            "engine": st.sampled_from(["postgresql", "oracle"]),
            "host": _WORDS,
            "database": _WORDS,
            "user": _WORDS,
        },
        optional={"password": _TREES, "pool": _TREES, "tls": _TREES, "port": _SCALARS},
    ),
    max_size=3,
)
_TABLES = st.lists(
    st.fixed_dictionaries(
        {
            "source": st.sampled_from(["core", "Core"]),
            "schema": _WORDS,
            "name": _WORDS | st.text(max_size=70),
        },
        optional={
            name: _TREES for name in Table.model_fields if name not in ("source", "schema_", "name")
        },
    )
    | _TREES,
    max_size=4,
)
_OPTIONS = sorted({option.name for kind in KINDS.values() for option in kind.options})
_CONDITIONS = st.recursive(
    st.dictionaries(
        st.sampled_from(["column", "equals", "in", "matches", "is_null", "less"]),
        _SCALARS | st.lists(_SCALARS, max_size=2),
        max_size=3,
    ),
    lambda inner: (
        st.dictionaries(st.sampled_from(["all", "any"]), st.lists(inner, max_size=2), max_size=1)
        | st.fixed_dictionaries({"not": inner})
    ),
    max_leaves=4,
)
_RULES = st.recursive(
    st.dictionaries(st.sampled_from(_OPTIONS), _SCALARS | _CONDITIONS | _TREES, max_size=4),
    lambda inner: st.dictionaries(st.sampled_from(["then", "else", "when"]), inner, max_size=3),
    max_leaves=6,
).flatmap(
    lambda options: st.fixed_dictionaries(
        {"use": st.sampled_from([*KINDS, "pii", "gdpr", "other"]) | _SCALARS},
        optional={
            "column": _SCALARS,
            "pattern": st.sampled_from(["a.*", "(", "a{999999999999}"]) | _SCALARS,
            "types": st.lists(st.sampled_from(["text", "txt"]), max_size=2) | _SCALARS,
            "case_sensitive": _SCALARS,
            "tables": st.lists(st.sampled_from(["*", "core.*", "[", "a"]) | _SCALARS, max_size=2),
        },
    ).map(lambda rule: {**options, **rule})
)
_NEARLY = st.fixed_dictionaries(
    {
        "connections": _CONNECTIONS | _TREES,
        "tables": _TABLES,
        "target": st.just({"connection": "core"}) | _TREES,
    },
    optional=dict.fromkeys(("lanes", "http", "runtime", "logging", "defaults", "other"), _TREES),
)


def _loads_or_refuses(content: bytes, environ: dict[str, str] | None = None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c.yaml"
        path.write_bytes(content)
        with contextlib.suppress(ConfigError):
            assert isinstance(load(path, environ or {}), ConfigSnapshot)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(content):
    """Law 8: a bad configuration stops nothing that runs, so bytes are an issue at worst."""
    _loads_or_refuses(content)


@settings(deadline=None)
@given(st.text(alphabet="ab:-[]{}&*!|>'\"%@`#?,<\n\t 0.~\\", max_size=60))
@example("? [a]\n: b")
@example("a: &a {<<: *a}")
@example("%TAG ! x\n--- !a b")
@example("a: !!float x\nb: !!bool x\nc: 0b\nd: 1:99:9\ne: 2001-99-99\nf: !!null x")
@example("a: " + "9" * 5_000)
@example('a: "\\ud800"')
def test_any_text_of_yaml_signs(text):
    """No combination of YAML's signs brings the reader down."""
    _loads_or_refuses(text.encode())


@settings(deadline=None)
@given(_TREES)
def test_any_structure(tree):
    """No structure brings validation down."""
    _loads_or_refuses(yaml.safe_dump(tree, allow_unicode=True).encode())


@settings(deadline=None)
@given(_NEARLY)
def test_structures_near_a_configuration(tree):
    """No almost valid configuration brings the checks between sections down."""
    _loads_or_refuses(yaml.safe_dump(tree, allow_unicode=True).encode())


@settings(deadline=None)
@given(st.lists(_RULES, max_size=3), st.lists(_RULES, max_size=3))
def test_rules_near_valid_ones(shared, own):
    """No rule of transformation brings loading down, whatever its options hold."""
    document = yaml.safe_load(_SMALL)
    document["transformations"] = {"rules": shared}
    document["tables"] = [{"source": "core", "schema": "s", "name": "t", "transform": own}]
    _loads_or_refuses(yaml.safe_dump(document, allow_unicode=True).encode())


@settings(deadline=None)
@given(
    st.dictionaries(
        st.lists(_WORDS | st.text("ab_", max_size=3), max_size=4).map(
            lambda p: "CDC__" + "__".join(p)
        ),
        st.text(max_size=10)
        | st.sampled_from(["{}", "[]", '{"a": {"password": 1}}', "[1]", "null", "1e999"]),
        max_size=4,
    )
)
def test_any_variables(environ):
    """No variable brings the overrides down."""
    _loads_or_refuses(_SMALL, environ)
