"""The words of the command line, and what each command takes.

Imports nothing heavy: ``--help`` and a slip of the keyboard are answered at once.
"""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from cdc_daemon import __doc__ as about
from cdc_daemon import __version__
from cdc_daemon.cli.usage import UsageError
from cdc_daemon.model.guard import Guard

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    Commands = _SubParsersAction["Parser"]

PROGRAM = "cdc-daemon"
EXITS = (
    "exit codes: 0 done, 1 a table failed, 2 usage or configuration, 3 environment unreachable, "
    "130 stopped by SIGINT, 143 by SIGTERM"
)
_TABLE = "source.schema.name, or its end where that is unambiguous: schema.name, name"


class Parser(ArgumentParser):
    """A parser whose errors are ours, so that one function maps them to exit codes."""

    def error(self, message: str) -> NoReturn:
        """Raises UsageError."""
        raise UsageError((message,), remedy=f"`{self.prog} --help` says what it takes.")


def parse(arguments: Sequence[str]) -> Namespace:
    """The command's arguments.

    ``runs`` names the function, ``module:function``: a coroutine function of console and
    arguments or, where it is to run ``by_itself``, a function of the arguments.

    Raises:
        UsageError: they are not a command.
        SystemExit: ``--help`` or ``--version`` was answered.
    """
    return _parser().parse_args(arguments)


def _parser() -> Parser:
    parser = Parser(prog=PROGRAM, description=about, epilog=EXITS)
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    _add_config(parser, default=None)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in (
        *(_run, _once, _plan, _validate_config, _status, _operator),
        *(_quarantine, _control, _demo),
    ):
        add(commands)
    return parser


def _command(commands: Commands, name: str, *, runs: str, does: str) -> Parser:
    parser = commands.add_parser(name, help=does, description=f"{does[0].upper()}{does[1:]}.")
    parser.set_defaults(runs=f"cdc_daemon.cli.{runs}", by_itself=False)
    _add_config(parser, default=SUPPRESS)
    return parser


def _actions(commands: Commands, name: str, does: str) -> Commands:
    parser = commands.add_parser(name, help=does, description=f"{does.capitalize()}.")
    _add_config(parser, default=SUPPRESS)
    actions: Commands = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    return actions


def _add_config(parser: Parser, *, default: str | None) -> None:
    parser.add_argument(
        "--config",
        metavar="FILE",
        default=default,
        help="the configuration (else $CDC_CONFIG, else config/cdc-daemon.yaml)",
    )


def _add_tables(parser: Parser, nargs: str, otherwise: str = "") -> None:
    parser.add_argument("tables", metavar="TABLE", nargs=nargs, help=f"{_TABLE}{otherwise}")


def _run(commands: Commands) -> None:
    does = "the daemon: every table on its schedule, until a signal"
    parser = _command(commands, "run", runs="run:run", does=does)
    parser.set_defaults(by_itself=True)


def _once(commands: Commands) -> None:
    does = "one pass over the named or all tables"
    parser = _command(commands, "once", runs="once:once", does=does)
    _add_tables(parser, "*", "; none: all")
    parser.add_argument("--source", metavar="S", help="tables of this source only")
    parser.add_argument("--lane", metavar="L", help="tables of this lane only")
    parser.add_argument(
        "--workers", metavar="N", type=_positive, help="tables at work at once in each lane"
    )
    parser.add_argument(
        "--force", action="store_true", help="though not due or paused; passes no guard"
    )
    parser.add_argument(
        "--accept-guard",
        metavar="NAME",
        dest="accepted",
        action="append",
        default=[],
        type=_guard,
        help=f"let this batch pass a guard: {', '.join(guard.value for guard in Guard)}",
    )


def _plan(commands: Commands) -> None:
    does = "what a pass would do: counts, sample keys, guards, DDL; writes nothing"
    parser = _command(commands, "plan", runs="plan:plan_tables", does=does)
    _add_tables(parser, "*", "; none: all")
    parser.add_argument(
        "--show-keys", action="store_true", help="sample keys by their values, not by digests"
    )


def _validate_config(commands: Commands) -> None:
    does = "every issue of the configuration at once"
    parser = _command(
        commands, "validate-config", runs="validate_config:validate_config", does=does
    )
    parser.add_argument("--connect", action="store_true", help="ask every database for its version")


def _status(commands: Commands) -> None:
    does = "what is known of each table: last batch, lag, rows, due, held, paused"
    parser = _command(commands, "status", runs="status:status", does=does)
    _add_tables(parser, "?", "; none: all")
    parser.add_argument("--json", action="store_true", help="as one JSON document")


def _operator(commands: Commands) -> None:
    for name, does in (
        ("pause", "let no new batch of a table begin"),
        ("resume", "let a paused table run again"),
        ("release", "let a held table run again; what held it passes one batch"),
        ("trigger", "ask a running daemon for a batch at once"),
    ):
        parser = _command(commands, name, runs=f"operator:{name}", does=does)
        _add_tables(parser, "+")
        if name == "release":
            parser.add_argument(
                "--rewrite",
                action="store_true",
                help="held for changed rules: rewrite open versions instead of beginning new ones",
            )


def _quarantine(commands: Commands) -> None:
    actions = _actions(commands, "quarantine", "rows that could not be carried")
    does = "what is open, by table, column and reason"
    parser = _command(actions, "list", runs="quarantine:list_causes", does=does)
    _add_tables(parser, "*", "; none: all")
    parser.add_argument("--json", action="store_true", help="as one JSON document")

    does = "the entries of a table, newest first; keys by digest"
    parser = _command(actions, "show", runs="quarantine:show_entries", does=does)
    parser.add_argument("table", metavar="TABLE", help=_TABLE)
    parser.add_argument("--all", action="store_true", help="resolved ones, too")
    parser.add_argument(
        "--limit", metavar="N", type=_positive, default=100, help="entries at most; default 100"
    )
    parser.add_argument("--json", action="store_true", help="as one JSON document")

    does = "read rows in quarantine again, and carry what can be carried now"
    parser = _command(actions, "replay", runs="replay:replay", does=does)
    _add_tables(parser, "*", "; none: all that have some")

    does = "delete what is resolved; rows of the target are left as they are"
    parser = _command(actions, "purge", runs="quarantine:purge", does=does)
    _add_tables(parser, "*", "; none: all")
    parser.add_argument(
        "--open",
        action="store_true",
        help="what is open, too: it comes back with the next batch that finds it",
    )


def _control(commands: Commands) -> None:
    actions = _actions(commands, "control", "the daemon's own tables in the target")
    _command(actions, "plan", runs="control:control_plan", does="the migrations that are pending")
    _command(actions, "apply", runs="control:control_apply", does="apply them, all or none")


def _demo(commands: Commands) -> None:
    does = "embedded PostgreSQL, a source that changes, three batches, and what history says"
    parser = _command(commands, "demo", runs="demo:run", does=does)
    parser.set_defaults(by_itself=True)
    parser.add_argument("--keep", action="store_true", help="leave its server running until Ctrl-C")


def _positive(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else 0
    if not number:
        raise ArgumentTypeError("expected a whole number of at least 1")
    return number


def _guard(text: str) -> Guard:
    try:
        return Guard(text)
    except ValueError:
        names = ", ".join(guard.value for guard in Guard)
        raise ArgumentTypeError(f"there is no guard {text!r}; guards: {names}") from None
