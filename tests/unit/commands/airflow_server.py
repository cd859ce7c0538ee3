"""A local HTTP server that answers as Airflow's REST API does; what it answers is the test's."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, str]
    body: Any
    authorization: str | None


Answer = tuple[int, Any]
"""Status and content: bytes as they are, anything else as JSON."""


Answers = dict[str, Answer | Callable[[Request], Answer]]


@dataclass
class AirflowServer:
    """The server; `answers` maps "METHOD /path", or "METHOD *" for the rest, to an answer or what makes it."""

    url: str
    answers: Answers
    requests: list[Request] = field(default_factory=list)

    def sent(self, method: str) -> list[Request]:
        return [request for request in self.requests if request.method == method]


@contextmanager
def airflow_server(answers: Answers) -> Iterator[AirflowServer]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            request = Request(
                self.command,
                unquote(parts.path),
                {name: values[0] for name, values in parse_qs(parts.query).items()},
                json.loads(self.rfile.read(length)) if length else None,
                self.headers.get("Authorization"),
            )
            server.requests.append(request)
            found = answers.get(f"{request.method} {request.path}") or answers.get(f"{request.method} *")
            found = found or (404, {"detail": f"nothing at {request.path}"})
            status, content = found(request) if callable(found) else found
            payload = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        do_GET = do_POST = do_PATCH = answer  # noqa: N815

        def log_message(self, *arguments: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server = AirflowServer(f"http://127.0.0.1:{http.server_port}", answers)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
