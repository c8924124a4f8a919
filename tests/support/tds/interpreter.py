"""Runs scripts: each statement by its kind, in the order they stand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.support.tds import ddl, dml, procedures, queries, variables
from tests.support.tds.answer import Answer
from tests.support.tds.errors import Refused, SqlError
from tests.support.tds.lexer import Cursor, Token, source, spell, split_commas, tokens
from tests.support.tds.options import set_option
from tests.support.tds.procedures import Argument
from tests.support.tds.script import If, Node, parse
from tests.support.tds.session import Session
from tests.support.tds.template import Value, quoted
from tests.support.tds.types import SqlType

QUERIES = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"})
DEFINITIONS = frozenset({"CREATE", "ALTER", "DROP", "TRUNCATE"})


KEPT = 5_000
"""Translations kept before all are forgotten."""


@dataclass(slots=True)
class Translations:
    """Statements translated before, by their text; shared by the connections of a server."""

    database: str
    _known: dict[str, dml.Statement] = field(default_factory=dict)
    _scripts: dict[str, tuple[Node, ...]] = field(default_factory=dict)

    def script(self, text: str) -> tuple[Node, ...]:
        """The statements of a script."""
        found = self._scripts.get(text)
        if found is None:
            if len(self._scripts) > KEPT:
                self._scripts.clear()
            found = self._scripts[text] = parse(tokens(text))
        return found

    def of(self, text: str, parts: Sequence[Token]) -> dml.Statement:
        """The statement for PostgreSQL."""
        found = self._known.get(text)
        if found is None:
            if len(self._known) > KEPT:
                self._known.clear()
            found = self._known[text] = dml.translate(parts, self.database)
        return found


@dataclass(slots=True)
class Interpreter:
    """Runs the statements of one message; ``scope`` holds its variables."""

    session: Session
    answer: Answer
    translations: Translations
    hook: Callable[[str], None]
    """Called before each statement."""
    executed: Callable[[str], None]
    """Called after each that succeeded, before its answer is sent."""
    scope: dict[str, Value] = field(default_factory=dict)
    types: dict[str, SqlType] = field(default_factory=dict)
    bulk: str | None = None

    def run(self, text: str) -> None:
        """A whole script.

        Raises:
            SqlError: a statement failed; those after it are not run.
        """
        self._nodes(text, self.translations.script(text))

    def _nodes(self, text: str, nodes: Sequence[Node]) -> None:
        for node in nodes:
            if isinstance(node, If):
                chosen = node.then if self._holds(node.condition) else node.otherwise
                self._nodes(text, chosen)
            else:
                piece = source(text, node.parts)
                self.hook(piece)
                self._statement(piece, node.parts)
                self.executed(piece)

    def _holds(self, condition: Sequence[Token]) -> bool:
        asked = [*tokens("SELECT CASE WHEN"), *condition, *tokens("THEN 1 ELSE 0 END")]
        statement = self.translations.of(spell(asked), asked)
        return self.session.backend.value(statement.template.fill(self.lookup)) == "1"

    def lookup(self, name: str) -> Value:
        """A variable's value."""
        if name.startswith("@@"):
            return self.session.variable(name)
        if name not in self.scope:
            raise SqlError(137, f'Must declare the scalar variable "{name}".')
        return self.scope[name]

    def _statement(self, text: str, parts: Sequence[Token]) -> None:
        word = parts[0].upper
        if word == "SELECT" and variables.assigns(parts):
            variables.select(self, parts)
        elif word == "INSERT" and len(parts) > 1 and parts[1].upper == "BULK":
            self.bulk = text
            self.answer.done(None)
        elif word in QUERIES:
            queries.run(self, text, parts)
        elif word in DEFINITIONS:
            self._define(parts)
        elif word in {"EXEC", "EXECUTE"}:
            self._execute(parts)
        elif word == "SET" and len(parts) > 1 and parts[1].kind == "variable":
            variables.assign(self, parts[1:])
        elif word == "SET":
            set_option(self.session, parts[1:])
            self.answer.done(None)
        elif word == "DECLARE":
            variables.declare(self, parts[1:])
        elif word == "WAITFOR":
            self._wait(parts)
        else:
            self._control(word, parts)

    def _define(self, parts: Sequence[Token]) -> None:
        queries.begin_implicitly(self.session, self.answer)
        backend = self.session.backend
        statements = ddl.define(parts, self.translations.database)
        alone = self.session.transactions == 0
        mark, keep, undo = (
            ("BEGIN", "COMMIT", "ROLLBACK")
            if alone
            else (
                "SAVEPOINT tds_statement",
                "RELEASE tds_statement",
                "ROLLBACK TO tds_statement",
            )
        )
        backend.run(mark)
        try:
            for statement in statements:
                backend.run(statement)
            backend.run(keep)
        except SqlError:
            backend.run(undo)
            raise
        self.answer.done(None)

    # -- the rest

    def _execute(self, parts: Sequence[Token]) -> None:
        cursor = Cursor(parts)
        cursor.take()
        if cursor.peek().upper == "(":
            text = "".join(self._constant(token) for token in cursor.group() if token.text != "+")
            self.run(text)
            return
        result = ""
        if cursor.peek().kind == "variable":
            result = cursor.take().text.lower()
            cursor.expect("=")
        name = cursor.dotted()[-1].lower()
        pieces = split_commas(cursor.rest())
        arguments = [self._argument(piece) for piece in pieces]
        status = procedures.call(self, name, arguments)
        if result:
            self.scope[result] = Value("int", status)
        self.answer.done(None)

    def _argument(self, piece: Sequence[Token]) -> Argument:
        name, output = "", ""
        if len(piece) > 2 and piece[1].text == "=":
            name, piece = piece[0].text.lower(), piece[2:]
        if len(piece) == 2 and piece[1].upper in {"OUTPUT", "OUT"}:
            output, piece = piece[0].text.lower(), piece[:1]
        if len(piece) == 2 and piece[0].text == "-":
            return Argument(name, Value("int", -int(piece[1].text)))
        if len(piece) != 1:
            raise Refused(f"the argument {spell(piece)}")
        token = piece[0]
        if token.kind == "variable":
            return Argument(name, self.lookup(token.text.lower()), output)
        if token.kind == "number":
            return Argument(name, Value("int", int(token.text)))
        return Argument(name, Value("nvarchar", self._constant(token)))

    def _constant(self, token: Token) -> str:
        if token.kind == "string":
            return token.value
        if token.kind == "variable":
            return str(self.lookup(token.text.lower()).content)
        if token.kind in {"word", "bracket"}:
            return token.name
        raise Refused(f"EXEC of {token.text}")

    def _kill(self, number: int) -> None:
        if number == self.session.identity.number:
            raise SqlError(6104, "Cannot use KILL to kill your own process.")
        self.session.backend.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE application_name ~ '^tds {number}( |$)' AND datname = current_database()"
        )

    def _wait(self, parts: Sequence[Token]) -> None:
        if len(parts) != 3 or parts[1].upper != "DELAY" or parts[2].kind != "string":
            raise Refused(spell(parts))
        self.session.backend.run(f"SELECT pg_sleep_for({quoted(parts[2].value)})")
        self.answer.done(None)

    def _control(self, word: str, parts: Sequence[Token]) -> None:
        cursor = Cursor(parts[1:])
        whole = cursor.accept("TRANSACTION") or cursor.accept("TRAN") or cursor.accept("WORK")
        name = None if cursor.end else cursor.take().name
        if not cursor.end:
            raise Refused(spell(parts))
        match word:
            case "BEGIN" if whole:
                self.session.begin(self.answer)
            case "COMMIT":
                self.session.commit(self.answer)
            case "ROLLBACK":
                self.session.rollback(self.answer, name)
            case "SAVE" if whole and name:
                self.session.save(name)
            case "USE" if name and name.lower() == self.translations.database.lower():
                pass
            case "KILL" if len(parts) == 2:
                self._kill(int(parts[1].text))
            case "PRINT" if len(parts) == 2:
                self.answer.message(self._constant(parts[1]))
            case _:
                raise Refused(spell(parts)[:80])
        self.answer.done(None)
