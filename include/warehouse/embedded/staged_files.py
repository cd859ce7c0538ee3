"""Staged files over HTTP: downloads and uploads by signed URLs, and by nothing else."""

import mimetypes
import os
import time
from typing import Final
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from include.warehouse.embedded.errors import SnowflakeError
from include.warehouse.embedded.files import Upload, open_file
from include.warehouse.embedded.stages import Stage, StageKey
from include.warehouse.embedded.urls import Method, StagedFile
from include.warehouse.embedded.warehouse import Warehouse

_PREFIX: Final = "/stage/"
_AT_ONCE: Final = 4 * 2**20
"""A file of so many bytes is read and sent in one piece, a larger one in many."""
_SLOW_S: Final = 0.02
"""Reading a file from memory or a local disk takes a fiftieth of it; nobody else is answered meanwhile."""
_IN_THREADS_S: Final = 10.0
"""For how long files are read in threads after one was slow."""


class StagedFiles:
    """Downloads and uploads by signed URLs, in front of the application that answers everything else.

    Images are fetched by the hundred thousand, beside tasks that need the cores: an ordinary download goes without the
    routes, requests and responses of the framework, and without a thread as long as files open at once; together they
    cost five times as much. A folder that answers slowly, like a mounted one, is read in threads, many files at a time.

    Args:
        warehouse: Whose stages they are.
        otherwise: What answers requests for anything else.
    """

    def __init__(self, warehouse: Warehouse, otherwise: ASGIApp) -> None:
        self._warehouse = warehouse
        self._otherwise = otherwise
        self._in_threads_until = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http" or not scope["path"].startswith(_PREFIX):
            await self._otherwise(scope, receive, send)
            return
        answer = self._upload if scope["method"] == "PUT" else self._download
        try:
            await answer(scope, receive, send)
        except HTTPException as error:
            await PlainTextResponse(error.detail, status_code=error.status_code)(scope, receive, send)

    async def _download(self, scope: Scope, receive: Receive, send: Send) -> None:
        """GET and HEAD."""
        if scope["method"] not in {"GET", "HEAD"}:
            raise HTTPException(405, "Method Not Allowed")
        stage, file = self._allowed(scope, "GET")
        found = await self._find(stage, file.path)
        if found is None:
            raise HTTPException(404, "there is no such file in the stage")
        if isinstance(found, str) or any(name == b"range" for name, _ in scope["headers"]):
            path = found if isinstance(found, str) else found[0]
            await FileResponse(path)(scope, receive, send)
            return
        path, content = found
        kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
        headers = [
            (b"content-type", kind.encode()),
            (b"content-length", str(len(content)).encode()),
            (b"accept-ranges", b"bytes"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else content})

    async def _find(self, stage: Stage, path: str) -> tuple[str, bytes] | str | None:
        """Read a file here, or in a thread while files take long."""
        started = time.monotonic()
        if started < self._in_threads_until:
            return await run_in_threadpool(self._read, stage, path)
        found = self._read(stage, path)
        ended = time.monotonic()
        if ended - started > _SLOW_S:
            self._in_threads_until = ended + _IN_THREADS_S
        return found

    def _read(self, stage: Stage, path: str) -> tuple[str, bytes] | str | None:
        """Return where a file lies with its content, or without it if it is large, or None if there is no such file."""
        opened = open_file(self._warehouse.stages.folder(stage), path)
        if opened is None:
            return None
        try:
            content = os.read(opened.descriptor, _AT_ONCE) if opened.size <= _AT_ONCE else None
        finally:
            os.close(opened.descriptor)
        # a file that is written to meanwhile may have grown, or shrunk
        return (opened.path, content) if content is not None and len(content) == opened.size else opened.path

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        """PUT: the file is there when its last byte is."""
        stage, file = self._allowed(scope, "PUT")
        try:
            upload = await run_in_threadpool(Upload, self._warehouse.stages.folder(stage), file.path)
        except SnowflakeError as error:
            raise HTTPException(403, error.message) from error
        try:
            async for chunk in Request(scope, receive).stream():
                await run_in_threadpool(upload.write, chunk)
            await run_in_threadpool(upload.finish)
        except BaseException:
            upload.discard()
            raise
        await Response()(scope, receive, send)

    def _allowed(self, scope: Scope, method: Method) -> tuple[Stage, StagedFile]:
        """Return what the URL allows.

        Raises:
            HTTPException: It allows nothing: 403 with the reason, or 404 if the stage is gone.
        """
        parts = scope["path"].removeprefix(_PREFIX).split("/", 3)
        if len(parts) != 4:
            raise HTTPException(404, "Not Found")
        key = StageKey(*parts[:3])
        file = StagedFile(*key, parts[3])
        query = parse_qs(scope["query_string"].decode("latin-1"))
        refusal = self._warehouse.signer.refusal(
            file, method=method, expires=query.get("expires", [""])[-1], signature=query.get("signature", [""])[-1]
        )
        if refusal:
            raise HTTPException(403, refusal)
        stage = self._warehouse.stages.find(key)
        if stage is None:
            raise HTTPException(404, "there is no such stage")
        return stage, file
