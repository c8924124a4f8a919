"""Runs SELECT, INSERT, UPDATE and DELETE, and streams what they give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tests.support.tds.answer import Answer
from tests.support.tds.errors import SqlError
from tests.support.tds.lexer import Token
from tests.support.tds.results import Field
from tests.support.tds.session import Session

if TYPE_CHECKING:
    from tests.support.tds.interpreter import Interpreter


def run(interpreter: Interpreter, text: str, parts: Sequence[Token]) -> None:
    """One statement.

    Raises:
        SqlError: it failed; without XACT_ABORT what it did alone is undone.
    """
    session, answer = interpreter.session, interpreter.answer
    statement = interpreter.translations.of(text, parts)
    sql = statement.template.fill(interpreter.lookup)
    if session.options["FMTONLY"]:
        fields, _ = session.backend.describe(sql)
        answer.shape(fields, _flags(session, fields))
        answer.done(None)
        return
    if not statement.reads or any(token.upper == "FROM" for token in parts):
        begin_implicitly(session, answer)
    session.check_snapshot()
    if session.transactions:
        for table in statement.lock:
            session.backend.run(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
    guarded = session.guarded()
    if guarded:
        session.backend.run("SAVEPOINT tds_statement")
    try:
        count = answer.rows(session.backend.execute(sql), {})
    except SqlError:
        if guarded:
            session.backend.run("ROLLBACK TO tds_statement; RELEASE tds_statement")
        raise
    if guarded:
        session.backend.run("RELEASE tds_statement")
    session.row_count, session.error = count or 0, 0
    answer.done(None if session.options["NOCOUNT"] else count, selected=statement.reads)


def begin_implicitly(session: Session, answer: Answer) -> None:
    """Begins the transaction that IMPLICIT_TRANSACTIONS asks for."""
    if session.options["IMPLICIT_TRANSACTIONS"] and session.transactions == 0:
        session.begin(answer)


def _flags(session: Session, fields: Sequence[Field]) -> Mapping[tuple[int, int], str]:
    """Which columns of tables are not null, and which are identities."""
    tables = {field.table for field in fields} - {0}
    if not tables:
        return {}
    rows = session.backend.rows(
        "SELECT attrelid, attnum, CASE WHEN attnotnull THEN 'n' ELSE '' END || "
        "CASE WHEN attidentity <> '' THEN 'i' ELSE '' END FROM pg_attribute "
        f"WHERE attnum > 0 AND attrelid IN ({', '.join(map(str, tables))})"
    )
    return {(int(table or 0), int(number or 0)): flag or "" for table, number, flag in rows}
