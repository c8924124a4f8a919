"""The presets hit personal data, and nothing by accident (T29)."""

from __future__ import annotations

import hashlib

import pytest

from cdc_daemon.errors import ConfigError
from cdc_daemon.schema.types import Boolean, Integer, Text, Timestamp
from cdc_daemon.transformation import create_gdpr_pipeline, create_pii_pipeline
from tests.factories import make_table

SALT = "production_salt"
KEY = b"sixteen bytes, at least"

HARMLESS = (
    "id",
    "account",
    "account_name",
    "ACCOUNT_TYPE",
    "hotel",
    "HotelName",
    "shipping",
    "shipping_zip",
    "description",
    "recipe",
    "zip",
    "ship_date",
    "company_name",
    "product_name",
    "file_name",
    "telemetry",
    "automobile",
    "mobility",
    "discount",
    "success",
    "accession",
    "class",
    "address_id",
    "ordinal",
)
MASKED = {
    "email": "user@example.com",
    "user_email": "user@example.com",
    "EMAILADDRESS": "user@example.com",
    "workEmail": "user@example.com",
    "e_mail": "user@example.com",
    "phone": "(123) 456-7890",
    "PHONE": "(123) 456-7890",
    "phone_number": "(123) 456-7890",
    "PhoneNumber2": "(123) 456-7890",
    "mobile": "(123) 456-7890",
    "mobile_phone": "(123) 456-7890",
    "tel": "(123) 456-7890",
    "ssn": "123-45-6789",
    "social_security_number": "123-45-6789",
    "credit_card": "4532-1234-5678-9010",
    "creditCardNumber": "4532-1234-5678-9010",
    "cc_number": "4532-1234-5678-9010",
    "ip_address": "192.168.1.100",
    "clientIP": "192.168.1.100",
}
OUT = {
    "user@example.com": "u***@example.com",
    "(123) 456-7890": "(***) ***-7890",
    "123-45-6789": "***-**-6789",
    "4532-1234-5678-9010": "****-****-****-9010",
    "192.168.1.100": "192.***.*.***",
}


@pytest.mark.parametrize("name", MASKED)
def test_the_pii_preset_masks(name):
    """By the words of the column's name, in any usual spelling."""
    row = create_pii_pipeline(SALT).transform_row({name: MASKED[name]})
    assert row == {name: OUT[MASKED[name]]}


@pytest.mark.parametrize("name", HARMLESS)
def test_the_presets_leave_other_columns_alone(name):
    """No word is found inside of another one."""
    row = {name: "4532-1234-5678-9010"}
    assert create_pii_pipeline(SALT).transform_row(row) == row
    assert create_gdpr_pipeline(SALT).transform_row(row) == row


@pytest.mark.parametrize("name", ["customer_id", "user_id", "account_id", "UserId", "CUSTOMERID"])
def test_the_pii_preset_hashes_identifiers(name):
    """16 hex digits with a salt, as there are already; 32 under a key; a plain id stays."""
    digits = hashlib.sha256(f"{SALT}CUST1".encode()).hexdigest()
    row = {"id": "CUST1", name: "CUST1"}
    assert create_pii_pipeline(SALT).transform_row(row) == {"id": "CUST1", name: digits[:16]}
    assert len(create_pii_pipeline(key=KEY).transform_row(row)[name]) == 32


@pytest.mark.parametrize(
    "name",
    [
        "email",
        "name",
        "full_name",
        "FirstName",
        "SURNAME",
        "home_address",
        "shipping_address",
        "address_line2",
        "phone_number",
        "ip_address",
        "email_address",
    ],
)
def test_the_gdpr_preset_hashes_once(name):
    """The whole hash, of the value, however many words of the name are hit."""
    digits = hashlib.sha256(f"{SALT}Ann".encode()).hexdigest()
    assert create_gdpr_pipeline(SALT).transform_row({name: "Ann"}) == {name: digits}


def test_the_presets_leave_columns_of_other_types_alone():
    """Whether an address was verified, and when, is no address."""
    table = make_table(
        {
            "email_verified": Boolean(),
            "email_at": Timestamp(),
            "email": Text(),
            "phone": Integer(64),
        },
        key=(),
    )
    for pipeline in (create_pii_pipeline(SALT), create_gdpr_pipeline(SALT)):
        found = pipeline.resolve(table)
        assert found.errors == ()
        assert {hit.column for hit in found.hits} == {"email", "phone"}


@pytest.mark.parametrize("create", [create_pii_pipeline, create_gdpr_pipeline])
def test_there_is_no_salt_that_everybody_knows(create):
    """A default would be published with this code: who gives neither key nor salt is refused."""
    with pytest.raises(ConfigError, match="either a `key`"):
        create()
