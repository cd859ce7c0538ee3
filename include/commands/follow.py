"""Follow a run to its end: its tasks' log lines as they come, how each task ended, and what to do if one failed."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple

from include.commands.airflow_answers import DagRun, LogLine, LogPosition, TaskInstance
from include.commands.airflow_api import AirflowApi
from include.commands.console import Output, Step
from include.errors import RunFailedError, UnreachableError

_POLL_S = 0.5
_HEALTH_CHECK_S = 15.0
_OUR_LOGGERS = ("include.", "driftgate", "airflow.task.operators.driftgate")
_TELLING = ("driftgate.mailing", "include.notify.", "airflow.task.operators.driftgate.operators.deliver_alerts")
"""What these log is about what people are told, not about what the run came to."""
_AIRFLOW_FILES = frozenset({"branch.py", "skipmixin.py"})
"""What they log in the name of our operators is about Airflow's bookkeeping."""
_ERROR_LEVELS = frozenset({"error", "critical"})
_AIRFLOW_FAILURE = "AirflowFailException: "
"""How a message of our own reaches the log: it says by itself what is wrong."""


class FollowedRun(NamedTuple):
    """A run that came to its end."""

    run: DagRun
    page: str
    outcome: str | None
    """The last line that a task of ours logged."""
    tasks: tuple[TaskInstance, ...]


@dataclass
class _FollowedTask:
    """How far the log of one try of a task was shown."""

    position: LogPosition = field(default_factory=LogPosition)
    is_told: bool = False
    """Whether its end was shown."""
    is_read: bool = False
    """Whether its log was read once more after its end: the last lines may come after the state."""
    last_error: str | None = None


@dataclass
class RunFollower:
    """Shows one run.

    Args:
        api: Where the run is.
        output: Where to show it.
        verbose: Whether to show what Airflow and libraries log, too.
        start_hint: What to do when no scheduler runs.
    """

    api: AirflowApi
    output: Output
    verbose: bool = False
    start_hint: str = "start it"
    _tasks: dict[tuple[str, int, int], _FollowedTask] = field(default_factory=dict)
    _outcome: str | None = None

    def follow(self, run: DagRun) -> FollowedRun:
        """Show the run until it ends.

        Raises:
            RunFailedError: It failed; the message names the task, its error, and where its log is.
            UnreachableError: Airflow does not answer any more, or no scheduler runs.
        """
        self._say(f"{run.dag_id} {run.run_id}: {self.api.run_page(run)}")
        with self.output.progress(run.dag_id) as step:
            run, tasks = self._wait(run, step)
        return self._end(run, tasks)

    def _wait(self, run: DagRun, step: Step) -> tuple[DagRun, list[TaskInstance]]:
        checked = time.monotonic()
        while True:
            run = self.api.run(run.dag_id, run.run_id)  # before its tasks: none changes after the run has ended
            tasks = self.api.task_instances(run)
            for task in tasks:
                self._show(run, task)
            step.show(sum(task.is_finished for task in tasks), len(tasks))
            if run.is_finished and all(self._is_done(task) for task in tasks):
                return run, tasks
            if time.monotonic() - checked > _HEALTH_CHECK_S:
                checked = time.monotonic()
                self._refuse_dead_scheduler(run)
            time.sleep(_POLL_S)

    def _show(self, run: DagRun, task: TaskInstance) -> None:
        if task.try_number == 0 or task.started_at is None:  # skipped, or its turn has not come
            return
        followed = self._tasks.setdefault((task.task_id, task.map_index, task.try_number), _FollowedTask())
        if followed.is_read:
            return
        for line in self.api.read_log(run, task, followed.position):
            self._show_line(task, followed, line)
        if followed.is_told:
            followed.is_read = True
        elif task.is_finished or task.state == "up_for_retry":
            followed.is_told = True
            again = ", and is tried again" if task.state == "up_for_retry" else ""
            self._say(f"{task.label} | {task.state} in {task.seconds or 0:.1f} s{again}", style=_style(task.state))

    def _show_line(self, task: TaskInstance, followed: _FollowedTask, line: LogLine) -> None:
        text = " ".join(line.text.split())
        is_error = line.level in _ERROR_LEVELS
        is_ours = line.logger.startswith(_OUR_LOGGERS) and line.file not in _AIRFLOW_FILES
        if is_error:
            followed.last_error = " ".join((line.error or line.text).split()).removeprefix(_AIRFLOW_FAILURE)
            text = followed.last_error
        elif is_ours and line.level != "debug" and not line.logger.startswith(_TELLING):
            self._outcome = text
        if self.verbose or is_ours or is_error:
            self._say(f"{task.label} | {text}", at=line.at, style="red" if is_error else None)

    def _is_done(self, task: TaskInstance) -> bool:
        followed = self._tasks.get((task.task_id, task.map_index, task.try_number))
        return followed is None or followed.is_read

    def _refuse_dead_scheduler(self, run: DagRun) -> None:
        if not self.api.scheduler_is_healthy():
            raise UnreachableError(
                f"no scheduler runs at {self.api.url}: {self.start_hint}; {run.run_id} of {run.dag_id} goes on then"
            )

    def _end(self, run: DagRun, tasks: list[TaskInstance]) -> FollowedRun:
        seconds = run.seconds or 0.0
        if run.state == "success":
            self._say(f"{run.dag_id} succeeded in {seconds:.1f} s", style="green")
            return FollowedRun(run, self.api.run_page(run), self._outcome, tuple(tasks))
        failed = [task for task in tasks if task.state == "failed"]
        reasons = [
            f"{task.label}: {self._last_error(task)}\n  its log: {self.api.log_page(run, task)}" for task in failed
        ] or [f"Airflow says {run.state}, and no task failed: {self.api.run_page(run)}"]
        raise RunFailedError(f"{run.dag_id} failed after {seconds:.1f} s in " + "\n".join(reasons))

    def _last_error(self, task: TaskInstance) -> str:
        followed = self._tasks.get((task.task_id, task.map_index, task.try_number))
        return (followed and followed.last_error) or "ended without an error in its log (killed?)"

    def _say(self, text: str, *, at: datetime | None = None, style: str | None = None) -> None:
        moment = (at or datetime.now(UTC)).astimezone()
        self.output.say(f"{moment:%H:%M:%S} {text}", style=style)


def _style(state: str | None) -> str | None:
    return {"success": "green", "failed": "red", "up_for_retry": "yellow"}.get(state or "")
