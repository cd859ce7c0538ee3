"""What each mail says: what happened, why, what follows, and what the reader can do now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from include.notify.check_facts import check_facts
from include.notify.check_words import headline, missing_labels, what_follows, what_to_do, what_was_found
from include.notify.mail import Message, Picture

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
    elif decision.outcome in {"STALE_APPROVAL", "NOT_APPROVED"}:
        is_stale = decision.outcome == "STALE_APPROVAL"
        headline = (
            f"version {version} {'is not what was approved' if is_stale else 'was not approved'}, the champion stays"
        )
        happened = f"Version {version} has no approval that holds for what it is now, so it is not promoted."
        actions = (
            "Find out what has changed it, and who: the digests that were approved stand in APPROVAL_REQUESTS.",
            f"If a newer model is still wanted: `./driftgate train {pipeline}` trains one and asks again.",
        )
    else:
        headline = f"version {version} was refused, the champion stays"
        happened = f"Version {version} was trained and registered, but the gate did not let it pass."
        actions = (
            f"`./driftgate status {pipeline}` shows the champion; each figure of the gate is in METRICS of version "
            f"{version} in MODEL_VERSIONS, under the key gate; those on the images that drifted are in CURE_CHECKS.",
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


def drift(pipeline: str, check: DriftCheck, *, links: Links, picture: Picture | None = None) -> Message:
    """Tell what a drift check has found that something follows from, and what follows.

    Args:
        pipeline: Its name.
        check: The check.
        links: Where to look.
        picture: Of the check.
    """
    return Message(
        pipeline=pipeline,
        kind="broken" if check.verdict == "BROKEN_IMAGES" else "drift",
        headline=headline(check),
        sentences=(what_was_found(check), what_follows(check)),
        reasons=check.reasons,
        actions=what_to_do(pipeline, check),
        facts=check_facts(check),
        links=tuple(links),
        pictures=_given(picture),
    )


def labels_wanted(
    pipeline: str,
    check: DriftCheck,
    *,
    n_requested: int,
    sheet: Picture | None,
    csv_path: str,
    links: Links,
    picture: Picture | None = None,
) -> Message:
    """Ask for labels, without which a retraining would teach nothing new.

    Args:
        pipeline: Its name.
        check: The drift check that asks.
        n_requested: The images that are asked about, at least one.
        sheet: The images.
        csv_path: The list to fill in, in the store.
        links: Where to look.
        picture: Of the check.
    """
    counted = missing_labels(check)
    so_far = f"{counted}, and nothing was started" if counted else "Nothing was started"
    return Message(
        pipeline=pipeline,
        kind="labels",
        headline=f"{headline(check)}: what do {_count(n_requested, 'image')} show?",
        sentences=(
            what_was_found(check),
            f"A retraining needs labels of such images: {so_far}. Version {check.version} stays champion, and goes on "
            "answering. When enough labels are in, the next inference run goes on by itself.",
        ),
        reasons=check.reasons,
        actions=(
            "Look at the images first: if they are broken, mend what sends them, and label none of them.",
            f"`./driftgate labels {pipeline} export wanted.csv` writes the list, which also lies in the store: fill in "
            "its column label. What you cannot tell stays empty.",
            f"`./driftgate labels {pipeline} import wanted.csv` loads the answers. Some are enough for a start, and "
            "loading them twice changes nothing.",
        ),
        facts=(("Images to label", f"{n_requested:,}"), ("List (in the store)", csv_path), *check_facts(check)),
        links=tuple(links),
        pictures=(*_given(sheet), *_given(picture)),
    )


def approval_wanted(
    pipeline: str, check: DriftCheck, *, hours: float, links: Links, picture: Picture | None = None
) -> Message:
    """Ask for the approval of a retraining.

    Args:
        pipeline: Its name.
        check: The drift check that asks for it.
        hours: How long it waits for an answer.
        links: The page that approves first, then the one that rejects, then any others.
        picture: Of the check.
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
        facts=check_facts(check),
        links=tuple(links),
        pictures=_given(picture),
    )


def rolled_back(pipeline: str, rollback: Rollback, *, reason: str, actor: str, links: Links) -> Message:
    """Tell that a former champion is champion again."""
    back, bad, recall = rollback.version, rollback.from_version, rollback.recall
    sentence = recall.sentence
    changed = f"{sentence[0].upper()}{sentence[1:]}."
    actions: tuple[str, ...] = ()
    if rollback.n_pending:
        changed += f" That run starts by itself, unless {pipeline}_inference is paused."
        actions = (f"`./driftgate infer {pipeline}` starts that run if it did not start.",)
    return Message(
        pipeline=pipeline,
        kind="rolled_back",
        headline=f"rolled back from version {bad} to version {back}",
        sentences=(
            f"Every version promoted since version {back} is recalled: its answers no longer count. Those of version "
            f"{back} show again.",
            changed,
        ),
        reasons=(reason,),
        actions=(
            *actions,
            f'If that was wrong: `./driftgate rollback {pipeline} --to {bad} --reason "…"` brings version {bad} back.',
        ),
        facts=(
            ("Champion", f"version {back}"),
            ("In place of", f"version {bad}"),
            ("Affected images", f"{recall.n_images:,}"),
            ("Changed labels", f"{recall.n_changed:,}"),
            ("Pending images", f"{rollback.n_pending:,}"),
            ("Decided by", actor),
            ("Event", str(rollback.event_seq)),
        ),
        links=tuple(links),
    )


def _given(picture: Picture | None) -> tuple[Picture, ...]:
    return () if picture is None else (picture,)


def _count(n: int, thing: str) -> str:
    return f"{n:,} {thing}" if n == 1 else f"{n:,} {thing}s"


def _hours(hours: float) -> str:
    if hours < 1:
        return _count(max(1, round(hours * 60)), "minute")
    return "1 hour" if hours == 1 else f"{hours:,.4g} hours"
