"""The HTTP interface: the part of Snowflake's protocol that its connectors use, and the staged files."""

import asyncio
import contextlib
import gzip
import json
import logging
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import anyio.to_thread
from fakesnow.statement_type import DML_TYPE_IDS
from fakesnow.transforms import SERVER_VERSION
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from include.warehouse.embedded import wire
from include.warehouse.embedded.answers import Answer
from include.warehouse.embedded.errors import UNFORESEEN, SnowflakeError, translate
from include.warehouse.embedded.session_statements import set_parameter
from include.warehouse.embedded.sessions import Session
from include.warehouse.embedded.staged_files import StagedFiles
from include.warehouse.embedded.warehouse import Warehouse

log = logging.getLogger(__name__)

_THREADS: Final = 64

PATIENCE_S: Final = 40.0
"""When the client is told that its statement still runs; it would repeat the request after 60 s of silence."""

_KEPT_S: Final = 300.0
_IN_PROGRESS: Final = "333333"
_AUTHORIZATION_START: Final = 'Snowflake Token="'

Handler = Callable[[Request], Awaitable[Response]]


def application(warehouse: Warehouse) -> ASGIApp:
    """Return the ASGI application of a warehouse."""
    api = _Api(warehouse)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
        yield
        await run_in_threadpool(warehouse.close)

    statements = Starlette(
        lifespan=lifespan,
        routes=[
            Route("/healthz", _healthy, methods=["GET"]),
            Route("/session/v1/login-request", _answering(api.login), methods=["POST"]),
            Route("/session", _answering(api.session), methods=["POST"]),
            Route("/session/token-request", _answering(api.renew), methods=["POST"]),
            Route("/session/heartbeat", _answering(api.heartbeat), methods=["POST"]),
            Route("/queries/v1/query-request", _answering(api.query), methods=["POST"]),
            Route("/queries/v1/abort-request", _answering(api.abort), methods=["POST"]),
            Route("/queries/{query_id}/result", _answering(api.result), methods=["GET"]),
            Route("/monitoring/queries/{query_id}", _answering(api.monitoring), methods=["GET"]),
            Route("/telemetry/send", _answering(api.telemetry), methods=["POST"]),
            Route("/api/files/{path:path}", _no_session, methods=["GET"]),
        ],
    )
    return StagedFiles(warehouse, statements)


async def _healthy(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _no_session(_: Request) -> Response:
    return PlainTextResponse("A file URL needs a session: use GET_PRESIGNED_URL.", status_code=403)


def _answering(handler: Callable[[Request], Awaitable[dict[str, Any]]]) -> Handler:
    """Answer errors as Snowflake does, never with a status 5xx: the connector would repeat the request for ever."""

    async def answer(request: Request) -> Response:
        try:
            return JSONResponse({"success": True, "code": None, "message": None, **await handler(request)})
        except Exception as error:
            failure = translate(error)
            log.info("%s: error %s (%s)", request.url.path, failure.code, failure.sqlstate)
            log.debug("%s", failure.message, exc_info=failure.errno == UNFORESEEN)
            query_id = failure.query_id or str(uuid.uuid4())
            return JSONResponse(
                {
                    "success": False,
                    "code": failure.code,
                    "message": failure.message,
                    "data": {"errorCode": failure.code, "sqlState": failure.sqlstate, "queryId": query_id},
                }
            )

    return answer


async def _body(request: Request) -> dict[str, Any]:
    body = await request.body()
    if request.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    try:
        parsed = json.loads(body or b"{}")
    except ValueError as error:
        raise SnowflakeError(f"The request is not JSON: {error}", errno=390400, sqlstate="08P01") from error
    return parsed if isinstance(parsed, dict) else {}


class _Api:
    """Logging in and running statements."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._running: dict[str, asyncio.Task[Answer]] = {}
        self._by_request: dict[str, str] = {}

    async def login(self, request: Request) -> dict[str, Any]:
        data = (await _body(request)).get("data") or {}
        base = f"{request.url.scheme}://{request.headers.get('host') or request.url.netloc}"

        def log_in() -> Session:
            session = self._warehouse.sessions.login(
                user=str(data.get("LOGIN_NAME") or ""),
                password=str(data.get("PASSWORD") or ""),
                base=base,
                database=_identifier(request.query_params.get("databaseName")),
                schema=_identifier(request.query_params.get("schemaName")),
            )
            try:
                self._warehouse.account.choose(
                    session,
                    role=_identifier(request.query_params.get("roleName")),
                    compute=_identifier(request.query_params.get("warehouse")),
                )
                for name, value in (data.get("SESSION_PARAMETERS") or {}).items():
                    set_parameter(session, name.upper(), str(value))
            except Exception:
                self._warehouse.sessions.close(session.token)
                raise
            return session

        session = await run_in_threadpool(log_in)
        return {
            "data": {
                "token": session.token,
                "masterToken": session.master_token,
                "sessionId": session.id,
                "serverVersion": SERVER_VERSION,
                "parameters": [
                    {"name": "AUTOCOMMIT", "value": session.autocommit},
                    {"name": "CLIENT_SESSION_KEEP_ALIVE_HEARTBEAT_FREQUENCY", "value": 3600},
                    {"name": "CLIENT_TELEMETRY_ENABLED", "value": False},
                    # the values of an array binding come with the statement, never through a stage
                    {"name": "CLIENT_STAGE_ARRAY_BINDING_THRESHOLD", "value": 0},
                    {"name": "TIMEZONE", "value": "Etc/UTC"},
                ],
                "sessionInfo": {
                    "databaseName": session.context.database,
                    "schemaName": session.context.schema,
                    "warehouseName": session.compute,
                    "roleName": session.role,
                },
            }
        }

    async def session(self, request: Request) -> dict[str, Any]:
        token = _token(request)
        self._warehouse.sessions.get(token)
        if request.query_params.get("delete"):
            await run_in_threadpool(self._warehouse.sessions.close, token)
        return {"data": None}

    async def renew(self, request: Request) -> dict[str, Any]:
        session = self._warehouse.sessions.renew(_token(request))
        return {
            "data": {"sessionToken": session.token, "masterToken": session.master_token, "sessionId": session.id},
        }

    async def heartbeat(self, request: Request) -> dict[str, Any]:
        self._warehouse.sessions.get(_token(request))
        return {"data": None}

    async def telemetry(self, _: Request) -> dict[str, Any]:
        return {"data": None}

    async def abort(self, request: Request) -> dict[str, Any]:
        self._warehouse.sessions.get(_token(request)).duck.interrupt()
        return {"data": None}

    async def query(self, request: Request) -> dict[str, Any]:
        session = self._warehouse.sessions.get(_token(request))
        body = await _body(request)
        # a client that lost the connection repeats the request with the same id: it must not run twice
        request_id = f"{session.id} {request.query_params.get('requestId') or uuid.uuid4()}"
        query_id = self._by_request.get(request_id)
        if query_id is None or not (query_id in self._running or query_id in session.results):
            query_id = str(uuid.uuid4())
            self._remember(request_id, query_id)
            self._running[query_id] = task = asyncio.create_task(self._run(session, query_id, body))
            task.add_done_callback(lambda _: self._forget_later(query_id))
        return await self._answer(session, query_id)

    async def result(self, request: Request) -> dict[str, Any]:
        session = self._warehouse.sessions.get(_token(request))
        return await self._answer(session, request.path_params["query_id"])

    async def monitoring(self, request: Request) -> dict[str, Any]:
        session = self._warehouse.sessions.get(_token(request))
        query_id = request.path_params["query_id"]
        if query_id in self._running:
            return {"data": {"queries": [{"id": query_id, "status": "RUNNING"}]}}
        try:
            known = session.results.get(query_id) is not None
        except SnowflakeError as failure:
            failed = {"id": query_id, "status": "FAILED_WITH_ERROR", "errorCode": failure.code}
            return {"data": {"queries": [{**failed, "errorMessage": failure.message}]}}
        return {"data": {"queries": [{"id": query_id, "status": "SUCCESS"}] if known else []}}

    def _forget_later(self, query_id: str) -> None:
        """Let go of a statement that has ended, in case its client never asks for the answer."""
        asyncio.get_running_loop().call_later(_KEPT_S, self._running.pop, query_id, None)

    def _remember(self, request_id: str, query_id: str) -> None:
        self._by_request[request_id] = query_id
        while len(self._by_request) > 1024:
            del self._by_request[next(iter(self._by_request))]

    async def _run(self, session: Session, query_id: str, body: dict[str, Any]) -> Answer:
        try:
            answer = await run_in_threadpool(self._execute, session, query_id, body)
        except Exception as error:
            failure = translate(error)
            failure.query_id = query_id
            session.results.add_failure(query_id, failure)
            if failure is error:
                raise
            raise failure from error
        session.results.add(query_id, answer)
        return answer

    def _execute(self, session: Session, query_id: str, body: dict[str, Any]) -> Answer:
        executor = self._warehouse.executor
        sql = str(body["sqlText"])
        started = time.monotonic()
        if body.get("describeOnly"):
            return executor.describe(session, sql)
        parameters, batch = wire.parameters_of(body.get("bindings"))
        with self._warehouse.query_log.recorded(query_id, session, sql) as entry:
            answer = executor.execute(session, sql, parameters, batch)
            entry.rows_produced = answer.table.num_rows
        # statements may hold values in their text, so they are not in the log
        log.debug("session %d: %d rows in %.3f s", session.id, answer.table.num_rows, time.monotonic() - started)
        return answer

    async def _answer(self, session: Session, query_id: str) -> dict[str, Any]:
        """Return a statement's answer; after a while without one, tell the client where to ask again."""
        task = self._running.get(query_id)
        if task is not None:
            done, _ = await asyncio.wait({task}, timeout=PATIENCE_S)
            if not done:
                url = f"/queries/{query_id}/result"
                return {"code": _IN_PROGRESS, "data": {"queryId": query_id, "getResultUrl": url}}
            self._running.pop(query_id, None)
            answer = await task
        else:
            kept = session.results.get(query_id)
            if kept is None:
                raise SnowflakeError(f"Statement {query_id} not found", errno=709, sqlstate="02000")
            answer = kept
        return await run_in_threadpool(_encoded, session, query_id, answer)


def _encoded(session: Session, query_id: str, answer: Answer) -> dict[str, Any]:
    if answer.transfer is not None:
        return {"data": {"queryId": query_id, **answer.transfer}}
    if answer.type_id in DML_TYPE_IDS:
        rows: dict[str, Any] = {"queryResultFormat": "json", "rowset": wire.json_rowset(answer.table)}
    else:
        rows = {"queryResultFormat": "arrow", "rowsetBase64": wire.arrow_rowset(answer.table, answer.columns)}
    return {
        "data": {
            "parameters": [
                {"name": "TIMEZONE", "value": "Etc/UTC"},
                {"name": "AUTOCOMMIT", "value": session.autocommit},
            ],
            "rowtype": [column.rowtype() for column in answer.columns],
            "total": answer.table.num_rows,
            "returned": answer.table.num_rows,
            "queryId": query_id,
            "statementTypeId": answer.type_id,
            "finalDatabaseName": session.context.database,
            "finalSchemaName": session.context.schema,
            **rows,
        }
    }


def _token(request: Request) -> str:
    authorization = request.headers.get("Authorization", "")
    if not authorization.startswith(_AUTHORIZATION_START):
        raise SnowflakeError("Session token not found in the request data.", errno=390103, sqlstate="08001")
    return authorization.removeprefix(_AUTHORIZATION_START).removesuffix('"')


def _identifier(name: str | None) -> str | None:
    if not name:
        return None
    return name[1:-1] if name.startswith('"') and name.endswith('"') else name.upper()
