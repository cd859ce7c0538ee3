"""A proxy in front of the embedded warehouse: it records each statement that is sent, and fails when it is told to."""

import asyncio
import contextlib
import gzip
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from include.warehouse.embedded.server import RunningServer, listen

_LOGIN = "/session/v1/login-request"
_QUERY = "/queries/v1/query-request"
_FILES = "/stage/"


class Fault(Enum):
    """What goes wrong with a request."""

    UNAVAILABLE = 503
    TOO_MANY = 429
    FORBIDDEN = 403
    """As S3, Azure and the embedded warehouse answer to a signed URL that has expired."""
    BAD_REQUEST = 400
    """As Google's storage answers to it; the connector does not repeat a PUT after this."""
    CUT_BEFORE = "the connection is cut, and the server never sees the request"
    CUT_AFTER = "the connection is cut when the server has done what it was asked for"
    SLOW_AFTER = "the server has done it, and its answer comes when the client has stopped to wait for it"
    SESSION_EXPIRED = "390112"
    LOGIN_EXPIRED = "390114"
    NOT_PERMITTED = "003001"


_MESSAGES = {
    Fault.SESSION_EXPIRED: "Session token has expired. Please refresh token.",
    Fault.LOGIN_EXPIRED: "Authentication token has expired. The user must authenticate again.",
    Fault.NOT_PERMITTED: "SQL access control error:\nInsufficient privileges to operate on table 'T'",
}


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request as the proxy sees it."""

    method: str
    path: str
    body: bytes = field(repr=False)
    is_compressed: bool = False
    request_id: str = ""
    """The same when a client repeats it."""
    client: str = ""
    """What sent it, as it names itself."""

    @property
    def text(self) -> str:
        """What the request says."""
        return (gzip.decompress(self.body) if self.is_compressed else self.body).decode()

    @cached_property
    def sql(self) -> str | None:
        """The statement, if the request is one."""
        return str(json.loads(self.text)["sqlText"]) if self.path == _QUERY else None

    @property
    def is_download(self) -> bool:
        """Whether it fetches an image by its signed URL; the connector fetches files otherwise."""
        return self.method == "GET" and self.path.startswith(_FILES) and self.client.startswith("python-httpx")

    @property
    def is_transfer(self) -> bool:
        """Whether it is a file of a PUT or a GET, for which the connector has a signed URL."""
        return self.path.startswith(_FILES) and not self.is_download

    @property
    def is_login(self) -> bool:
        """Whether it opens a session."""
        return self.path == _LOGIN


class Proxy:
    """An ASGI application that hands everything on to a server.

    Args:
        upstream: The server's URL.
    """

    slow_s = 2.5
    """How long an answer that is slow takes, in seconds."""

    def __init__(self, upstream: str) -> None:
        self._upstream = upstream
        self._client = httpx.AsyncClient(timeout=600, trust_env=False)
        self.asked: list[Asked] = []
        """All requests in their order, those too that failed."""
        self.failed: list[tuple[Asked, Fault]] = []
        self.choose_fault: Callable[[Asked], Fault | None] = lambda _: None
        """What is to go wrong with a request."""

    @property
    def statements(self) -> list[str]:
        """The statements that were sent, in their order."""
        return [asked.sql for asked in self.asked if asked.sql is not None]

    def application(self) -> Starlette:
        """Return the application."""

        @contextlib.asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            yield
            await self._client.aclose()

        methods = ["GET", "HEAD", "POST", "PUT", "DELETE"]
        return Starlette(lifespan=lifespan, routes=[Route("/{path:path}", self._pass_on, methods=methods)])

    async def _pass_on(self, request: Request) -> Response:
        asked = Asked(
            method=request.method,
            path=request.url.path,
            body=await request.body(),
            is_compressed=request.headers.get("Content-Encoding") == "gzip",
            request_id=request.query_params.get("requestId", ""),
            client=request.headers.get("User-Agent", ""),
        )
        self.asked.append(asked)
        fault = self.choose_fault(asked)
        if fault is None:
            return await self._answer(request, asked)
        self.failed.append((asked, fault))
        if fault is Fault.CUT_BEFORE:
            return _cut(request)
        if fault is Fault.CUT_AFTER:
            await self._answer(request, asked)
            return _cut(request)
        if fault is Fault.SLOW_AFTER:
            answer = await self._answer(request, asked)
            await asyncio.sleep(self.slow_s)
            return answer
        if fault in _MESSAGES:
            return JSONResponse(_refusal(fault))
        return Response(status_code=int(fault.value))

    async def _answer(self, request: Request, asked: Asked) -> Response:
        # the host stays the proxy's, so that the URLs which the server hands out lead through the proxy, too
        answer = await self._client.request(
            request.method,
            f"{self._upstream}{request.url.path}" + (f"?{request.url.query}" if request.url.query else ""),
            headers=request.headers.raw,
            content=asked.body,
        )
        length = {"content-length", "transfer-encoding", "date", "server"}
        headers = {name: value for name, value in answer.headers.items() if name.lower() not in length}
        return Response(answer.content, status_code=answer.status_code, headers=headers)


def _refusal(fault: Fault) -> dict[str, Any]:
    code = str(fault.value)
    data = {"errorCode": code, "sqlState": "42501" if fault is Fault.NOT_PERMITTED else "08001"}
    return {"success": False, "code": code, "message": _MESSAGES[fault], "data": data}


def _cut(request: Request) -> Response:
    """Close the connection without an answer."""
    request.scope["transport"].abort()
    return Response()


class _Protocol(HttpToolsProtocol):
    """Lets the application close the connection."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["transport"] = self.transport  # type: ignore[typeddict-unknown-key]


@contextlib.contextmanager
def running_proxy(server: RunningServer) -> Iterator[tuple[Proxy, int]]:
    """Run a proxy in a thread; yield it and its port on 127.0.0.1."""
    proxy = Proxy(server.url)
    listener = listen("127.0.0.1", 0)
    settings = uvicorn.Config(
        proxy.application(), http=_Protocol, log_config=None, access_log=False, ws="none", timeout_graceful_shutdown=1
    )
    http_server = uvicorn.Server(settings)
    thread = threading.Thread(target=http_server.run, args=([listener],), name="proxy", daemon=True)
    thread.start()
    try:
        while not http_server.started and thread.is_alive():
            time.sleep(0.005)
        yield proxy, listener.getsockname()[1]
    finally:
        http_server.should_exit = True
        thread.join()
