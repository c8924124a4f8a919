"""The server's process: ``python -m tests.support.tds.serve``, driven by lines of JSON.

The first line of stdin is the configuration, each later one a command; answers, and statements
that wait for a hook, go to stdout. It ends with its stdin: with the process that started it.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from typing import Any

from tests.support.tds.errors import Disconnected
from tests.support.tds.listener import Listener


class Driven:
    """A listener whose hook asks the process that started it."""

    def __init__(self, configuration: dict[str, Any]) -> None:
        self._hooked: list[bool] = configuration.pop("hooked")
        self._lock = threading.Lock()
        self._waiting: dict[int, tuple[threading.Event, list[bool]]] = {}
        self._asked = 0
        self._cutting = False
        states = tuple(configuration.pop("states"))
        self.listener = Listener(
            **configuration, states=states, hook=self._hook, refused=self._refused
        )

    def run(self) -> None:
        """Until stdin ends or ``stop`` comes."""
        self.listener.start()
        self._say({"port": self.listener.port})
        commands: dict[str, Callable[[], object]] = {
            "cut": self.listener.cut,
            "refuse": self.listener.refuse,
            "admit": self.listener.admit,
            "pause": self.listener.pause,
            "resume": self.listener.resume,
            "connections": lambda: self.listener.connections,
            "stop": self.listener.stop,
        }
        for line in sys.stdin:
            message = json.loads(line)
            match message["command"]:
                case "go":
                    self._release(message["number"], on=message["on"])
                case "hook":
                    self._hooked = message["hooked"]
                    self._say({"answer": None})
                case "cut_connection":
                    self.listener.cut_connection(message["number"])
                    self._say({"answer": None})
                case name:
                    if name in {"stop", "cut"}:
                        self._release_all()
                    self._say({"answer": commands[name]()})
                    self._cutting = False
                    if name == "stop":
                        return

    def _hook(self, connection: int, statement: str, executed: bool) -> None:  # noqa: FBT001 - a hook
        if not self._hooked[executed]:
            return
        event = threading.Event()
        verdict: list[bool] = []
        with self._lock:
            if self._cutting:  # nobody would be there to answer
                raise Disconnected
            self._asked += 1
            number = self._asked
            self._waiting[number] = (event, verdict)
        asked = {"connection": connection, "number": number, "executed": executed}
        self._say({"statement": statement, **asked})
        event.wait()
        if not verdict[0]:
            raise Disconnected

    def _refused(self, text: str) -> None:
        self._say({"refused": text})

    def _release(self, number: int, *, on: bool) -> None:
        with self._lock:
            event, verdict = self._waiting.pop(number, (threading.Event(), []))
        verdict.append(on)
        event.set()

    def _release_all(self) -> None:
        with self._lock:
            self._cutting = True
            numbers = list(self._waiting)
        for number in numbers:
            self._release(number, on=False)

    def _say(self, message: dict[str, object]) -> None:
        with self._lock:
            sys.stdout.write(json.dumps(message) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    Driven(json.loads(sys.stdin.readline())).run()
