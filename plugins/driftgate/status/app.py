"""The FastAPI app behind the page: routers that bring their guards, headers, and errors that say what to do."""

import logging
from collections.abc import Awaitable, Callable
from functools import cache

from fastapi import FastAPI, Request, Response, status
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from driftgate.status import actions, approvals, pages, panels, static_files
from driftgate.status.problems import problem_of
from driftgate.status.rendering import render
from include.errors import DriftgateError, WarehouseUnavailableError

log = logging.getLogger(__name__)

_HEADERS = {
    # Plotly sets styles by itself; scripts come from here alone.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_ROUTERS = (
    pages.router,
    pages.pipeline,
    panels.router,
    actions.router,
    actions.allowed,
    approvals.router,
    static_files.router,
)


@cache
def status_app() -> FastAPI:
    """Return the app, made once."""
    app = FastAPI(title="Driftgate", docs_url=None, redoc_url=None, openapi_url=None)
    for router in _ROUTERS:
        app.include_router(router)
    app.middleware("http")(_with_headers)
    app.exception_handler(HTTPException)(_refused)
    app.exception_handler(RequestValidationError)(_misunderstood)
    app.exception_handler(DriftgateError)(_failed)
    return app


async def _with_headers(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await call_next(request)
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    # What a viewer may see now, another must not find in the browser's cache.
    response.headers.setdefault("Cache-Control", "private, no-cache")
    return response


def _refused(request: Request, error: Exception) -> Response:
    """Answer what Airflow does not let the viewer do, or what is not there."""
    code = getattr(error, "status_code", status.HTTP_400_BAD_REQUEST)
    headings = {
        status.HTTP_401_UNAUTHORIZED: "Log in to Airflow first",
        status.HTTP_403_FORBIDDEN: "You may not do this",
        status.HTTP_404_NOT_FOUND: "This is not here",
    }
    return _explained(request, code, headings.get(code, "This did not work"), str(getattr(error, "detail", error)))


def _misunderstood(request: Request, error: Exception) -> Response:
    """Answer an address or a form that makes no sense."""
    found = error.errors() if isinstance(error, RequestValidationError) else []
    problem = "; ".join(f"{'.'.join(map(str, item['loc'][1:]))}: {item['msg']}" for item in found)
    return _explained(request, status.HTTP_422_UNPROCESSABLE_CONTENT, "This makes no sense here", problem)


def _failed(request: Request, error: Exception) -> Response:
    """Answer what the warehouse, or a file, keeps us from showing."""
    log.warning("%s cannot be shown: %s", request.url.path, error)
    is_down = isinstance(error, WarehouseUnavailableError)
    code = status.HTTP_503_SERVICE_UNAVAILABLE if is_down else status.HTTP_500_INTERNAL_SERVER_ERROR
    found = problem_of(error, request.path_params.get("name", "NAME")) if isinstance(error, DriftgateError) else None
    if found is None:
        return _explained(request, code, "This cannot be shown.", str(error))
    return _explained(request, code, found.heading, found.advice, detail=found.detail)


def _explained(request: Request, code: int, heading: str, problem: str, *, detail: str | None = None) -> Response:
    """Return a whole page, or the part of one where htmx asks for a part."""
    template = "panels/problem.html.j2" if request.headers.get("hx-request") else "problem.html.j2"
    return render(request, template, status_code=code, heading=heading, problem=problem, detail=detail, status=code)
