"""The words of a column's name, so that a pattern for ``tel`` does not hit ``hotel``."""

from __future__ import annotations

import re

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_NUMBER = re.compile(r"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])")
_BETWEEN = re.compile(r"[\W_]+")

EMAIL = "_e_?mails?_|_e_?mail_?(?:addr|address|adr)_"
PHONE = (
    "_(?:tele|mobile|cell|home|work)?_?phones?_?(?:no|nr|num|number)?_"
    "|_mobiles?_?(?:no|nr|num|number)?_|_tel_?(?:no|nr|num|number)?_|_cell_?(?:no|nr|num|number)_"
)
SSN = "_ssn_|_social_?security_|_social_?insurance_"
CARD = (
    "_(?:credit|debit|payment)_?cards?_|_card_?(?:no|nr|num|number)_|_cc_?(?:no|nr|num|number)_"
    "|_credit_?card_?(?:no|nr|num|number)_"
)
IP = "_ip_|_ip_?addr(?:ess)?_|_ipv_[46]_|_(?:client|remote|source|host|user)ip_"
IBAN = "_iban_"


def words(name: str) -> str:
    """``name`` in lower case, its words between underscores: ``userEMail2`` → ``_user_e_mail_2_``.

    >>> words("ShippingZIP"), words("HOTEL")
    ('_shipping_zip_', '_hotel_')
    """
    parted = _NUMBER.sub("_", _HUMP.sub("_", name))
    return f"_{_BETWEEN.sub('_', parted).strip('_').lower()}_"


def has_words(name: str, pattern: str) -> bool:
    """Whether ``pattern``, written for ``words``, occurs in ``name``."""
    return re.search(pattern, words(name)) is not None
