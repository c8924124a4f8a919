"""One client from login to its end: reads messages, runs them, answers."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.support.tds import bulk, rpc
from tests.support.tds.answer import Answer
from tests.support.tds.backend import Backend
from tests.support.tds.errors import UNSERVED, Cancelled, Disconnected, SqlError
from tests.support.tds.interpreter import Interpreter, Translations
from tests.support.tds.protocol import (
    SERVER_NAME,
    VERSION,
    Channel,
    DoneStatus,
    Message,
    PacketType,
    TransactionRequestType,
    done,
    error,
    login_response,
    parse_transaction_request,
    skip_all_headers,
)
from tests.support.tds.session import Identity, Session

log = logging.getLogger(__name__)
LOGIN_FAILED, NO_DATABASE = 18456, 4060


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """What all connections of a server share."""

    dsn: str
    user: str
    password: str
    snapshot_allowed: bool
    context: ssl.SSLContext
    types: Mapping[int, str]
    translations: Translations
    hook: Callable[[int, str, bool], None]
    refused: Callable[[str], object]
    """Told what is answered with ``UNSERVED``."""
    admit: Callable[[], None]


class Connection:
    """One client; ``serve`` is its thread's whole work."""

    def __init__(self, client: socket.socket, number: int, site: Site) -> None:
        self.socket = client
        self.number = number
        self._site = site
        self._channel = Channel(client, site.context)
        self._backend: Backend | None = None
        self._handles = rpc.Handles()
        self._bulk: str | None = None

    def serve(self) -> None:
        """Until the client or the server goes; PostgreSQL's session ends with it."""
        try:
            session = self._log_in()
            while session is not None:
                message = self._channel.receive()
                self._site.admit()
                self._answer(session, message)
        except Disconnected:
            pass
        except Exception:
            log.exception("a TDS connection ended by a fault of the test server")
        finally:
            if self._backend is not None:
                self._backend.close()
            self.socket.close()

    def _log_in(self) -> Session | None:
        user, password = self._channel.open()
        login, site = self._channel.login, self._site
        database = site.translations.database
        wanted = (login.database if login else "") or database
        if user.lower() != site.user.lower() or password != site.password:
            return self._refuse(LOGIN_FAILED, f"Login failed for user '{user}'.")
        if wanted.lower() not in {database.lower(), "master"}:
            return self._refuse(NO_DATABASE, f'Cannot open database "{wanted}".')
        application = login.app_name if login else ""
        self._backend = Backend(site.dsn, self._channel, f"tds {self.number} {application}")
        self._channel.write(
            login_response(
                version=(VERSION.major, VERSION.minor, VERSION.build),
                server_name=SERVER_NAME,
                database=database,
                packet_size=self._channel.packet_size,
            )
        )
        self._channel.finish()
        identity = Identity(
            number=self.number,
            user=user,
            application=application,
            host=login.host_name if login else "",
            database=database,
            snapshot_allowed=site.snapshot_allowed,
        )
        return Session(identity, self._backend)

    def _refuse(self, number: int, text: str) -> None:
        self._channel.write(error(number, text, severity=14, server=SERVER_NAME))
        self._channel.write(done(status=DoneStatus.ERROR))
        self._channel.finish()

    def _answer(self, session: Session, message: Message) -> None:
        answer = Answer(self._channel, self._site.types)
        try:
            if message.type is PacketType.ATTENTION:
                answer.acknowledge(interrupted=False)
                return
            if message.reset:
                session.reset(answer)
            self._run(session, answer, message)
        except Cancelled:
            session.failed(answer, 3617)
            answer.acknowledge(interrupted=True)
            return
        except SqlError as problem:
            self._fail(session, answer, problem)
        except Disconnected:
            raise
        except Exception as fault:
            log.exception("a fault of the TDS test server")
            self._fail(
                session, answer, SqlError(UNSERVED, f"The TDS test server failed: {fault!r}")
            )
        answer.finish()

    def _fail(self, session: Session, answer: Answer, problem: SqlError) -> None:
        if problem.number == UNSERVED:
            self._site.refused(str(problem))
        session.failed(answer, problem.number)
        answer.fail(problem)
        if answer.in_procedure:
            answer.procedure(0, failed=True)

    def _run(self, session: Session, answer: Answer, message: Message) -> None:
        payload = message.payload
        interpreter = Interpreter(
            session, answer, self._site.translations, self._hook, self._executed
        )
        match message.type:
            case PacketType.SQL_BATCH:
                text = payload[skip_all_headers(payload) :].decode("utf-16-le", "surrogatepass")
                interpreter.run(text)
                self._bulk = interpreter.bulk
            case PacketType.RPC:
                for call in rpc.calls(payload):
                    rpc.answer_call(interpreter, self._handles, call)
            case PacketType.TRANSACTION_MANAGER:
                self._transaction(session, answer, payload)
            case PacketType.BULK_LOAD if self._bulk is not None:
                asked, self._bulk = self._bulk, None
                self._hook("(bulk rows)")
                bulk.load(session, answer, asked, payload)
            case _:
                raise SqlError(UNSERVED, f"A message {message.type.name} is out of place.")

    def _executed(self, text: str) -> None:
        self._hook(text, executed=True)

    def _hook(self, text: str, *, executed: bool = False) -> None:
        try:
            self._site.hook(self.number, text, executed)
        except Exception as ended:
            raise Disconnected from ended

    def _transaction(self, session: Session, answer: Answer, payload: bytes) -> None:
        """The driver's own BEGIN, COMMIT, ROLLBACK and SAVE."""
        request = parse_transaction_request(payload)
        self._hook(request.kind.name.removesuffix("_XACT") + " TRANSACTION")
        match request.kind:
            case TransactionRequestType.BEGIN_XACT:
                session.begin(answer)
            case TransactionRequestType.COMMIT_XACT:
                session.commit(answer)
            case TransactionRequestType.ROLLBACK_XACT:
                session.rollback(answer, request.name)
            case TransactionRequestType.SAVE_XACT:
                session.save(request.name or "")
            case _:
                raise SqlError(UNSERVED, "Distributed transactions are not served.")
        answer.done(None)
