"""The way from programs to the emulated AWS, on which a test can kill or hold the program that is making a call.

A program is known by its access key, which is part of every signed call. It waits for its answer while it is killed, so
that the moment is exact: what came before is done, and nothing of it happens after.
"""

from __future__ import annotations

import http.client
import re
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

_SCHEDULES = {"POST": "CreateSchedule", "PUT": "UpdateSchedule", "DELETE": "DeleteSchedule", "GET": "GetSchedule"}


@dataclass(frozen=True)
class Moment:
    """Before a call reaches AWS, or after AWS did what it asks for and before the program hears of it."""

    when: str
    call: str


class Gate:
    """Where a program waits in a call until it is let go. Its tries to repeat the call wait as well."""

    def __init__(self) -> None:
        self.reached, self.go = threading.Event(), threading.Event()

    def __call__(self) -> bool:
        self.reached.set()
        assert self.go.wait(60)
        return False


@dataclass
class Passage:
    """`endpoint` is for the programs. `on_call` is told each call that reaches AWS, with its parameters."""

    endpoint: str
    on_call: Callable[[str, dict[str, list[str]]], None] = lambda _call, _parameters: None
    _actions: dict[tuple[str, Moment], Callable[[], bool]] = field(default_factory=dict)

    def kill(self, key: str, moment: Moment) -> Callable[[subprocess.Popen[str]], None]:
        """The program with this access key dies there. What is returned wants to know the program."""
        program: Future[subprocess.Popen[str]] = Future()

        def end() -> bool:
            process = program.result(60)
            process.kill()
            process.wait(60)  # Unanswered until then: it cannot try once more.
            return True

        self._actions[key, moment] = end
        return program.set_result

    def hold(self, key: str, moment: Moment) -> Gate:
        """The program with this access key waits there."""
        self._actions[key, moment] = gate = Gate()
        return gate

    def ends(self, key: str, moment: Moment) -> bool:
        """Whether the program that came to this moment is no more."""
        return self._actions.get((key, moment), lambda: False)()


@contextmanager
def passage(endpoint: str) -> Iterator[Passage]:
    """A way to the AWS at `endpoint`."""
    target = urlsplit(endpoint)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_call(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            found = re.search(r"Credential=([^/]+)/", self.headers.get("Authorization", ""))
            key, parameters = found[1] if found else "", parse_qs(body.decode(errors="replace"))
            call = parameters["Action"][0] if "Action" in parameters else _SCHEDULES[self.command]
            self.close_connection = True
            if ours.ends(key, Moment("before", call)):
                return
            ours.on_call(call, parameters)
            connection = http.client.HTTPConnection(target.hostname, target.port, timeout=60)
            try:
                connection.request(self.command, self.path, body, dict(self.headers))
                answer = connection.getresponse()
                content = answer.read()
            finally:
                connection.close()
            if ours.ends(key, Moment("after", call)):
                return
            self.send_response(answer.status)
            for name in ("Content-Type", "x-amzn-RequestId", "x-amzn-ErrorType"):
                if answer.headers.get(name):
                    self.send_header(name, answer.headers[name])
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_DELETE = handle_call  # noqa: N815 - the base class's names

        def log_message(self, *_arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128

    server = Server(("127.0.0.1", 0), Handler)
    ours = Passage(f"http://127.0.0.1:{server.server_address[1]}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield ours
    finally:
        server.shutdown()
        server.server_close()
