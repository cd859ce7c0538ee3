"""Airflow's public REST API, as far as the command needs it: trigger a run, and see how it goes."""

import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from include.commands.airflow_answers import (
    DagRun,
    LogLine,
    LogPosition,
    TaskInstance,
    checked,
    detail_of,
    last_line,
    parse_log_line,
    parse_run,
    parse_task_instance,
    without_source_details,
)
from include.errors import CommandError, UnreachableError

URL_VARIABLE = "DRIFTGATE_AIRFLOW_URL"
PAGES_VARIABLE = "DRIFTGATE_AIRFLOW_PAGES"
"""Where a person's browser finds Airflow's pages, if that is another address than the command's."""
TOKEN_VARIABLE = "DRIFTGATE_AIRFLOW_TOKEN"  # noqa: S105  the name of a variable, not a token
USER_VARIABLE = "DRIFTGATE_AIRFLOW_USER"
PASSWORD_VARIABLE = "DRIFTGATE_AIRFLOW_PASSWORD"  # noqa: S105  the name of a variable, not a password

_TIMEOUT_S = 60.0
_PAGE = 100
"""What Airflow hands out at most in one answer ([api] maximum_page_limit)."""
_ATTEMPTS = 4
_PAUSE_S = 0.5
DAG_PATIENCE_S = 90.0
"""How long a new DAG may take from its file to the API: two rounds of the DAG processor."""


@dataclass(frozen=True)
class AirflowApi:
    """A logged-in client; use it as a context manager.

    Args:
        url: The address of Airflow, e.g. http://127.0.0.1:8080.
        client: The HTTP client, with the token in its headers.
        start_hint: What to say when nobody answers.
        pages_url: The address of its pages as a person's browser finds them; by default the same.
    """

    url: str
    client: httpx.Client = field(repr=False)
    start_hint: str = "is it running?"
    pages_url: str | None = None

    @classmethod
    def from_environment(cls) -> Self | None:
        """Return a client for the Airflow that the environment names, by a token or a password; None if it names none.

        Raises:
            CommandError: There is an address, but neither a token nor a user with a password, or they are refused.
        """
        url = os.environ.get(URL_VARIABLE, "").rstrip("/")
        if not url:
            return None
        hint = f"is {URL_VARIABLE} right?"
        token = os.environ.get(TOKEN_VARIABLE)
        if not token:
            user, password = os.environ.get(USER_VARIABLE), os.environ.get(PASSWORD_VARIABLE)
            if not (user and password):
                raise CommandError(
                    f"{URL_VARIABLE} is set but {TOKEN_VARIABLE} is not: it is needed, or {USER_VARIABLE} and "
                    f"{PASSWORD_VARIABLE}"
                )
            with cls(url, _client(), hint) as anonymous:
                token = anonymous._token(user, password, advice=f"is {PASSWORD_VARIABLE} right?")
        return cls(url, _client(token=token), hint, os.environ.get(PAGES_VARIABLE, "").rstrip("/") or None)

    @classmethod
    def log_in(cls, url: str, *, user: str, password: str, start_hint: str) -> Self:
        """Return a client with a token for this user of a local instance.

        Raises:
            CommandError: Nobody answers, or the password is wrong.
        """
        with cls(url, _client(trust_env=False), start_hint) as anonymous:
            advice = "'./driftgate down' and './driftgate up' start it with the one in the local state"
            token = anonymous._token(user, password, advice=advice)
        return cls(url, _client(token=token, trust_env=False), start_hint)

    def __enter__(self) -> Self:
        """Return self."""
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        """Close the connections."""
        self.client.close()

    def dag_ids(self) -> set[str]:
        """Return the ids of all DAGs that Airflow knows."""
        return {str(dag["dag_id"]) for dag in self._pages("/api/v2/dags", "dags")}

    def paused_dag_ids(self) -> set[str]:
        """Return the ids of the DAGs that are paused: their runs would wait for ever."""
        return {str(dag["dag_id"]) for dag in self._pages("/api/v2/dags", "dags") if dag["is_paused"]}

    def import_errors(self) -> list[str]:
        """Return what keeps DAG files from loading: file and last line of the error."""
        return [
            f"{found['filename']}: {last_line(found['stack_trace'])}"
            for found in self._pages("/api/v2/importErrors", "import_errors")
        ]

    def unpause(self, dag_id: str) -> None:
        """Let a DAG run: a run of a paused one would stay in the queue for ever."""
        path = f"/api/v2/dags/{quote(dag_id, safe='')}"
        checked(self._send("PATCH", path, params={"update_mask": "is_paused"}, json={"is_paused": False}))

    def trigger(self, dag_id: str, conf: Mapping[str, Any], *, say: Callable[[str], None]) -> DagRun:
        """Start a run.

        A DAG that is new may be listed, and yet be unknown to the trigger, for some seconds: it is waited for.

        Args:
            dag_id: The DAG.
            conf: The run's parameters.
            say: Told once if the DAG has to be waited for.

        Raises:
            CommandError: A parameter is not allowed, there is no such DAG, or this user may not trigger it.
        """
        # An id of our own: a request that is repeated because its answer was lost starts no second run.
        run_id = f"manual__{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}_{secrets.token_hex(3)}"
        path = f"/api/v2/dags/{quote(dag_id, safe='')}/dagRuns"
        deadline = time.monotonic() + DAG_PATIENCE_S
        is_waiting = False
        while True:
            answer = self._trigger_once(dag_id, path, {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf)})
            if answer.status_code == httpx.codes.CONFLICT:
                return self.run(dag_id, run_id)
            if answer.status_code != httpx.codes.NOT_FOUND:
                return parse_run(checked(answer).json())
            if time.monotonic() > deadline:
                raise CommandError(self._unknown_dag(dag_id))
            if not is_waiting:
                say(f"waiting for Airflow to read {dag_id}")
                is_waiting = True
            time.sleep(_PAUSE_S)

    def run(self, dag_id: str, run_id: str) -> DagRun:
        """Return a run as it is now."""
        return parse_run(checked(self._send("GET", _run_path(dag_id, run_id))).json())

    def find_run(self, dag_id: str, run_id: str) -> DagRun | None:
        """Return a run as it is now, None if there is none of this id."""
        answer = self._send("GET", _run_path(dag_id, run_id))
        return None if answer.status_code == httpx.codes.NOT_FOUND else parse_run(checked(answer).json())

    def scheduler_is_healthy(self) -> bool:
        """Whether a scheduler gave a sign of life in the last half minute."""
        health = checked(self._send("GET", "/api/v2/monitor/health")).json()
        return bool(health["scheduler"]["status"] == "healthy")

    def task_instances(self, run: DagRun) -> list[TaskInstance]:
        """Return the tasks of a run, those that were started first in front."""
        path = f"{_run_path(run.dag_id, run.run_id)}/taskInstances"
        found = [parse_task_instance(item) for item in self._pages(path, "task_instances")]
        never = datetime.max.replace(tzinfo=UTC)
        return sorted(found, key=lambda task: (task.started_at or never, task.task_id, task.map_index))

    def read_log(self, run: DagRun, task: TaskInstance, position: LogPosition) -> list[LogLine]:
        """Return the lines that came since the position, and move the position on."""
        of_task = f"{_run_path(run.dag_id, run.run_id)}/taskInstances/{quote(task.task_id, safe='')}"
        params: dict[str, str | int] = {"map_index": task.map_index}
        if position.token:
            params["token"] = position.token
        answer = self._send(
            "GET", f"{of_task}/logs/{task.try_number}", params=params, headers={"Accept": "application/json"}
        )
        if answer.status_code == httpx.codes.NOT_FOUND:
            return []
        content = checked(answer).json()
        lines = without_source_details([parse_log_line(item) for item in content["content"]])
        new = lines[position.n_lines :]
        if content.get("continuation_token"):
            position.token, position.n_lines = content["continuation_token"], 0
        else:
            position.n_lines = len(lines)
        return new

    def returned(self, run: DagRun, task_id: str) -> Any:
        """Return what a task that is not mapped has returned, None if it has returned nothing."""
        path = f"{_run_path(run.dag_id, run.run_id)}/taskInstances/{quote(task_id, safe='')}/xcomEntries/return_value"
        answer = self._send("GET", path)
        return None if answer.status_code == httpx.codes.NOT_FOUND else checked(answer).json()["value"]

    def log_page(self, run: DagRun, task: TaskInstance) -> str:
        """Return the address of the page with a task's log."""
        mapped = f"/mapped/{task.map_index}" if task.map_index >= 0 else ""
        return f"{self.run_page(run)}/tasks/{quote(task.task_id, safe='')}{mapped}"

    def run_page(self, run: DagRun) -> str:
        """Return the address of the page of a run."""
        pages = self.pages_url or self.url
        return f"{pages}/dags/{quote(run.dag_id, safe='')}/runs/{quote(run.run_id, safe='')}"

    def _token(self, user: str, password: str, *, advice: str) -> str:
        answer = self._send("POST", "/auth/token", json={"username": user, "password": password})
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise CommandError(f"Airflow at {self.url} refuses the password of {user!r}: {advice}")
        return str(checked(answer).json()["access_token"])

    def _trigger_once(self, dag_id: str, path: str, body: Mapping[str, Any]) -> httpx.Response:
        answer = self._send("POST", path, json=body)
        if answer.status_code in {httpx.codes.BAD_REQUEST, httpx.codes.UNPROCESSABLE_ENTITY}:
            raise CommandError(f"{dag_id} does not start: {detail_of(answer)}")
        return answer

    def _unknown_dag(self, dag_id: str) -> str:
        errors = self.import_errors()
        reason = "; ".join(errors) if errors else "no DAG file makes it"
        return f"Airflow at {self.url} has no DAG {dag_id}: {reason}"

    def _pages(self, path: str, key: str) -> Iterator[dict[str, Any]]:
        offset = 0
        while True:
            page = checked(self._send("GET", path, params={"limit": _PAGE, "offset": offset})).json()
            yield from page[key]
            offset += len(page[key])
            if not page[key] or offset >= page["total_entries"]:
                return

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request; try again what a busy server (SQLite's lock, a restart) may not have answered."""
        attempt = 1
        while True:
            try:
                answer = self.client.request(method, f"{self.url}{path}", **options)
                if answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR or attempt == _ATTEMPTS:
                    return answer
            except httpx.ConnectError as error:
                if attempt == _ATTEMPTS:
                    raise UnreachableError(f"Airflow does not answer at {self.url}: {self.start_hint}") from error
            except (httpx.TransportError, httpx.InvalidURL) as error:
                if attempt == _ATTEMPTS:
                    told = f"Airflow at {self.url} broke off ({type(error).__name__}: {error})"
                    raise UnreachableError(told) from error
            time.sleep(_PAUSE_S * attempt)
            attempt += 1


def _client(*, token: str | None = None, trust_env: bool = True) -> httpx.Client:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.Client(headers=headers, timeout=_TIMEOUT_S, trust_env=trust_env)


def _run_path(dag_id: str, run_id: str) -> str:
    return f"/api/v2/dags/{quote(dag_id, safe='')}/dagRuns/{quote(run_id, safe='')}"
