"""What each kind of alert tells, composed from the facts that it refers to when it is delivered.

A kind is a function in `MESSAGES`; those about approvals stand in `include/notify/approval_messages.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from include.errors import VanishedFactError
from include.notify.approval_messages import APPROVAL_MESSAGES
from include.notify.desk import Desk
from include.notify.mail import Message
from include.notify.outbox import Alert

if TYPE_CHECKING:  # a task that only tells something needs none of what they import
    from include.catalog.broken import Judgement
    from include.drift.checks import DriftCheck
    from include.registry.ledger import LedgerEvent


class _Made(NamedTuple):
    event_seq: int
    version: int
    from_version: int


def message_of(alert: Alert, desk: Desk) -> Message | None:
    """Compose what an alert tells.

    Args:
        alert: The alert.
        desk: Where the facts are.

    Returns:
        None if it is no longer wanted.

    Raises:
        KeyError: This release knows no such kind, or none with such references.
        VanishedFactError: What it is about is no longer there; so do other errors of ours that are not transient.
    """
    return MESSAGES[alert.kind](alert, desk)


def _drift(alert: Alert, desk: Desk) -> Message | None:
    """Tell what a check has found, unless nothing follows from it: a rollback of a champion that is gone."""
    from include.drift.checks import read_check
    from include.registry.ledger import champion_event_seq

    check = read_check(desk.warehouse, alert.about["check_id"])
    if check.action == "ROLL_BACK":
        made = desk.warehouse.fetch_one("registry/select_rollback", _Made, run_id=check.run_id)
        if made is None and champion_event_seq(desk.warehouse) != check.champion_event_seq:
            return None
    return _found(check, desk)


def _found(check: DriftCheck, desk: Desk) -> Message:
    from include.notify.check_picture import check_picture
    from include.notify.messages import drift

    links = desk.run_link("The run that found it", check.run_id)
    return drift(desk.config.name, check, links=links, picture=check_picture(desk.store, check))


def _labels(alert: Alert, desk: Desk) -> Message:
    """Ask for labels; of images that are all forgotten by now, what the check has found is left."""
    from include.catalog.requested import read_requests
    from include.drift.checks import read_check
    from include.notify.check_picture import check_picture
    from include.notify.messages import labels_wanted
    from include.notify.request_picture import request_picture
    from include.store.requested import list_path

    check = read_check(desk.warehouse, alert.about["check_id"])
    n_requested = len(read_requests(desk.warehouse, check.check_id))
    if not n_requested:
        return _found(check, desk)
    return labels_wanted(
        desk.config.name,
        check,
        n_requested=n_requested,
        sheet=request_picture(desk.store, check.check_id, n_requested=n_requested),
        csv_path=list_path(check.check_id),
        links=desk.run_link("The run that asks", alert.run_id),
        picture=check_picture(desk.store, check),
    )


def _broken(alert: Alert, desk: Desk) -> Message | None:
    """Tell that a run has stopped because of its images, unless all of them were repaired or forgotten since."""
    from include.notify.failure_messages import broken_images

    judgement = _judged(alert, desk)
    if not judgement.n_bad:
        return None
    dag_id, _, dag_run_id = alert.run_id.partition("/")
    return broken_images(
        desk.config.name,
        judgement,
        dag_id=dag_id,
        run_id=dag_run_id,
        max_bad_fraction=desk.config_of(alert.run_id).images.max_bad_fraction,
        is_training="snapshot_id" in alert.about,
        links=desk.run_link("The run", alert.run_id),
    )


def _judged(alert: Alert, desk: Desk) -> Judgement:
    from include.catalog.broken import judge_batches, judge_snapshot

    if "snapshot_id" in alert.about:
        return judge_snapshot(desk.warehouse, snapshot_id=alert.about["snapshot_id"])
    files = [desk.store.local_path(path) for path in alert.about["batches"] if desk.store.exists(path)]
    if not files:
        raise VanishedFactError(f"the batches of run {alert.run_id} are no longer in the store")
    return judge_batches(desk.warehouse, files, work_path=desk.work_path)


def _failed(alert: Alert, desk: Desk) -> Message:
    from include.notify.failure_messages import failed

    dag_id, _, dag_run_id = alert.run_id.partition("/")
    return failed(
        desk.config.name,
        dag_id=dag_id,
        run_id=dag_run_id,
        tasks=alert.about["tasks"],
        links=desk.run_link("The run", alert.run_id),
    )


def _promoted(alert: Alert, desk: Desk) -> Message:
    from include.notify.messages import promoted
    from include.registry.promotion import Decision

    event = _event(alert, desk, "PROMOTED")
    decision = Decision(
        version=alert.about["version"], outcome="PROMOTED", reason=event.reason or "", reasons=_sentences(event.reason)
    )
    return promoted(desk.config.name, decision, links=desk.run_link("The run that trained it", alert.run_id))


def _refused(alert: Alert, desk: Desk) -> Message:
    from include.notify.messages import refused
    from include.registry.promotion import Decision

    outcome = alert.about["outcome"]
    if outcome == "GATE_FAILED":
        reason = _event(alert, desk, "GATE_FAILED").reason
        reasons = _sentences(reason)
    else:
        reason = _why_it_came_too_late(alert, desk)
        reasons = (reason,)
    decision = Decision(version=alert.about["version"], outcome=outcome, reason=reason or "", reasons=reasons)
    return refused(desk.config.name, decision, links=desk.run_link("The run that trained it", alert.run_id))


def _why_it_came_too_late(alert: Alert, desk: Desk) -> str:
    """Return why a challenger that has passed the gate was not promoted, also while its run has not come to its end."""
    from include.registry.ledger import read_events

    run = desk.run(alert.run_id)
    if run and run.outcome:
        return run.outcome
    version = alert.about["version"]
    rejections = [event.reason for event in read_events(desk.warehouse, version) if event.event == "REJECTED"]
    return next(filter(None, reversed(rejections)), f"the champion changed while version {version} was evaluated")


def _rolled_back(alert: Alert, desk: Desk) -> Message:
    from include.notify.messages import rolled_back
    from include.registry.recalls import read_recall
    from include.registry.rollback import Rollback

    event = _event(alert, desk, "ROLLED_BACK")
    rollback = Rollback(
        version=alert.about["version"],
        from_version=event.from_version or 0,
        event_seq=event.event_seq,
        recall=read_recall(desk.warehouse, event_seq=event.event_seq),
    )
    return rolled_back(
        desk.config.name,
        rollback,
        reason=event.reason or "",
        actor=event.actor,
        links=desk.run_link("The run that rolled back", alert.run_id),
    )


def _event(alert: Alert, desk: Desk, kind: str) -> LedgerEvent:
    """Return what the alert's run has appended to the ledger about the alert's version."""
    from include.registry.ledger import read_events

    version = alert.about["version"]
    found = [e for e in read_events(desk.warehouse, version) if (e.event, e.run_id) == (kind, alert.run_id)]
    if not found:
        raise VanishedFactError(f"the ledger has no event {kind} of version {version} in run {alert.run_id}")
    return found[-1]


def _sentences(reason: str | None) -> tuple[str, ...]:
    """Return what the ledger has in one line: the gate's reasons, a sentence each."""
    return tuple(reason.split("; ")) if reason else ()


MESSAGES: Mapping[str, Callable[[Alert, Desk], Message | None]] = {
    "drift": _drift,
    "labels": _labels,
    "broken": _broken,
    "failed": _failed,
    "promoted": _promoted,
    "refused": _refused,
    "rolled_back": _rolled_back,
    **APPROVAL_MESSAGES,
}
