"""Setting up logging: formats, levels, files, libraries, warnings, and putting it all back."""

import io
import json
import logging
import re
import warnings
from datetime import UTC, datetime, timedelta

import pytest
import structlog

from cdc_daemon.errors import ConfigError
from cdc_daemon.model.config import LoggingSpec
from cdc_daemon.model.table import TableId
from cdc_daemon.observability.handlers import KEPT_FILES
from cdc_daemon.observability.logging import configure_logging
from cdc_daemon.observability.shapes import Vouched

ACCT = TableId("core", "dbo", "ACCT")


def lines(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def to(stream, *, is_terminal=False, **spec):
    return configure_logging(LoggingSpec(**spec), stream=stream, is_terminal=is_terminal)


def own_log():
    return structlog.get_logger("cdc_daemon.test")


def test_a_json_line_begins_with_its_head_then_the_context():
    """Keys come as timestamp, level, event, logger, run, table, batch, then the fields."""
    stream = io.StringIO()
    with (
        to(stream),
        structlog.contextvars.bound_contextvars(batch_id=7, table=ACCT, run_id="r-1"),
    ):
        own_log().info("promoted", rows=3)

    assert stream.getvalue().count("\n") == 1
    (line,) = lines(stream)
    assert list(line) == [
        *("timestamp", "level", "event", "logger", "run_id", "table", "batch_id", "rows")
    ]
    assert list(line.values())[1:] == [
        *("info", "promoted", "cdc_daemon.test", "r-1", "core.dbo.ACCT", 7, 3)
    ]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", line["timestamp"])
    assert abs(datetime.now(UTC) - datetime.fromisoformat(line["timestamp"])) < timedelta(minutes=5)


@pytest.mark.parametrize(
    ("form", "is_terminal", "is_json", "is_coloured"),
    [
        ("auto", False, True, False),
        ("auto", True, False, True),
        ("console", False, False, False),
        ("console", True, False, True),
        ("json", True, True, False),
    ],
)
def test_format_follows_the_specification_and_the_terminal(form, is_terminal, is_json, is_coloured):
    """`auto` is a console on a terminal and JSON elsewhere; colours are for terminals."""
    stream = io.StringIO()
    with to(stream, format=form, is_terminal=is_terminal):
        own_log().warning("read", rows=3)

    text = stream.getvalue()
    assert text.startswith("{") is is_json
    assert ("\x1b[" in text) is is_coloured
    assert "read" in text


def test_levels_are_ours_from_the_configured_one_and_librarys_from_warning():
    """DEBUG opens our own lines and not those of drivers, whatever level these set."""
    stream = io.StringIO()
    library = logging.getLogger("driver.part")
    library.setLevel(logging.DEBUG)
    try:
        with to(stream, level="debug"):
            own_log().debug("ours")
            library.info("%s", "x")
            library.warning("theirs %s", "x")
        with to(stream, level="ERROR"):
            own_log().warning("not ours")
            library.warning("theirs not %s", "x")
    finally:
        library.setLevel(logging.NOTSET)

    assert [line["event"] for line in lines(stream)] == ["ours", "theirs %s"]


def test_a_line_the_stream_cannot_encode_is_escaped():
    """A console in another encoding shows escapes where it lacks a character."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", write_through=True)
    with to(stream, format="console"):
        own_log().info("told", column="Straße")

    assert rb"column=Stra\xdfe" in raw.getvalue()


def test_a_line_that_cannot_be_written_is_dropped_without_its_content(capsys):
    """A full disk or a closed pipe stops nothing, and nothing of the line is told elsewhere."""

    class Full(io.StringIO):
        def write(self, text):
            raise OSError(28, "No space left on device", text)

    with to(Full()):
        own_log().info("told", column="HIDDEN")
        logging.getLogger("library").error("%s HIDDEN", "x")

    told = capsys.readouterr().err
    assert told.count("a line was lost") + told.count("line was lost (OSError)") == 2
    assert "HIDDEN" not in told


def test_logging_is_set_up_anew_and_put_back():
    """The latest set-up is in force alone; closing an older one late does no harm."""
    root = logging.getLogger()
    before = (list(root.handlers), root.level, warnings.showwarning)
    first, second = io.StringIO(), io.StringIO()
    older = to(first, level="INFO")
    own_log().info("one")
    newer = to(second, level="WARNING")
    log = own_log()
    log.info("two")
    older.close()
    log.warning("three")
    newer.close()
    newer.close()

    assert [line["event"] for line in lines(first)] == ["one"]
    assert [line["event"] for line in lines(second)] == ["three"]
    assert (list(root.handlers), root.level, warnings.showwarning) == before
    assert logging.getLogger("cdc_daemon").level == logging.NOTSET


def test_other_handlers_see_no_row_values_even_after_closing(caplog):
    """Whoever handles our records, during or after, is given the redacted event only."""
    to(io.StringIO()).close()
    with caplog.at_level(logging.INFO):
        own_log().info("told", row="Smith", rows=1)

    assert "Smith" not in caplog.text
    assert "told" in caplog.text


def test_handlers_of_others_are_put_aside_meanwhile():
    """Nobody else prints library records in full while logging is set up."""
    other = io.StringIO()
    handler = logging.StreamHandler(other)
    logging.getLogger().addHandler(handler)
    try:
        with to(io.StringIO()):
            logging.getLogger("library").error("quoted %s", "Smith")
        logging.getLogger("library").error("after")
    finally:
        logging.getLogger().removeHandler(handler)

    assert other.getvalue() == "after\n"


def test_warnings_become_lines_without_their_text():
    """A warning is a line with category and place; its text may quote what it was about."""
    stream = io.StringIO()
    with warnings.catch_warnings(), to(stream):
        warnings.simplefilter("always")
        warnings.warn("Smith looks odd", UserWarning, stacklevel=1)

    (line,) = lines(stream)
    assert line["logger"] == "py.warnings"
    assert line["category"] == "UserWarning"
    assert re.fullmatch(r"observability/test_log_setup.py:\d+", line["location"])
    assert "Smith" not in stream.getvalue()


def test_a_file_gets_every_line_and_is_rotated(tmp_path):
    """The file is JSON, whole lines, renamed at its limit; none of its lines is lost."""
    file = tmp_path / "cdc.log"
    stream = io.StringIO()
    with to(stream, is_terminal=True, file=str(file), rotation_mb=1):
        for number in range(300):
            own_log().info("told", rows=number, summary=Vouched("x" * 7_900))

    sizes = {each.name: each.stat().st_size for each in tmp_path.iterdir()}
    assert sorted(sizes) == ["cdc.log", "cdc.log.1", "cdc.log.2"]
    assert all(1 <= size / 2**20 < 1.02 for name, size in sizes.items() if name != "cdc.log")
    text = "".join((tmp_path / name).read_text("utf-8") for name in sorted(sizes, reverse=True))
    assert [json.loads(line)["rows"] for line in text.splitlines()] == list(range(300))
    assert not stream.getvalue().startswith("{")


def test_the_oldest_of_many_files_is_removed(tmp_path):
    """Beside the current file five are kept, the latest ones."""
    with to(io.StringIO(), file=str(tmp_path / "cdc.log")):
        (handler,) = (h for h in logging.getLogger().handlers if hasattr(h, "maxBytes"))
        handler.maxBytes = 1
        for number in range(KEPT_FILES + 4):
            own_log().info("told", rows=number)

    texts = {each.name: each.read_text("utf-8") for each in tmp_path.iterdir()}
    assert len(texts) == 1 + KEPT_FILES
    assert json.loads(texts["cdc.log"])["rows"] == KEPT_FILES + 3
    assert json.loads(texts[f"cdc.log.{KEPT_FILES}"])["rows"] == 3


def test_files_are_closed_and_opened_anew_on_reload(tmp_path):
    """Closing, or setting up anew, leaves no file open: a leak would be an error here."""
    for number in range(3):
        last = to(io.StringIO(), file=str(tmp_path / f"{number % 2}.log"))
        own_log().info("told", rows=number)
        handlers = [h for h in logging.getLogger().handlers if hasattr(h, "baseFilename")]
        assert len(handlers) == 1
    last.close()

    assert handlers[0].stream is None
    assert (tmp_path / "0.log").read_text(encoding="utf-8").count("\n") == 2


def test_what_cannot_be_set_up_changes_nothing(tmp_path):
    """Every issue is named, and logging goes on as it was."""
    stream = io.StringIO()
    (tmp_path / "plain").touch()
    with to(stream):
        with pytest.raises(ConfigError) as caught:
            to(io.StringIO(), level="LOUD", format="xml", rotation_mb=0)
        assert [issue.partition(":")[0] for issue in caught.value.issues] == [
            *("logging.level", "logging.format", "logging.rotation_mb")
        ]
        with pytest.raises(ConfigError, match=r"logging\.file: .*NotADirectoryError"):
            to(io.StringIO(), file=str(tmp_path / "plain" / "cdc.log"))
        own_log().info("still here")

    assert [line["event"] for line in lines(stream)] == ["still here"]
