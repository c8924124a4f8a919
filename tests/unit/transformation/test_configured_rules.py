"""Configured rules: presets for some types, secrets however deep they are written."""

from __future__ import annotations

import pytest

from cdc_daemon.model.secret import SecretKind, SecretRef
from cdc_daemon.model.table import RuleSpec
from cdc_daemon.schema.types import Integer, Text, Timestamp
from cdc_daemon.transformation.configured import _revealed, built
from tests.factories import make_spec, make_table

KEY = "a key of at least sixteen bytes"
PEOPLE = make_table(
    {
        "ID": Integer(64),
        "EMAIL": Text(),
        "PHONE": Integer(64),
        "USER_ID": Integer(64),
        "EMAIL_SENT": Timestamp(),
        "ACCOUNT_ID": Text(),
    }
)


def preset(use: str, *types: str) -> RuleSpec:
    return RuleSpec(
        use=use, origin="a line", types=frozenset(types), options={"key": KEY}, shared=True
    )


@pytest.mark.parametrize(
    ("types", "columns"),
    [
        ((), {"EMAIL", "PHONE", "USER_ID", "ACCOUNT_ID"}),
        (("text",), {"EMAIL", "ACCOUNT_ID"}),
        (("integer",), {"PHONE", "USER_ID"}),
        (("timestamp",), set()),
    ],
)
def test_a_preset_may_be_for_columns_of_some_types(types, columns):
    """Of those it is for, never of others: where the two have no type in common, no column is."""
    rules, issues = built([preset("pii", *types)], lambda _: KEY)
    assert not issues
    assert {hit.column for hit in rules.bind(make_spec(), PEOPLE).hits} == columns


def test_a_preset_for_no_type_of_its_own_is_a_mistake():
    """It would be for no column of any table."""
    _, ((_, issue),) = built([preset("gdpr", "boolean", "timestamp")], lambda _: KEY)
    assert issue == "gdpr: it is for no column of type boolean or timestamp"


def test_secrets_in_lists_are_revealed():
    """A plug-in may take several keys; each is fetched as one that stands alone."""
    ref = SecretRef(SecretKind.ENV, "A_KEY")
    written = {"keys": ({"a": ref}, ref, 1), "one": ref}
    revealed = {"keys": ({"a": KEY}, KEY, 1), "one": KEY}
    assert _revealed(written, {ref: KEY}.__getitem__) == revealed
