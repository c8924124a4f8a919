"""Law 9, by search: whatever is planted, nothing of it comes out."""

import io
import json
import logging
import subprocess
import sys
from urllib.parse import quote

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cdc_daemon.errors import DatabaseUnavailable, StatementFailed
from cdc_daemon.model.config import LoggingSpec
from cdc_daemon.model.table import TableId
from cdc_daemon.observability.fields import _ALLOWED
from cdc_daemon.observability.logging import configure_logging
from cdc_daemon.observability.redaction import safe_error
from cdc_daemon.observability.scrubbing import Secrets, scrub
from cdc_daemon.observability.shapes import Vouched

FORMATS = st.sampled_from([("json", False), ("console", False), ("console", True)])
CORES = st.integers(0, 2**64 - 1).map(lambda number: f"Zq{number:016X}kJ7x")
SURROUNDINGS = st.text(st.sampled_from("'\"\\\n\r\t{}[]%s=:,;@/ é\u2028\x1b!ab1"), max_size=6)
NAMES = st.sampled_from(
    ["row", "value", "balance", "name_of_owner", "x", "ACCTNBR", "customer", *sorted(_ALLOWED)]
)


class Hostile:
    """Shows its content in every way Python offers."""

    def __init__(self, content):
        self.content = content

    def __repr__(self):
        return self.content

    __str__ = __repr__

    def __format__(self, spec):
        return self.content

    def __iter__(self):
        return iter([self.content])

    def __json__(self):
        return self.content


class OwnError(StatementFailed):
    """A plug-in's error: derived from ours, worded by somebody else."""


def planted(marker):
    """A value of a row, plain or wrapped."""
    leaf = st.sampled_from(
        [marker, marker.encode(errors="replace"), Hostile(marker), ValueError(marker), marker * 900]
    )
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.lists(inner, min_size=1, max_size=2),
            st.tuples(inner),
            st.dictionaries(st.sampled_from(["a", marker]), inner, min_size=1, max_size=2),
        ),
        max_leaves=4,
    )


def raised(marker, kind):
    """An exception that quotes the marker wherever one can."""
    if kind == "plain":
        error = ValueError(marker, [marker], {marker: marker})
        error.add_note(marker)
    elif kind == "named":
        error = KeyError(marker)
        error.sqlstate = marker
    elif kind == "os":
        error = FileNotFoundError(2, marker, marker)
    elif kind == "plug-in":
        error = OwnError(marker)
    else:
        error = RuntimeError(Hostile(marker))
    return error


def caught(error, origin=None):
    """The error as it is after it was raised from another, or from none."""
    with pytest.raises(Exception) as info:  # noqa: PT011 - whatever it is
        raise error from origin
    return info.value


def chained(marker, kinds):
    """Causes, contexts and groups of such exceptions, under an error of ours that quotes one."""
    error = raised(marker, kinds[0])
    for kind in kinds[1:]:
        following = caught(raised(marker, kind), error if kind == "plain" else None)
        following.__context__ = error
        error = ExceptionGroup(marker, [following, error]) if kind == "os" else following
    driver = caught(RuntimeError(f"duplicate key value {marker} violates the constraint"), error)
    return caught(StatementFailed(f"refused: {driver}", code="23505"), driver)


def lines_of(fmt, secrets, call):
    stream = io.StringIO()
    spec = LoggingSpec(format=fmt[0], level="DEBUG")
    with configure_logging(spec, stream=stream, is_terminal=fmt[1], secrets=secrets):
        call(structlog.get_logger("cdc_daemon.test"))
    output = stream.getvalue()
    assert output
    if fmt[0] == "json":
        for line in output.splitlines():
            assert isinstance(json.loads(line), dict)
    return output


@given(st.data())
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_a_marker_in_a_field_never_comes_out(data):
    """No value that is not allowed by name and shape is logged, however it is wrapped."""
    core, fmt = data.draw(CORES), data.draw(FORMATS)
    marker = f"!{data.draw(SURROUNDINGS)}{core}{data.draw(SURROUNDINGS)}"
    fields = data.draw(st.dictionaries(NAMES, planted(marker), min_size=1, max_size=4))
    event = data.draw(st.sampled_from(["read", marker, f"read {marker}", "read %s"]))

    def call(log):
        with structlog.contextvars.bound_contextvars(**fields):
            log.info("context")
        log.bind(**fields).warning(event, marker, **fields)
        log.info(event, exc_info=marker, stack_info=True, **{marker: marker})

    assert core not in lines_of(fmt, Secrets(), call)


@given(
    core=CORES,
    around=SURROUNDINGS,
    kinds=st.lists(
        st.sampled_from(["plain", "named", "os", "plug-in", "other"]), min_size=1, max_size=4
    ),
    fmt=FORMATS,
)
@settings(max_examples=200, deadline=None)
def test_a_marker_in_an_exception_never_comes_out(core, around, kinds, fmt):
    """Messages, arguments, notes, causes, contexts and groups of foreign errors stay unsaid."""
    marker = f"{around}{core}{around}"
    error = chained(marker, kinds)

    def call(log):
        log.error("failed", exc_info=error, error=error)
        log.error("failed", error=ExceptionGroup(marker, [error, raised(marker, kinds[0])]))
        logging.getLogger("library").error("failed %s", marker, exc_info=error)
        try:
            raise error
        except StatementFailed:
            log.exception("failed")

    output = lines_of(fmt, Secrets(), call)
    assert core not in output
    assert "StatementFailed" in output
    assert core not in repr(safe_error(error))
    assert core not in repr(safe_error(raised(marker, kinds[0])))


@given(core=CORES, around=SURROUNDINGS, fmt=FORMATS)
@settings(max_examples=100, deadline=None)
def test_a_marker_in_a_librarys_record_never_comes_out(core, around, fmt):
    """Of a library's record only the static format is told; nothing that was formatted before."""
    marker = f"{around}{core}{around}"

    def call(_log):
        library = logging.getLogger("library.part")
        library.warning("cannot take %s for %r", marker, [marker])
        library.warning("cannot take %(value)s", {"value": marker})
        library.error(f"cannot take {marker}")
        library.error(Hostile(marker), marker)
        library.error("%d", marker, stack_info=True, extra={"row": marker, "_name": marker})
        library.error({"event": marker}, extra={"_name": marker, "_logger": marker})
        logging.getLogger("cdc_daemon.stdlib").info("ours %s", marker)

    output = lines_of(fmt, Secrets(), call)
    assert core not in output
    assert "cannot take" in output


@given(core=CORES, before=SURROUNDINGS, after=SURROUNDINGS, fmt=FORMATS)
@settings(max_examples=200, deadline=None)
def test_a_secret_never_comes_out(core, before, after, fmt):
    """A registered secret is replaced as it is, in JSON, in repr, in URLs, and line by line."""
    secret = f"{before}{core}{after}"
    secrets = Secrets()
    secrets.add(secret)
    shown = [
        secret,
        json.dumps({"a": secret}),
        json.dumps({"a": secret}, ensure_ascii=False),
        json.dumps(json.dumps([secret])),
        repr(secret),
        repr({"b": [secret]}),
        repr(secret.encode(errors="replace")),
        f"postgresql://u:{quote(secret, safe='', errors='replace')}@host/db",
        f"PWD={secret};x{secret}{secret}",
    ]

    def call(log):
        for text in shown:
            log.info("told", error=Vouched(text), table=TableId(text, "dbo", text), column=text)
            log.error("failed", error=DatabaseUnavailable(text, code=text, remedy=text))
            log.error("failed", exc_info=DatabaseUnavailable(text, code=text, remedy=text))
            logging.getLogger("library").warning(f"{text} %s", 1)  # noqa: G004

    assert core not in lines_of(fmt, secrets, call)
    assert core not in repr(secrets)
    assert core not in scrub("\n".join(shown), secrets)


def test_redaction_is_importable_without_rich():
    """The pure part loads neither rich nor structlog."""
    program = (
        "import sys, cdc_daemon.observability.redaction, cdc_daemon.observability.progress\n"
        "assert not {'rich', 'structlog'} & set(sys.modules), 'loaded'"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
