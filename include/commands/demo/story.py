"""The demo's chapters: each starts runs through Airflow, follows them, and notes what they came to."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rich.table import Table
from rich.text import Text

from include.catalog.runs import rescoring_run_id, run_id_of
from include.commands.access import open_airflow, start_hint
from include.commands.console import Output
from include.commands.demo.findings import Answer, Findings, accuracy_of, read_findings
from include.commands.demo.stopwatch import Stopwatch
from include.commands.follow import FollowedRun, RunFollower
from include.commands.local.digits import TURNED_FOLDER
from include.commands.local.state import LocalState
from include.commands.runs import run_dag
from include.commands.warehouse_access import open_warehouse
from include.config import PipelineConfig
from include.errors import CommandError

_PATIENCE_S = 30.0
"""How long a run that another one starts may take to be there."""
_POLL_S = 0.5


class Chapter(NamedTuple):
    """What a step of the demo came to."""

    title: str
    outcome: str
    verdict: str | None
    """Of the drift check, if the step made one."""
    action: str | None
    report_path: str | None
    champion: int | None
    upright_accuracy: float | None
    """Of the current answers to the images of the camera that stayed as it was."""
    turned_accuracy: float | None
    """Of the current answers to the images of the camera that was turned; None before."""


@dataclass
class Story:
    """What has happened so far.

    Args:
        state: The demo's instance.
        config: Its pipeline.
        output: Where it is told.
        stopwatch: How long the steps took.
        truth: The true class of each incoming image so far, by its path; the pipeline never sees it but as labels.
        verbose: Whether to show what Airflow and libraries log, too.
    """

    state: LocalState
    config: PipelineConfig
    output: Output
    stopwatch: Stopwatch
    truth: dict[str, str]
    verbose: bool = False
    chapters: list[Chapter] = field(default_factory=list)
    runs: dict[str, FollowedRun] = field(default_factory=dict)
    """By the step that started them."""
    delivered_answers: tuple[Answer, ...] = ()
    """As they were after the latest delivery of images."""

    def train(self, step: str, title: str, **params: Any) -> None:
        """Train through the trigger form."""
        with self.stopwatch.step(step, title):
            self._run(step, "training", params)
            self._note(title, step)

    def infer(self, step: str, title: str) -> None:
        """Classify what is new."""
        with self.stopwatch.step(step, title):
            self._run(step, "inference", {})
            self._note(title, step)

    def deliver(self, step: str, title: str, write: Callable[[], Mapping[str, str]]) -> None:
        """Let images arrive, and classify them.

        Args:
            step: The step's name.
            title: What happens.
            write: Writes the images and returns the truth.
        """
        with self.stopwatch.step(step, title):
            self.truth |= write()
            self._run(step, "inference", {})
            self.delivered_answers = self._note(title, step).answers

    def label(self, step: str, title: str) -> None:
        """Label the images of the turned camera, and let the next check see it."""
        from include.catalog.labels import GivenLabel, add_labels

        with self.stopwatch.step(step, title):
            stage = self.config.stages.incoming.name
            labels = [
                GivenLabel(stage=stage, relative_path=path, label=label, source="demo")
                for path, label in sorted(self.truth.items())
                if path.startswith(f"{TURNED_FOLDER}/")
            ]
            with open_warehouse(self.config, self.state) as warehouse:
                n = add_labels(warehouse, labels, work_path="demo-labels")
            self.output.say(f"{n} rows of LABELS")
            self._run(step, "inference", {})
            self._note(title, step)

    def follow_retraining(self, step: str, title: str) -> None:
        """Follow the training that the latest check has asked for.

        Raises:
            CommandError: There is none.
        """
        with self.stopwatch.step(step, title):
            check = self.findings().checks[-1]
            found = f"check {check.check_id} ({check.verdict}, {check.action})"
            self._follow(step, "training", f"drift__{check.check_id}", started_by=found)
            self._note(title, step)

    def roll_back(self, step: str, title: str, *, reason: str) -> None:
        """Roll back to the previous version."""
        with self.stopwatch.step(step, title):
            self._run(step, "rollback", {"reason": reason})
            self._note(title, step)

    def follow_rescoring(self, step: str, title: str, *, rollback: str) -> None:
        """Follow the inference run that a rollback has started.

        Args:
            step: The step's name.
            title: What happens.
            rollback: The step that rolled back.

        Raises:
            CommandError: There is none.
        """
        with self.stopwatch.step(step, title):
            made = self.runs[rollback].run
            run_id = rescoring_run_id(run_id_of(made.dag_id, made.run_id))
            self._follow(step, "inference", run_id, started_by="the rollback")
            self._note(title, step)

    def chapter(self, step: str) -> Chapter:
        """Return what a step came to."""
        return dict(zip(self.runs, self.chapters, strict=True))[step]

    def findings(self) -> Findings:
        """Return what the warehouse holds now."""
        from include.registry.status import read_status

        with open_warehouse(self.config, self.state) as warehouse:
            return read_findings(warehouse, n_pending=read_status(warehouse, self.config).n_pending)

    def show_chapters(self) -> None:
        """Show the story as a table."""
        table = Table(title="The story", show_lines=True)
        table.add_column("STEP", ratio=1)
        for name in ("VERDICT, ACTION", "CHAMPION", "UPRIGHT", "TURNED"):
            table.add_column(name, no_wrap=True)
        for chapter in self.chapters:
            table.add_row(
                Text(chapter.title),
                f"{chapter.verdict},\n{chapter.action}" if chapter.verdict else "",
                str(chapter.champion or ""),
                percent(chapter.upright_accuracy),
                percent(chapter.turned_accuracy),
            )
        self.output.table(table)
        self.output.say(
            "UPRIGHT, TURNED: the share of each camera's images whose answer is right (without one: wrong)."
        )

    def _run(self, step: str, kind: str, params: Mapping[str, Any]) -> None:
        self.runs[step] = run_dag(
            kind, self.config.name, params, state=self.state, output=self.output, verbose=self.verbose
        )

    def _follow(self, step: str, kind: str, run_id: str, *, started_by: str) -> None:
        """Follow a run that another one starts; it may not be there yet."""
        deadline = time.monotonic() + _PATIENCE_S
        with open_airflow(self.state) as api:
            while (run := api.find_run(f"{self.config.name}_{kind}", run_id)) is None:
                if time.monotonic() > deadline:
                    raise CommandError(f"{started_by} has started no {kind} run")
                time.sleep(_POLL_S)
            follower = RunFollower(api, self.output, verbose=self.verbose, start_hint=start_hint(self.state))
            self.runs[step] = follower.follow(run)

    def _note(self, title: str, step: str) -> Findings:
        """Note what a step came to."""
        followed = self.runs[step]
        findings = self.findings()
        run_id = f"{followed.run.dag_id}/{followed.run.run_id}"
        check = next((check for check in findings.checks if check.run_id == run_id), None)
        answered = findings.answers
        chapter = Chapter(
            title=title,
            outcome=findings.outcomes.get(run_id) or followed.run.state,
            verdict=check.verdict if check else None,
            action=check.action if check else None,
            report_path=check.report_path if check else None,
            champion=findings.champion,
            upright_accuracy=accuracy_of(answered, self.truth, turned=False) if answered else None,
            turned_accuracy=accuracy_of(answered, self.truth, turned=True) if answered else None,
        )
        self.chapters.append(chapter)
        self._say(chapter)
        return findings

    def _say(self, chapter: Chapter) -> None:
        verdict = f"{chapter.verdict}, {chapter.action}; " if chapter.verdict else ""
        self.output.say(f"→ {verdict}champion: version {chapter.champion}", style="green")
        if chapter.report_path:
            self.output.say(f"→ report: {self.state.store / self.config.name / chapter.report_path}", style="green")


def percent(share: float | None) -> str:
    """Return a share in per cent, nothing for none."""
    return "" if share is None else f"{share:.1%}"
