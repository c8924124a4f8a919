"""What may be told of an error in events, logs and metrics."""

import importlib.util

import pytest

from cdc_daemon.errors import (
    ConfigError,
    DatabaseUnavailable,
    LostRace,
    NullKey,
    Retry,
    StatementFailed,
    TableLocked,
)
from cdc_daemon.observability.redaction import faults, safe_error


class DriverError(Exception):
    """Words of a driver, with the code where drivers keep it."""

    sqlstate = "23505"


def our_module(tmp_path, text):
    """A module as if it lay in the package."""
    path = tmp_path / "fake.py"
    path.write_text(text, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("cdc_daemon.load.fake", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def caught(call):
    with pytest.raises(Exception) as info:  # noqa: PT011 - whatever it is
        call()
    return info.value


def raise_(error, origin=None):
    raise error from origin


def test_an_error_of_ours_is_told_in_its_own_words():
    """Kind, message, code, remedy and retry are the error's own."""
    told = safe_error(DatabaseUnavailable("core: refused", code="08001", remedy="Start it."))

    assert (told.kind, told.message, told.code) == ("DatabaseUnavailable", "core: refused", "08001")
    assert (told.remedy, told.retry) == ("Start it.", Retry.BACKOFF)
    assert safe_error(NullKey("no key")).remedy == NullKey.remedy
    assert safe_error(ConfigError(["a: 1", "b: 2"])).message == "a: 1\nb: 2"


def test_a_foreign_error_is_told_by_class_code_and_place(tmp_path):
    """Of a foreign error: class, SQLSTATE, and the innermost place in our code it passed."""
    module = our_module(
        tmp_path,
        "class Writer:\n    def write(self, error):\n        value = 'Smith'\n        raise error\n",
    )
    error = caught(lambda: module.Writer().write(DriverError("Key (id)=(Smith) exists")))

    told = safe_error(error)
    assert told.message == "DriverError at cdc_daemon/load/fake.py:4 Writer.write"
    assert (told.code, told.retry) == ("23505", Retry.MANUAL)
    assert faults(error)[0].frames == ("cdc_daemon/load/fake.py:4 Writer.write",)
    assert safe_error(ValueError("Smith")).message == "ValueError outside our code"


@pytest.mark.parametrize("hidden", [True, False])
def test_a_quotation_of_the_drivers_text_is_cut_out(hidden):
    """A message of ours that copies the error it was raised from loses the copy (law 9)."""
    driver = DriverError("duplicate key value\nDETAIL:  Key (id)=(Smith) already exists.")

    def copy(text):
        try:
            raise driver
        except DriverError as error:
            raise_(StatementFailed(f"core.dbo.ACCT: {text}"), None if hidden else error)

    for text in (str(driver), "Key (id)=(Smith) already exists.", f"[{driver.args[0]}]"):
        told = safe_error(caught(lambda text=text: copy(text)))
        assert "Smith" not in told.message
        assert told.message.startswith("core.dbo.ACCT: ")


def test_a_name_shared_with_a_foreign_error_stays():
    """A single word in common, as of a KeyError, is no quotation."""
    error = caught(lambda: raise_(NullKey("table core.dbo.ACCT has no key"), KeyError("ACCT")))

    assert safe_error(error).message == "table core.dbo.ACCT has no key"


def test_a_group_of_one_stands_for_that_one():
    """A task group's wrapping changes nothing of what is told."""
    inner = LostRace("epoch 5 is not 4")

    assert safe_error(ExceptionGroup("x", [ExceptionGroup("y", [inner])])) == safe_error(inner)


def test_a_group_is_as_severe_as_its_worst_member():
    """Retry, remedy and code are those of the member that needs a person most."""
    group = ExceptionGroup(
        "Smith", [TableLocked("busy"), ValueError("Smith"), DatabaseUnavailable("down")]
    )
    told = safe_error(group)

    assert told.retry is Retry.MANUAL
    assert told.kind == "ExceptionGroup"
    assert told.message == (
        "3 errors: TableLocked: busy; ValueError outside our code; DatabaseUnavailable: down"
    )


def test_the_chain_is_told_in_order_with_relations():
    """Members, causes and contexts follow the error they belong to; `from None` hides."""
    first = caught(lambda: raise_(DatabaseUnavailable("down"), OSError("Smith")))
    second = caught(lambda: raise_(KeyError("Smith"), None))
    told = faults(caught(lambda: raise_(ExceptionGroup("Smith", [first, second]), first)))

    assert [(each.relation, each.depth, each.error.kind) for each in told] == [
        ("", 0, "ExceptionGroup"),
        ("member", 1, "DatabaseUnavailable"),
        ("cause", 2, "OSError"),
        ("member", 1, "KeyError"),
    ]


def test_endless_chains_and_deep_groups_end():
    """A chain that bites its tail, a thousand causes, and groups in groups are cut off."""
    one, two = ValueError("a"), ValueError("b")
    one.__cause__, two.__cause__ = two, one
    assert len(faults(one)) == 2

    long = ValueError("x")
    deep = ExceptionGroup("x", [ValueError("x")])
    for _ in range(1_000):
        before, long = long, ValueError("x")
        long.__cause__ = before
        deep = ExceptionGroup("x", [deep])
    assert len(faults(long)) == 16
    assert len(faults(deep)) == 16
    assert safe_error(deep).kind == "ExceptionGroup"
    assert safe_error(caught(lambda: raise_(LostRace("late"), long))).message == "late"
