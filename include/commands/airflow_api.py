"""Airflow's public REST API, as far as the command needs it: trigger a run, and see how it goes."""

import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import quote

import httpx

from include.errors import CommandError

URL_VARIABLE = "DRIFTGATE_AIRFLOW_URL"
TOKEN_VARIABLE = "DRIFTGATE_AIRFLOW_TOKEN"  # noqa: S105  the name of a variable, not a token

_TIMEOUT_S = 60.0
_PAGE = 100
"""What Airflow hands out at most in one answer ([api] maximum_page_limit)."""
_ATTEMPTS = 4
_PAUSE_S = 0.5
DAG_PATIENCE_S = 90.0
"""How long a new DAG may take from its file to the API: two rounds of the DAG processor."""

FINISHED_RUN_STATES = frozenset({"success", "failed"})
FINISHED_TASK_STATES = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})


class DagRun(NamedTuple):
    """A run as Airflow tells it."""

    dag_id: str
    run_id: str
    state: str
    started_at: datetime | None
    ended_at: datetime | None

    @property
    def is_finished(self) -> bool:
        """Whether it has come to its end."""
        return self.state in FINISHED_RUN_STATES

    @property
    def seconds(self) -> float | None:
        """How long it took, or None if it has not come to its end."""
        return (self.ended_at - self.started_at).total_seconds() if self.started_at and self.ended_at else None


class TaskInstance(NamedTuple):
    """A task of a run; a mapped one has an index of 0 and more."""

    task_id: str
    map_index: int
    try_number: int
    state: str | None
    started_at: datetime | None
    seconds: float | None

    @property
    def label(self) -> str:
        """The task's name, with its index if it is mapped."""
        return self.task_id if self.map_index < 0 else f"{self.task_id}[{self.map_index}]"

    @property
    def is_finished(self) -> bool:
        """Whether it has come to its end."""
        return self.state in FINISHED_TASK_STATES


class LogLine(NamedTuple):
    """A line of a task's log."""

    at: datetime | None
    level: str
    logger: str
    file: str
    """The name of the file that logged it."""
    text: str
    error: str | None
    """The exception in one line, if the line tells of one."""


@dataclass
class LogPosition:
    """Up to where a task's log was read; moved on by `AirflowApi.read_log`."""

    token: str | None = None
    n_lines: int = 0
    """Lines that were read after the place that the token stands for."""


@dataclass(frozen=True)
class AirflowApi:
    """A logged-in client; use it as a context manager.

    Args:
        url: The address of Airflow, e.g. http://127.0.0.1:8080.
        client: The HTTP client, with the token in its headers.
        start_hint: What to say when nobody answers.
    """

    url: str
    client: httpx.Client = field(repr=False)
    start_hint: str = "is it running?"

    @classmethod
    def from_environment(cls) -> Self | None:
        """Return a client for the Airflow that the environment names, None if it names none.

        Raises:
            CommandError: There is an address, but no token.
        """
        url = os.environ.get(URL_VARIABLE)
        if not url:
            return None
        token = os.environ.get(TOKEN_VARIABLE)
        if not token:
            raise CommandError(f"{URL_VARIABLE} is set but {TOKEN_VARIABLE} is not: both are needed")
        return cls(url.rstrip("/"), _client(token=token), f"is {URL_VARIABLE} right?")

    @classmethod
    def log_in(cls, url: str, *, user: str, password: str, start_hint: str) -> Self:
        """Return a client with a token for this user.

        Raises:
            CommandError: Nobody answers, or the password is wrong.
        """
        with cls(url, _client(trust_env=False), start_hint) as anonymous:
            answer = anonymous._send("POST", "/auth/token", json={"username": user, "password": password})
            if answer.status_code == httpx.codes.UNAUTHORIZED:
                raise CommandError(
                    f"Airflow at {url} refuses the password of {user!r}: './driftgate down' and './driftgate up' "
                    "start it with the one in the local state"
                )
            token = str(_checked(answer).json()["access_token"])
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

    def import_errors(self) -> list[str]:
        """Return what keeps DAG files from loading: file and last line of the error."""
        return [
            f"{found['filename']}: {_last_line(found['stack_trace'])}"
            for found in self._pages("/api/v2/importErrors", "import_errors")
        ]

    def unpause(self, dag_id: str) -> None:
        """Let a DAG run: a run of a paused one would stay in the queue for ever."""
        path = f"/api/v2/dags/{quote(dag_id, safe='')}"
        _checked(self._send("PATCH", path, params={"update_mask": "is_paused"}, json={"is_paused": False}))

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
                return _run(_checked(answer).json())
            if time.monotonic() > deadline:
                raise CommandError(self._unknown_dag(dag_id))
            if not is_waiting:
                say(f"waiting for Airflow to read {dag_id}")
                is_waiting = True
            time.sleep(_PAUSE_S)

    def run(self, dag_id: str, run_id: str) -> DagRun:
        """Return a run as it is now."""
        return _run(_checked(self._send("GET", _run_path(dag_id, run_id))).json())

    def scheduler_is_healthy(self) -> bool:
        """Whether a scheduler gave a sign of life in the last half minute."""
        health = _checked(self._send("GET", "/api/v2/monitor/health")).json()
        return bool(health["scheduler"]["status"] == "healthy")

    def task_instances(self, run: DagRun) -> list[TaskInstance]:
        """Return the tasks of a run, those that were started first in front."""
        path = f"{_run_path(run.dag_id, run.run_id)}/taskInstances"
        found = [
            TaskInstance(
                task_id=str(item["task_id"]),
                map_index=int(item["map_index"]),
                try_number=int(item["try_number"]),
                state=item["state"],
                started_at=_time(item["start_date"]),
                seconds=item["duration"],
            )
            for item in self._pages(path, "task_instances")
        ]
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
        content = _checked(answer).json()
        lines = _without_source_details([_log_line(item) for item in content["content"]])
        new = lines[position.n_lines :]
        if content.get("continuation_token"):
            position.token, position.n_lines = content["continuation_token"], 0
        else:
            position.n_lines = len(lines)
        return new

    def log_page(self, run: DagRun, task: TaskInstance) -> str:
        """Return the address of the page with a task's log."""
        mapped = f"/mapped/{task.map_index}" if task.map_index >= 0 else ""
        return f"{self.run_page(run)}/tasks/{quote(task.task_id, safe='')}{mapped}"

    def run_page(self, run: DagRun) -> str:
        """Return the address of the page of a run."""
        return f"{self.url}/dags/{quote(run.dag_id, safe='')}/runs/{quote(run.run_id, safe='')}"

    def _trigger_once(self, dag_id: str, path: str, body: Mapping[str, Any]) -> httpx.Response:
        answer = self._send("POST", path, json=body)
        if answer.status_code in {httpx.codes.BAD_REQUEST, httpx.codes.UNPROCESSABLE_ENTITY}:
            raise CommandError(f"{dag_id} does not start: {_detail(answer)}")
        return answer

    def _unknown_dag(self, dag_id: str) -> str:
        errors = self.import_errors()
        reason = "; ".join(errors) if errors else "no DAG file makes it"
        return f"Airflow at {self.url} has no DAG {dag_id}: {reason}"

    def _pages(self, path: str, key: str) -> Iterator[dict[str, Any]]:
        offset = 0
        while True:
            page = _checked(self._send("GET", path, params={"limit": _PAGE, "offset": offset})).json()
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
                    raise CommandError(f"Airflow does not answer at {self.url}: {self.start_hint}") from error
            except httpx.TransportError as error:
                if attempt == _ATTEMPTS:
                    raise CommandError(f"Airflow at {self.url} broke off ({type(error).__name__}: {error})") from error
            time.sleep(_PAUSE_S * attempt)
            attempt += 1


def _client(*, token: str | None = None, trust_env: bool = True) -> httpx.Client:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.Client(headers=headers, timeout=_TIMEOUT_S, trust_env=trust_env)


def _run_path(dag_id: str, run_id: str) -> str:
    return f"/api/v2/dags/{quote(dag_id, safe='')}/dagRuns/{quote(run_id, safe='')}"


def _checked(answer: httpx.Response) -> httpx.Response:
    """Return the answer if it is a good one.

    Raises:
        CommandError: It tells of an error.
    """
    if answer.is_success:
        return answer
    where = f"{answer.request.method} {answer.request.url.copy_with(query=None)}"
    # Airflow 3.3 says 403 of a token that it cannot read, and 401 of one that is missing or has expired.
    if answer.status_code == httpx.codes.UNAUTHORIZED or "JWT" in answer.text:
        raise CommandError(
            f"Airflow refuses the token ({where}): is it expired, or another Airflow's? {_detail(answer)}"
        )
    if answer.status_code == httpx.codes.FORBIDDEN:
        raise CommandError(f"this user may not do that in Airflow ({where}): {_detail(answer)}")
    raise CommandError(f"Airflow answers {answer.status_code} to {where}: {_detail(answer)}")


def _detail(answer: httpx.Response) -> str:
    """Return what the server says about an error, in one line."""
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = answer.text
    if isinstance(detail, list):  # FastAPI's findings about a request
        detail = "; ".join(f"{'.'.join(map(str, item.get('loc', [])))}: {item.get('msg')}" for item in detail)
    first = str(detail).strip().split("\n", maxsplit=1)[0]
    return first[:500] or answer.reason_phrase


def _run(item: Mapping[str, Any]) -> DagRun:
    return DagRun(
        dag_id=str(item["dag_id"]),
        run_id=str(item["dag_run_id"]),
        state=str(item["state"]),
        started_at=_time(item["start_date"]),
        ended_at=_time(item["end_date"]),
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _log_line(item: Mapping[str, Any] | str) -> LogLine:
    if isinstance(item, str):
        return LogLine(None, "info", "", "", item, None)
    detail = item.get("error_detail")
    # Exceptions are told from the one that was raised last; its cause is further back.
    error = f"{detail[0].get('exc_type')}: {detail[0].get('exc_value')}" if detail else None
    return LogLine(
        at=_time(item.get("timestamp")),
        level=str(item.get("level", "info")).lower(),
        logger=str(item.get("logger", "")),
        file=str(item.get("filename", "")),
        text=str(item.get("event", "")),
        error=error,
    )


def _without_source_details(lines: list[LogLine]) -> list[LogLine]:
    """Leave out what the API server puts in front about where it read the log: it changes from answer to answer."""
    if lines and lines[0].text == "::group::Log message source details":
        end = next((i for i, line in enumerate(lines) if line.text == "::endgroup::"), 0)
        return lines[end + 1 :]
    return lines


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""
