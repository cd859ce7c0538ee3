"""What each mail says: what happened, why, what follows, and what the reader can do now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from include.notify.mail import Message

if TYPE_CHECKING:  # a task that only tells something needs none of what they import
    from include.drift.checks import DriftCheck
    from include.registry.promotion import Decision
    from include.registry.rollback import Rollback

Links = Sequence[tuple[str, str]]


def promoted(pipeline: str, decision: Decision, *, links: Links) -> Message:
    """Tell that a version is champion now."""
    version = decision.version
    return Message(
        pipeline=pipeline,
        kind="promoted",
        headline=f"version {version} is champion",
        sentences=(
            f"Version {version} has passed the gate and is in production.",
            "From the next inference run on it answers the new images, and drift is measured against its own baseline. "
            "The answers of earlier versions stay where it has given none of its own.",
        ),
        reasons=decision.reasons,
        actions=(
            "Nothing has to be done.",
            f"If it proves worse than the champion before it, if there was one: `./driftgate rollback {pipeline} "
            '--reason "…"` restores that one, with its answers.',
        ),
        facts=(("Version", str(version)), ("Outcome", decision.outcome)),
        links=tuple(links),
    )


def refused(pipeline: str, decision: Decision, *, links: Links) -> Message:
    """Tell that a challenger was not promoted: the gate refused it, or another run was faster."""
    version = decision.version
    if decision.outcome == "LOST_RACE":
        headline = f"version {version} came too late"
        happened = (
            f"The champion changed while version {version} was evaluated. What it was compared with is no longer in "
            "production, so it is not promoted."
        )
        actions: tuple[str, ...] = (
            f"`./driftgate status {pipeline}` shows the champion.",
            f"If a newer model is still wanted: `./driftgate train {pipeline}` trains one and compares it with today's "
            "champion.",
        )
    else:
        headline = f"version {version} was refused, the champion stays"
        happened = f"Version {version} was trained and registered, but the gate did not let it pass."
        actions = (
            f"`./driftgate status {pipeline}` shows the champion; each figure of the gate is in METRICS of version "
            f"{version} in MODEL_VERSIONS, under the key gate.",
            "What the gate asks for is in the pipeline file, under gate. If the refusal is right, more or better "
            f"labels help, or other settings for one run: `./driftgate train {pipeline} --help` lists them.",
        )
    return Message(
        pipeline=pipeline,
        kind="refused",
        headline=headline,
        sentences=(happened, "The champion stays, and nothing changes for those who read the answers."),
        reasons=decision.reasons,
        actions=actions,
        facts=(("Version", str(version)), ("Outcome", decision.outcome)),
        links=tuple(links),
    )


def drift(pipeline: str, check: DriftCheck, *, links: Links) -> Message:
    """Tell what a drift check has found that something follows from, and what follows."""
    headline, follows = _what_follows(check)
    if check.verdict == "DATA_DRIFT" and "confidences" not in check.statistics:
        found = (
            f"Labels have arrived for the drift that an earlier check found in the answers of version {check.version}."
        )
    else:
        found = (
            f"The answers of version {check.version} to {_count(check.n_images, 'new image')} no longer look like "
            "those of the day it was accepted."
        )
    return Message(
        pipeline=pipeline,
        kind="drift",
        headline=headline,
        sentences=(found, follows),
        reasons=check.reasons,
        actions=_drift_actions(pipeline, check),
        facts=_check_facts(check),
        links=tuple(links),
    )


def approval_wanted(pipeline: str, check: DriftCheck, *, hours: float, links: Links) -> Message:
    """Ask for the approval of a retraining.

    Args:
        pipeline: Its name.
        check: The drift check that asks for it.
        hours: How long it waits for an answer.
        links: The page that approves first, then the one that rejects, then any others.
    """
    return Message(
        pipeline=pipeline,
        kind="approval",
        headline=f"may a new model be trained? (drift of version {check.version})",
        sentences=(
            f"A training run was started because of drift, and waits for an answer before it does any work. "
            f"Without one within {_hours(hours)} the request counts as rejected.",
            "Approved: a challenger is trained on all labelled images, and becomes champion only if it passes the "
            f"gate. Rejected: version {check.version} stays champion, and goes on answering.",
        ),
        reasons=check.reasons,
        actions=(
            "The links open Airflow's page with the answer filled in; it counts once you have logged in and confirmed "
            "it there. The first answer wins.",
            "Look at some of the new images first: if they are broken, or not what this model is for, reject.",
        ),
        facts=_check_facts(check),
        links=tuple(links),
    )


def rolled_back(pipeline: str, rollback: Rollback, *, reason: str, actor: str, links: Links) -> Message:
    """Tell that a former champion is champion again."""
    back, bad = rollback.version, rollback.from_version
    if rollback.n_pending:
        pending = (
            f"{_count(rollback.n_pending, 'image')} that only recalled versions had answered will be answered by the "
            "next inference run."
        )
        actions: tuple[str, ...] = (f"`./driftgate infer {pipeline}` starts that run now.",)
    else:
        pending, actions = "Every image that had an answer still has one.", ()
    return Message(
        pipeline=pipeline,
        kind="rolled_back",
        headline=f"rolled back from version {bad} to version {back}",
        sentences=(
            f"Every version promoted since version {back} is recalled: its answers no longer count. Those of version "
            f"{back} show again.",
            pending,
        ),
        reasons=(reason,),
        actions=(
            *actions,
            f'If that was wrong: `./driftgate rollback {pipeline} --to {bad} --reason "…"` brings version {bad} back.',
        ),
        facts=(
            ("Champion", f"version {back}"),
            ("In place of", f"version {bad}"),
            ("Pending images", f"{rollback.n_pending:,}"),
            ("Decided by", actor),
            ("Event", str(rollback.event_seq)),
        ),
        links=tuple(links),
    )


def _what_follows(check: DriftCheck) -> tuple[str, str]:
    """Return the headline of a check, and what is done about it."""
    version = check.version
    if check.action == "ROLL_BACK":
        return (
            f"version {version} got worse, the previous one takes over again",
            "The previous version still looks at home on the same images, so it is champion again: another mail tells "
            "what that changes.",
        )
    if check.action == "REQUEST_RETRAINING":
        return (
            f"drift of version {version}, a retraining is asked for",
            "A training run follows. If the pipeline asks a person first (retraining.mode approval), it waits, and "
            "another mail asks for the answer.",
        )
    unchanged = f"Nothing was started: version {version} stays champion, and goes on answering."
    if _wants_labels(check):
        return f"drift of version {version}, labels are wanted", unchanged
    return f"drift of version {version}, nothing was started", unchanged


def _wants_labels(check: DriftCheck) -> bool:
    n_new, n_needed = check.statistics.get("n_new_labels", 0), check.thresholds.get("min_new_labels", 0)
    return check.action == "ALERT" and check.verdict == "DATA_DRIFT" and bool(n_new < n_needed)


def _drift_actions(pipeline: str, check: DriftCheck) -> tuple[str, ...]:
    look = "Look at some of the new images: if they are broken, mend what sends them, and do not train on them."
    if check.action == "ROLL_BACK":
        return ("Nothing has to be done now.", "Find out what the version was trained on that made it worse.")
    if check.action == "REQUEST_RETRAINING":
        return (look,)
    if _wants_labels(check):
        n_new, n_needed = check.statistics.get("n_new_labels", 0), check.thresholds["min_new_labels"]
        return (
            look,
            f"Label what has changed: add rows to LABELS for images of the incoming stage, or put files into the "
            f"training stage. {n_new} of {n_needed} new labels are there; with all of them the next inference run asks "
            "for the retraining.",
        )
    train = f'`./driftgate train {pipeline} --reason "…"` trains a new model now.'
    if "previous" not in check.statistics:
        return (look, train)
    return (look, train, f'`./driftgate rollback {pipeline} --reason "…"` restores the previous version.')


def _check_facts(check: DriftCheck) -> tuple[tuple[str, str], ...]:
    compared = [
        (name, _compared(check.statistics.get(key), check.thresholds.get(key), unit))
        for name, key, unit in (
            ("Confidences", "confidences", " sd"),
            ("Predicted classes", "classes", ""),
            ("Previous version", "previous", " sd"),
        )
    ]
    facts = [
        ("Verdict", check.verdict),
        ("Action", check.action),
        ("Champion", f"version {check.version}"),
        ("New answers", f"{check.n_images:,}"),
        *((name, value) for name, value in compared if value),
    ]
    if "n_new_labels" in check.statistics and "min_new_labels" in check.thresholds:
        needed = check.thresholds["min_new_labels"]
        facts.append(("New labels", f"{check.statistics['n_new_labels']} (needed: {needed})"))
    if check.report_path:
        facts.append(("Report (in the store)", check.report_path))
    return (*facts, ("Check", check.check_id))


def _compared(measured: object, threshold: object, unit: str) -> str | None:
    """Return a distance beside its threshold; None if they were not compared."""
    if not isinstance(measured, Mapping) or not isinstance(threshold, int | float):
        return None
    of_version: Any = measured.get("version")
    before = f"version {of_version}: " if of_version is not None else ""
    return f"{before}distance {measured['distance']:.3f}{unit}, threshold {threshold:.3f}{unit}"


def _count(n: int, thing: str) -> str:
    return f"{n:,} {thing}" if n == 1 else f"{n:,} {thing}s"


def _hours(hours: float) -> str:
    if hours < 1:
        return _count(max(1, round(hours * 60)), "minute")
    return "1 hour" if hours == 1 else f"{hours:,.4g} hours"
