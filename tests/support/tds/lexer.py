"""T-SQL into tokens: the ground on which scripts are split and clauses are found."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.support.tds.errors import SqlError

_PATTERN = re.compile(
    r"""(?P<space>\s+|--[^\n]*|/\*.*?\*/)
    |(?P<string>N?'(?:[^']|'')*')
    |(?P<bracket>\[(?:[^\]]|\]\])*\])
    |(?P<quoted>"(?:[^"]|"")*")
    |(?P<binary>0x[0-9A-Fa-f]*)
    |(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
    |(?P<variable>@{1,2}[\w$#@]+)
    |(?P<word>[\w#$][\w$#@]*)
    |(?P<sign><>|<=|>=|!=|!<|!>|\+=|-=|\*=|/=|%=|&=|\|=|\^=|::|.)""",
    re.VERBOSE | re.DOTALL,
)
NAMES = frozenset({"word", "bracket", "quoted"})


@dataclass(frozen=True, slots=True)
class Token:
    """One token; ``upper`` is its text in capitals for a word or sign, else empty."""

    kind: str
    text: str
    upper: str
    at: int = 0

    @property
    def name(self) -> str:
        """The identifier it spells."""
        if self.kind == "bracket":
            return self.text[1:-1].replace("]]", "]")
        if self.kind == "quoted":
            return self.text[1:-1].replace('""', '"')
        return self.text

    @property
    def value(self) -> str:
        """The string it spells."""
        return self.text[self.text.index("'") + 1 : -1].replace("''", "'")


def tokens(sql: str) -> list[Token]:
    """The tokens of a script, without white space and comments.

    Raises:
        SqlError: a string or comment does not end.
    """
    found: list[Token] = []
    for match in _PATTERN.finditer(sql):
        kind = match.lastgroup or ""
        if kind == "space":
            continue
        text = match.group()
        if kind == "sign" and text in {"'", "[", '"'}:
            raise SqlError(105, "Unclosed quotation mark.")
        if kind == "sign" and text == "/" and sql.startswith("/*", match.start()):
            raise SqlError(113, "Missing end comment mark '*/'.")
        upper = text.upper() if kind in {"word", "sign"} else ""
        found.append(Token(kind, text, upper, match.start()))
    return found


def spell(parts: Iterable[Token]) -> str:
    """Tokens as text again."""
    return " ".join(token.text for token in parts)


def source(script: str, parts: Sequence[Token]) -> str:
    """The piece of the script that these tokens were read from."""
    return script[parts[0].at : parts[-1].at + len(parts[-1].text)]


def close(parts: Sequence[Token], at: int) -> int:
    """The position behind the bracket that closes the one at ``at``.

    Raises:
        SqlError: it is not closed.
    """
    depth = 0
    for position in range(at, len(parts)):
        depth += {"(": 1, ")": -1}.get(parts[position].upper, 0)
        if depth == 0:
            return position + 1
    raise SqlError(102, "Incorrect syntax: a parenthesis is not closed.")


def split_commas(parts: Sequence[Token]) -> list[list[Token]]:
    """The pieces between commas that stand outside parentheses."""
    pieces: list[list[Token]] = [[]]
    depth = 0
    for token in parts:
        depth += {"(": 1, ")": -1}.get(token.upper, 0)
        if token.upper == "," and depth == 0:
            pieces.append([])
        else:
            pieces[-1].append(token)
    return [piece for piece in pieces if piece]


class Cursor:
    """A place in a list of tokens, for readers of one clause after another."""

    def __init__(self, parts: Sequence[Token]) -> None:
        self.parts = parts
        self.at = 0

    @property
    def end(self) -> bool:
        """Whether all is read."""
        return self.at >= len(self.parts)

    def peek(self, ahead: int = 0) -> Token:
        """A token to come; an empty one behind the end."""
        place = self.at + ahead
        return self.parts[place] if place < len(self.parts) else Token("end", "", "")

    def take(self) -> Token:
        """The next token.

        Raises:
            SqlError: there is none.
        """
        if self.end:
            raise SqlError(102, "Incorrect syntax: the statement ends too soon.")
        self.at += 1
        return self.parts[self.at - 1]

    def accept(self, *words: str) -> bool:
        """Takes these words if they come next, all of them."""
        if all(self.peek(place).upper == word for place, word in enumerate(words)):
            self.at += len(words)
            return True
        return False

    def expect(self, *words: str) -> None:
        """Takes these words.

        Raises:
            SqlError: something else comes.
        """
        for word in words:
            if not self.accept(word):
                raise SqlError(102, f"Incorrect syntax near '{self.peek().text}': {word} expected.")

    def group(self) -> list[Token]:
        """The tokens within the parentheses that come next."""
        self.expect("(")
        stop = close(self.parts, self.at - 1)
        inner = list(self.parts[self.at : stop - 1])
        self.at = stop
        return inner

    def dotted(self) -> list[str]:
        """A name of one to four parts, ``[a].b``; empty parts stay empty."""
        names = [self._identifier()]
        while self.accept("."):
            names.append("" if self.peek().upper == "." else self._identifier())
        return names

    def _identifier(self) -> str:
        token = self.take()
        if token.kind not in NAMES:
            raise SqlError(102, f"Incorrect syntax near '{token.text}': a name expected.")
        return token.name

    def rest(self) -> list[Token]:
        """All that is left."""
        left = list(self.parts[self.at :])
        self.at = len(self.parts)
        return left
