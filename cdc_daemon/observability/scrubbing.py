"""Takes secrets out of text, wherever and however escaped they occur.

Law 9, last line of defence: secrets reach nothing at all.
"""

from __future__ import annotations

import json
import re
from threading import Lock
from typing import Final
from urllib.parse import quote, quote_plus

HIDDEN: Final = "***"
MAX_TEXT: Final = 8_000
"""Characters of one text in a log line; what is longer is cut, after scrubbing."""
_WHOLE_LINE: Final = 8
"""A line of a multi-line secret counts as a secret of its own from this length."""
_ANYWHERE: Final = 4
"""A shorter secret is replaced only where it stands as a word of its own."""

_NAMES: Final = (
    r"(?:password|passwd|passphrase|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key"
    r"|account[_-]?key|credentials?)"
)
_PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}-----|\Z)", re.DOTALL
)
_TOKEN: Final = re.compile(
    r"\beyJ[\w-]{6,}(?:\.[\w-]*){1,2}|\bhv[sbr]\.[\w-]{8,}|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
)
_AUTHORIZATION: Final = re.compile(r"(?i)\b(bearer|basic)(\s+)(?=\S{8})[\w+/=.~-]+")
_URL: Final = re.compile(r"(?i)([a-z][a-z0-9+.-]{0,20}://)[^\s'\"<>]*@")
_ASSIGNED: Final = re.compile(
    rf"(?i)({_NAMES}\w{{0,32}})(\\?[\"']?\s{{0,8}}=\s{{0,8}}|\\?[\"']?\s{{0,8}}:(?=[^\s:])"
    rf"|\\?[\"']\s{{0,8}}:\s{{0,8}})"
    r"(\{(?:[^}]|\}\})*\}|\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.|'')*'?|\\\".*?\\\"|[^\s,;&]+)"
)
_YAML: Final = re.compile(rf"(?im)({_NAMES}\w{{0,32}}:[ \t]{{1,8}})\S+[ \t]*$")


class Secrets:
    """The secret values resolved so far; grows for the life of the process, shows nothing."""

    __slots__ = ("_lock", "_pattern", "_values")

    def __init__(self) -> None:
        self._lock = Lock()
        self._values: frozenset[str] = frozenset()
        self._pattern: re.Pattern[str] | None = None

    def __repr__(self) -> str:
        return f"<{len(self._values)} secrets>"

    def add(self, value: str) -> None:
        """From now on `value` is replaced wherever it occurs; an empty one is ignored."""
        lines = {line.strip() for line in value.splitlines()}
        long_lines = {line for line in lines if len(line) >= _WHOLE_LINE}
        with self._lock:
            self._values |= {text for text in (value, value.strip(), *long_lines) if text}
            forms = {form for text in self._values for form in _forms(text)}
            longest_first = sorted(forms, key=len, reverse=True)
            found = "|".join(_literal(form) for form in longest_first)
            # A look-ahead finds secrets that overlap each other.
            self._pattern = re.compile(f"(?=({found}))") if found else None

    def hide(self, text: str) -> str:
        """`text` with every secret replaced, overlapping ones as one."""
        if self._pattern is None:
            return text
        parts: list[str] = []
        done = hidden_to = 0
        for match in self._pattern.finditer(text):
            start, end = match.span(1)
            if start >= hidden_to:
                parts += (text[done:start], HIDDEN)
            hidden_to = done = max(hidden_to, end)
        return "".join((*parts, text[done:]))


def scrub(text: str, secrets: Secrets) -> str:
    """`text` without registered secrets and what looks like one, printable, and not too long."""
    text = secrets.hide(text)
    text = _PRIVATE_KEY.sub(HIDDEN, text)
    text = _TOKEN.sub(HIDDEN, text)
    text = _AUTHORIZATION.sub(rf"\1\2{HIDDEN}", text)
    if "@" in text:
        text = _URL.sub(rf"\1{HIDDEN}@", text)
    if "=" in text or ":" in text:
        text = _ASSIGNED.sub(rf"\1\2{HIDDEN}", text)
        text = _YAML.sub(rf"\1{HIDDEN}", text)
    return printable(text[:MAX_TEXT] + "…" if len(text) > MAX_TEXT else text)


def printable(text: str) -> str:
    """`text` with terminal controls and lone surrogates written as escapes."""
    if text.isprintable():
        return text
    return "".join(
        char
        if char.isprintable() or char in "\n\t"
        else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def _forms(secret: str) -> frozenset[str]:
    """The spellings a secret takes in JSON, JSON within JSON, Python's repr and URLs."""
    forms = {secret, quote(secret, safe="", errors="replace"), quote_plus(secret, errors="replace")}
    forms |= {repr(secret)[1:-1], repr(secret.encode(errors="replace"))[2:-1]}
    forms |= {secret.replace("\\", "\\\\").replace("'", "\\'"), secret.replace("'", "''")}
    for ascii_only in (True, False):
        once = json.dumps(secret, ensure_ascii=ascii_only)[1:-1]
        forms |= {once, json.dumps(once, ensure_ascii=ascii_only)[1:-1]}
    return frozenset(form for form in forms if form)


def _literal(secret: str) -> str:
    literal = re.escape(secret)
    return literal if len(secret) >= _ANYWHERE else rf"(?<!\w){literal}(?!\w)"
