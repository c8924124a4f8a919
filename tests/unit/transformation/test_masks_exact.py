"""Masked values, exactly."""

from __future__ import annotations

import pytest

from cdc_daemon.errors import ConfigError
from cdc_daemon.schema.types import Boolean, Date, Integer, Json, Text
from cdc_daemon.transformation import PIIMaskingTransformer, Rejected
from cdc_daemon.transformation.masks import MASKS
from tests.factories import make_column

BY_NAME = PIIMaskingTransformer()


@pytest.mark.parametrize(
    ("field", "value", "masked"),
    [
        ("email", "user@example.com", "u***@example.com"),
        ("user_email", "john.doe@company.com", "j*******@company.com"),
        ("Email", "a@test.com", "a@test.com"),
        ("email", "notanemail", "notanemail"),
        ("email", "user@@x", "*******"),
        ("email", "@x", "**"),
        ("email", "x@", "**"),
        ("email", "üser@example.com", "ü***@example.com"),
        ("phone", "(123) 456-7890", "(***) ***-7890"),
        ("mobile", "+1-555-123-4567", "+*-***-***-4567"),
        ("tel", "1234567890", "******7890"),
        ("phone", "123", "123"),
        ("phone", "٠١٢٣٤٥٦٧٨٩", "******٦٧٨٩"),
        ("ssn", "123-45-6789", "***-**-6789"),
        ("social", "123456789", "*****6789"),
        ("ssn", "12345", "*****"),
        ("credit_card", "4532-1234-5678-9010", "****-****-****-9010"),
        ("cc_number", "4532123456789010", "************9010"),
        ("card", "4532123456789", "*********6789"),
        ("card", "123456", "******"),
        ("ip_address", "192.168.1.100", "192.***.*.***"),
        (
            "ip_address",
            "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
            "2001:0db8:85a3:0000:****:****:****:****",
        ),
        ("other", "user@example.com", "user@example.com"),
        ("hotel", "555-123-4567", "555-123-4567"),
        ("account", "4532123456789010", "4532123456789010"),
        ("description", "192.168.1.100", "192.168.1.100"),
        ("email", 12345, 12345),
        ("other", 12345, 12345),
        ("email", None, None),
    ],
)
def test_masks_by_name_are_those_of_the_first_document(field, value, masked):
    """Without a kind the column's name tells it, with the outputs that were promised."""
    assert BY_NAME(value, {"field_name": field}) == masked


@pytest.mark.parametrize(
    ("kind", "value", "masked"),
    [
        ("email", "notanemail", "**********"),
        ("email", "a@test.com", "**********"),
        ("phone", "1234", "****"),
        ("phone", "555-123-4567 ask for Ann", "*" * 24),
        ("phone", 5551234567, "******4567"),
        ("card", "4532 1234 5678 9010", "**** **** **** 9010"),
        ("card", "4532123456789010 Ann", "*" * 20),
        ("ssn", "123-45-6789 Ann", "***-**-6789"),
        ("ip", "2001:db8::8a2e:370:7334", "2001:db8::****:***:****"),
        ("ip", "::1", "::*"),
        ("ip", "10.0.0.1/32", "10.***.*.***"),
        ("ip", "localhost", "*********"),
        ("ipv4", "::1", "***"),
        ("ipv6", "10.0.0.1", "********"),
        ("iban", "DE89 3704 0044 0532 0130 00", "DE** **** **** **** **30 00"),
        ("iban", "DE89", "****"),
        ("name", "John Doe", "J*** D**"),
        ("name", "O'Brien-Smith", "O'B****-S****"),
        ("name", "a/b/c", "a****"),
        ("keep_first", "abcdef", "abcd**"),
        ("keep_last", "abcdef", "**cdef"),
        ("keep_first", "abcd", "****"),
        ("all", "é😀", "**"),
        ("all", "", ""),
    ],
)
def test_a_kind_leaves_nothing_but_what_it_promises(kind, value, masked):
    """Where the kind is known, a value that has not its shape is covered as a whole."""
    assert PIIMaskingTransformer(kind=kind)(value) == masked


def test_a_value_without_the_shape_can_reject_its_row():
    """Who would rather know of strange values than cover them is told; the value is not."""
    strict = PIIMaskingTransformer(kind="email", unmatched="reject")
    assert strict("notanemail") == Rejected("unrecognised")
    assert strict("user@example.com") == "u***@example.com"
    assert strict(None) is None


def test_a_kind_can_be_as_loose_as_a_name():
    """``unmatched: keep`` is the first document's way, asked for."""
    assert PIIMaskingTransformer(kind="email", unmatched="keep")("notanemail") == "notanemail"


@pytest.mark.parametrize(
    ("options", "field", "value", "masked"),
    [
        ({"mask_char": "X"}, "email", "user@example.com", "uXXX@example.com"),
        ({"mask_char": "•"}, "phone", "(123) 456-7890", "(•••) •••-7890"),
        ({"mask_char": "$"}, "phone", "(١٢٣) 456-7890", "($$$) $$$-7890"),
        ({"preserve_format": False}, "phone", "(123) 456-7890", "******7890"),
        ({"preserve_format": False}, "ssn", "123-45-6789", "*****6789"),
        ({"email_preserve_domain": False}, "email", "user@example.com", "u***@***********"),
    ],
)
def test_masks_can_look_different(options, field, value, masked):
    """Star, format and domain are options."""
    assert PIIMaskingTransformer(**options)(value, {"field_name": field}) == masked


@pytest.mark.parametrize(
    "options",
    [
        {"kind": "emial"},
        {"kind": "email", "unmatched": "pass"},
        {"mask_char": "**"},
        {"mask_char": "@"},
        {"mask_char": "7"},
        {"count": 0},
    ],
)
def test_wrong_options_are_refused(options):
    """A mask that cannot be meant is an error before any row is read."""
    with pytest.raises(ConfigError):
        PIIMaskingTransformer(**options)


def test_an_unknown_kind_is_told_with_the_one_that_was_meant():
    """The error helps."""
    with pytest.raises(ConfigError, match="is it 'email'"):
        PIIMaskingTransformer(kind="emial")


@pytest.mark.parametrize("logical", [Boolean(), Date(), Json()])
def test_types_that_are_no_text_are_refused(logical):
    """A mask on a date says that it cannot, and does not pass the date."""
    column = make_column("email", logical)
    for mask in (PIIMaskingTransformer(kind="email"), BY_NAME):
        assert "convert it first" in str(mask.refuses(column))
    assert PIIMaskingTransformer(kind="email")(True) == Rejected("refused_type")


def test_the_type_that_comes_out_is_said():
    """Text keeps its length where the mask does; numbers become text."""
    text = make_column("email", Text(40))
    assert PIIMaskingTransformer(kind="email").output(text) == Text(40)
    assert PIIMaskingTransformer(kind="ssn").output(text) == Text()
    assert PIIMaskingTransformer(kind="phone").output(make_column("n", Integer(64))) == Text()


def test_every_mask_says_what_it_promises():
    """The documentation of kinds is complete."""
    assert all(mask.promise for mask in MASKS.values())
