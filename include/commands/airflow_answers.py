"""What Airflow's REST API answers: runs, tasks, log lines, and errors in one line."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import httpx

from include.errors import CommandError, UnreachableError

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


def checked(answer: httpx.Response) -> httpx.Response:
    """Return the answer if it is a good one.

    Raises:
        UnreachableError: The server is not well.
        CommandError: It tells of another error.
    """
    if answer.is_success:
        return answer
    where = f"{answer.request.method} {answer.request.url.copy_with(query=None)}"
    # Airflow 3.3 says 403 of a token that it cannot read, and 401 of one that is missing or has expired.
    if answer.status_code == httpx.codes.UNAUTHORIZED or "JWT" in answer.text:
        raise CommandError(f"Airflow refuses the token ({where}): has it expired? {detail_of(answer)}")
    if answer.status_code == httpx.codes.FORBIDDEN:
        raise CommandError(f"this user may not do that in Airflow ({where}): {detail_of(answer)}")
    kind = UnreachableError if answer.is_server_error else CommandError
    raise kind(f"Airflow answers {answer.status_code} to {where}: {detail_of(answer)}")


def detail_of(answer: httpx.Response) -> str:
    """Return what the server says about an error, in one line."""
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = answer.text
    if isinstance(detail, list):  # FastAPI's findings about a request
        detail = "; ".join(f"{'.'.join(map(str, item.get('loc', [])))}: {item.get('msg')}" for item in detail)
    first = str(detail).strip().split("\n", maxsplit=1)[0]
    return first[:500] or answer.reason_phrase


def parse_run(item: Mapping[str, Any]) -> DagRun:
    """Return a run from its JSON form."""
    return DagRun(
        dag_id=str(item["dag_id"]),
        run_id=str(item["dag_run_id"]),
        state=str(item["state"]),
        started_at=_time(item["start_date"]),
        ended_at=_time(item["end_date"]),
    )


def parse_task_instance(item: Mapping[str, Any]) -> TaskInstance:
    """Return a task from its JSON form."""
    return TaskInstance(
        task_id=str(item["task_id"]),
        map_index=int(item["map_index"]),
        try_number=int(item["try_number"]),
        state=item["state"],
        started_at=_time(item["start_date"]),
        seconds=item["duration"],
    )


def parse_log_line(item: Mapping[str, Any] | str) -> LogLine:
    """Return a log line from its JSON form, or from the text that Airflow could not parse."""
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


def without_source_details(lines: list[LogLine]) -> list[LogLine]:
    """Leave out what the API server puts in front about where it read the log: it changes from answer to answer."""
    if lines and lines[0].text == "::group::Log message source details":
        end = next((i for i, line in enumerate(lines) if line.text == "::endgroup::"), 0)
        return lines[end + 1 :]
    return lines


def last_line(text: str) -> str:
    """Return the last line of a text."""
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
