"""What the demo leaves behind for programs: `summary.json`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from include.commands.console import Output
from include.commands.demo.findings import Findings
from include.commands.demo.story import Story
from include.commands.follow import FollowedRun
from include.commands.local.mails import ReceivedMail
from include.commands.runs import described

_TURNED = {"turned_before": "drift", "turned_after": "cured", "turned_after_rollback": "rollback"}
"""The steps after which the turned camera's answers are judged, by what the summary calls that."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The demo in numbers."""

    versions: list[int]
    """All that were registered."""
    chapters: list[dict[str, Any]]
    """The story, step by step."""
    champions: list[int | None]
    """After each chapter."""
    accuracies: dict[str, float | None]
    """`test`: of the first champion on its test images; `test_N`: of version N; then the shares of right current
    answers: to the first new images, to those of the turned camera before and after the retraining and after the
    rollback."""
    predictions: int
    """Answers of all versions."""
    pending: int
    """Images that wait for an answer at the end: those that only the version that was rolled back had answered."""
    verdicts: list[str]
    actions: list[str]
    reports: list[str]
    """Paths below the pipeline's store."""
    mails: list[dict[str, str]]
    ledger: list[dict[str, Any]]
    tasks: dict[str, list[dict[str, Any]]]
    """Of each run, by its step."""
    hop_seconds: dict[str, float]
    mail_seconds: dict[str, float]
    """From the end of a drift check to the mail that tells of it, by the check's step, where people were told."""
    seconds: dict[str, float]
    dataset: dict[str, Any] | None = None
    """Of a demo on one's own images: how many they are, and what came of them."""

    def as_json(self) -> dict[str, Any]:
        """Return it in the form of the file."""
        return asdict(self)

    def write(self, path: Path) -> None:
        """Write the file."""
        path.write_text(json.dumps(self.as_json(), indent=2) + "\n", encoding="utf-8")

    def show_mails(self, output: Output) -> None:
        """Show the mails that came in."""
        table = Table("TO", "SUBJECT", title="The mails")
        for mail in self.mails:
            table.add_row(Text(mail["to"]), Text(mail["subject"]))
        output.table(table)


def summarise(
    story: Story, findings: Findings, *, mails: Sequence[ReceivedMail], dataset: Mapping[str, Any] | None = None
) -> Summary:
    """Return the demo in numbers.

    Args:
        story: What happened.
        findings: What the warehouse holds at the end.
        mails: What the mail catcher caught.
        dataset: What there is to say of one's own images.
    """
    accuracies: dict[str, float | None] = {f"test_{v.version}": v.accuracy for v in findings.versions}
    return Summary(
        versions=[version.version for version in findings.versions],
        chapters=[chapter._asdict() for chapter in story.chapters],
        champions=[chapter.champion for chapter in story.chapters],
        accuracies={
            "test": findings.versions[0].accuracy,
            **accuracies,
            "new_images": story.chapter("infer").upright_accuracy,
            **{name: story.chapter(step).turned_accuracy for name, step in _TURNED.items() if step in story.runs},
        },
        predictions=findings.n_predictions,
        pending=findings.n_pending,
        verdicts=[check.verdict for check in findings.checks],
        actions=[check.action for check in findings.checks],
        reports=[check.report_path for check in findings.checks if check.report_path],
        mails=[{"subject": mail.subject, "to": mail.to} for mail in mails],
        ledger=[row._asdict() for row in findings.ledger],
        tasks={step: described(run)["tasks"] for step, run in story.runs.items()},
        hop_seconds={step: hop_seconds(run) for step, run in story.runs.items()},
        mail_seconds={
            step: seconds for step, run in story.runs.items() if (seconds := mail_seconds(run, mails)) is not None
        },
        seconds={**story.stopwatch.seconds, "total": round(story.stopwatch.total, 2)},
        dataset=dict(dataset) if dataset is not None else None,
    )


def hop_seconds(followed: FollowedRun) -> float:
    """Return how long it took from the end of a task to the beginning of the next one, on average over a run.

    The demo's runs have one task at a time, so it is the run's time that no task was running.
    """
    ran = [task.seconds for task in followed.tasks if task.seconds]
    return round(max(0.0, (followed.run.seconds or 0.0) - sum(ran)) / max(1, len(ran)), 3)


def mail_seconds(followed: FollowedRun, mails: Sequence[ReceivedMail]) -> float | None:
    """Return how long after the end of a run's drift check the first mail came; None if none came in that run."""
    checked = [
        task.started_at + timedelta(seconds=task.seconds)
        for task in followed.tasks
        if task.task_id == "check_drift" and task.started_at and task.seconds is not None
    ]
    if not checked or followed.run.ended_at is None:
        return None
    waits = [
        (mail.received_at - checked[-1]).total_seconds()
        for mail in mails
        if checked[-1] <= mail.received_at <= followed.run.ended_at
    ]
    return round(min(waits), 3) if waits else None
