"""Ready-made pipelines for personal data, by the words of columns' names.

They go by words, not by letters: ``account``, ``hotel``, ``shipping_zip`` and ``description``
are for none of them, nor is the name of a company, a product, a file or an account. Columns of a
type that holds no such data (a boolean ``email_verified``, a timestamp) are left alone, too.
"""

from __future__ import annotations

from cdc_daemon.transformation import words
from cdc_daemon.transformation.hashing import SAFE_DIGITS, HashingTransformer
from cdc_daemon.transformation.masking import PIIMaskingTransformer
from cdc_daemon.transformation.pipeline import TransformationPipeline
from cdc_daemon.transformation.rules import Rule

_PLAIN = frozenset(("text", "native", "integer", "decimal"))
_WRITTEN = _PLAIN | {"json"}
_SALTED_DIGITS = 16  # as those that use a salt have them already

_IDENTIFIER = "_(?:customer|user|account)_?id_$"
_PERSON = (
    "first|last|middle|given|family|full|maiden|birth|nick|user|customer|client|contact|person"
    "|patient|employee|member|owner|holder|cardholder|beneficiary|guest|tenant|applicant"
    "|recipient|sender|spouse|mother|father|legal|preferred"
)
_NAME = f"^_name_$|_(?:{_PERSON})_?names?_|_surnames?_|_forenames?_"
_ADDRESS = "_addr(?:ess(?:es)?)?_?(?:line_?)?[0-9]*_(?!id_$)"

_MASKED = (
    ("email", words.EMAIL),
    ("phone", words.PHONE),
    ("ssn", words.SSN),
    ("card", words.CARD),
    ("ip", words.IP),
)
_PSEUDONYMS = f"{words.EMAIL}|{_NAME}|{_ADDRESS}|{words.PHONE}|{words.IP}"


def create_pii_pipeline(
    salt: str | None = None, *, key: bytes | None = None, key_version: str = ""
) -> TransformationPipeline:
    """Masks e-mail addresses, phone, social security and card numbers and IP addresses.

    ``customer_id``, ``user_id`` and ``account_id`` are hashed, a plain ``id`` is not: to 32 hex
    digits under ``key``; with a ``salt`` to the 16 that the first document of this system has.

    Raises:
        ConfigError: neither a key nor a salt, or not a good one.
    """
    hashing = HashingTransformer(
        key=key,
        key_version=key_version,
        salt=salt,
        truncate=SAFE_DIGITS if key is not None else _SALTED_DIGITS,
    )
    masks = [
        Rule(action=PIIMaskingTransformer(kind=kind), words=pattern, types=_PLAIN)
        for kind, pattern in _MASKED
    ]
    return TransformationPipeline([*masks, Rule(action=hashing, words=_IDENTIFIER)])


def create_gdpr_pipeline(
    salt: str | None = None, *, key: bytes | None = None, key_version: str = ""
) -> TransformationPipeline:
    """Hashes e-mail addresses, names of persons, addresses, phone numbers and IP addresses.

    A column is hashed once, whatever its name says.

    Raises:
        ConfigError: neither a key nor a salt, or not a good one.
    """
    hashing = HashingTransformer(key=key, key_version=key_version, salt=salt)
    return TransformationPipeline([Rule(action=hashing, words=_PSEUDONYMS, types=_WRITTEN)])
