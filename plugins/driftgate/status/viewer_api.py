"""Airflow's own REST API, called for a viewer: with the viewer's token, in this process.

So Airflow itself decides whether the viewer may, does it in the viewer's name, and logs it.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import anyio.from_thread
import httpx
from fastapi import HTTPException, Request, status

from driftgate.status.rendering import airflow_path

_CREDENTIALS = ("authorization", "cookie")
_TIMEOUT_S = 30.0


class ViewerApi:
    """The API as one viewer may use it; to be called in a worker thread, as routes that are plain functions are.

    Args:
        request: The viewer's request, whose credentials are handed on.
    """

    def __init__(self, request: Request) -> None:
        app = request.scope.get("airflow_app")
        if app is None:
            raise HTTPException(status.HTTP_503_SERVICE_UNAVAILABLE, "the pages are not mounted in Airflow")
        self._client = (request.client.host, request.client.port) if request.client else ("127.0.0.1", 0)
        self._app = app
        self._base_url = f"{request.url.scheme}://{request.url.netloc}{airflow_path(request)}"
        self._headers = {name: request.headers[name] for name in _CREDENTIALS if name in request.headers}

    def dag(self, dag_id: str) -> Mapping[str, Any] | None:
        """Return what Airflow knows of a DAG; None: it knows none, or does not tell this viewer."""
        answer = self.send("GET", f"dags/{quote(dag_id, safe='')}")
        return answer.json() if answer.is_success else None

    def unpause(self, dag_id: str) -> bool:
        """Let a DAG run; return whether it now may."""
        body = {"is_paused": False}
        path = f"dags/{quote(dag_id, safe='')}"
        return self.send("PATCH", path, params={"update_mask": "is_paused"}, json=body).is_success

    def trigger(self, dag_id: str, run_id: str, conf: Mapping[str, Any]) -> bool:
        """Start a run, unless there is one with this id already; return whether it is a new one.

        Raises:
            HTTPException: Airflow refuses, and says why.
        """
        body = {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf)}
        answer = self.send("POST", f"dags/{quote(dag_id, safe='')}/dagRuns", json=body)
        if answer.status_code == httpx.codes.CONFLICT:
            return False
        _refuse_failure(answer)
        return True

    def open_questions(self, dag_id: str, run_id: str) -> list[Mapping[str, Any]]:
        """Return what a run asks people and nobody has answered yet."""
        path = f"dags/{quote(dag_id, safe='')}/dagRuns/{quote(run_id, safe='')}/hitlDetails"
        answer = self.send("GET", path, params={"response_received": "false"})
        if answer.status_code == httpx.codes.NOT_FOUND:
            return []
        found: list[Mapping[str, Any]] = _refuse_failure(answer).json()["hitl_details"]
        return found

    def answer(self, dag_id: str, run_id: str, task_id: str, option: str) -> None:
        """Answer what a task asks.

        Raises:
            HTTPException: Somebody has answered already, the viewer is not among those who may, or Airflow refuses.
        """
        run = f"dags/{quote(dag_id, safe='')}/dagRuns/{quote(run_id, safe='')}"
        body = {"chosen_options": [option], "params_input": {}}
        answer = self.send("PATCH", f"{run}/taskInstances/{quote(task_id, safe='')}/-1/hitlDetails", json=body)
        if answer.status_code == httpx.codes.CONFLICT:
            raise HTTPException(status.HTTP_409_CONFLICT, "somebody has answered this already: the first answer counts")
        _refuse_failure(answer)

    def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request to the API and return its answer."""

        async def call() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app, raise_app_exceptions=False, client=self._client)
            async with httpx.AsyncClient(
                transport=transport, base_url=self._base_url, headers=self._headers, timeout=_TIMEOUT_S
            ) as client:
                return await client.request(method, f"/api/v2/{path}", **options)

        return anyio.from_thread.run(call)


def _refuse_failure(answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = answer.text or answer.reason_phrase
    if isinstance(detail, list):
        detail = "; ".join(str(item.get("msg", item)) for item in detail)
    if answer.status_code == httpx.codes.NOT_FOUND:
        detail = f"Airflow does not know this yet, or no longer ({detail}): try again in half a minute"
    raise HTTPException(answer.status_code, f"Airflow says: {detail}")
