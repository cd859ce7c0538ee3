"""A classifier in one line: is it well, why not, and what waits for people."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from include.catalog.broken import BROKEN_IMAGES
from include.config import PipelineConfig
from include.drift.arbiter.verdict import ACTING, Action, Verdict
from include.drift.checks import DriftCheck, latest_check
from include.models.paired_tests import binomial_tail
from include.notify.check_words import headline
from include.registry.ledger import Champion, read_champion
from include.registry.status import LATE_S, LateAlert, LatestRun
from include.warehouse.session import Warehouse

Level = Literal["well", "watch", "act", "none"]
"""How much a classifier needs a person: not at all; to know something; to do something; nobody can tell yet."""

_CHANCE = 0.01
"""How likely so many wrong answers may be of a version that is as accurate as the gate asks, to be taken for chance."""
_FAILED = re.compile(r"(^|; )failed: ")
"""How the outcome of a run tells which of its tasks failed."""


@dataclass(frozen=True, kw_only=True)
class ChampionLine:
    """The version in production."""

    version: int
    since: datetime
    tested_accuracy: float | None
    """On the held-out images of its training."""
    measured_accuracy: float | None
    """Of its answers to new images that people have labelled at random; None: there is none."""
    n_labelled: int
    estimated_accuracy: float | None
    """Without labels, of the window that was checked last; None: none was, or it could not be estimated."""


@dataclass(frozen=True, kw_only=True)
class CheckLine:
    """The last drift check."""

    check_id: str
    version: int
    verdict: Verdict
    action: Action
    headline: str
    """In words."""
    reasons: tuple[str, ...]
    n_images: int
    checked_at: datetime


class OpenApproval(NamedTuple):
    """A request that waits for a person."""

    request_id: str
    run_id: str
    kind: Literal["retraining", "promotion"]
    version: int
    """Of a retraining the champion that drifted, of a promotion the challenger."""
    n_needed: int
    n_approved: int
    requested_at: datetime
    expires_at: datetime


class State(NamedTuple):
    """How a classifier is, in words."""

    level: Level
    summary: str
    """In a sentence."""
    advice: str | None = None
    """What to do next, if there is something."""


@dataclass(frozen=True, kw_only=True)
class Overview:
    """How a classifier is."""

    name: str
    state: State
    champion: ChampionLine | None
    check: CheckLine | None
    n_waiting: int
    """Readable incoming images without an answer."""
    approvals: tuple[OpenApproval, ...]
    latest_runs: tuple[LatestRun, ...]
    n_late_alerts: int
    """People who should have been told something by now and were not."""


class _Count(NamedTuple):
    n: int


class _Measured(NamedTuple):
    n_labelled: int
    n_right: int


def read_overview(warehouse: Warehouse, config: PipelineConfig) -> Overview:
    """Return how a classifier is."""
    champion = read_champion(warehouse)
    check = latest_check(warehouse)
    approvals = tuple(warehouse.fetch("status/select_open_approvals", OpenApproval))
    runs = tuple(warehouse.fetch("runs/select_latest_runs", LatestRun))
    n_waiting = warehouse.fetch("status/count_waiting", _Count, stage_name=config.stages.incoming.name)[0].n
    n_late = len(warehouse.fetch("alerts/select_late_alerts", LateAlert, seconds=LATE_S))
    line = _champion_line(warehouse, champion, check) if champion else None
    state = state_of(line, check, approvals, runs, n_late, min_accuracy=config.gate.min_accuracy)
    return Overview(
        name=config.name,
        state=state,
        champion=line,
        check=_check_line(check) if check else None,
        n_waiting=n_waiting,
        approvals=tuple(_in_utc(approval) for approval in approvals),
        latest_runs=runs,
        n_late_alerts=n_late,
    )


def _champion_line(warehouse: Warehouse, champion: Champion, check: DriftCheck | None) -> ChampionLine:
    measured = warehouse.fetch("status/select_measured_accuracy", _Measured, version=champion.version)[0]
    return ChampionLine(
        version=champion.version,
        since=champion.since,
        tested_accuracy=champion.metrics.get("accuracy"),
        measured_accuracy=measured.n_right / measured.n_labelled if measured.n_labelled else None,
        n_labelled=measured.n_labelled,
        estimated_accuracy=check.estimated_accuracy if check and check.version == champion.version else None,
    )


def _check_line(check: DriftCheck) -> CheckLine:
    return CheckLine(
        check_id=check.check_id,
        version=check.version,
        verdict=check.verdict,
        action=check.action,
        headline=_headline(check),
        reasons=check.reasons,
        n_images=check.n_images,
        checked_at=check.checked_at,
    )


def _headline(check: DriftCheck) -> str:
    if check.verdict in ACTING:
        return headline(check)
    return {
        "STABLE": f"version {check.version} answers as on the day it was accepted",
        "MIX_CHANGED": "other classes are more common than before, which explains what changed",
    }.get(check.verdict, f"too few new answers of version {check.version} to judge yet")


def state_of(
    champion: ChampionLine | None,
    check: DriftCheck | None,
    approvals: Sequence[OpenApproval],
    runs: Sequence[LatestRun],
    n_late: int,
    *,
    min_accuracy: float,
) -> State:
    """Return how the classifier is: of several things, what is most urgent."""
    judged = check if check is not None and champion is not None and check.version == champion.version else None
    found = (
        _waits_for_person(approvals)
        or (None if champion else _has_no_champion(runs))
        or _has_drifted(judged)
        or _is_often_wrong(champion, min_accuracy)
        or _has_run_into_trouble(runs, n_late)
    )
    if found:
        return found
    if judged is None:
        version = champion.version if champion else None
        return State("none", f"Version {version} is in production and not checked for drift yet.")
    level: Level = {"STABLE": "well", "MIX_CHANGED": "watch"}.get(judged.verdict, "none")  # type: ignore[assignment]
    return State(level, _sentence(_headline(judged)))


def _waits_for_person(approvals: Sequence[OpenApproval]) -> State | None:
    if not approvals:
        return None
    first = approvals[0]
    asked = {
        "retraining": f"train a new version, after drift of version {first.version}",
        "promotion": f"let version {first.version} into production",
    }
    return State("act", f"Waits for a person: {asked[first.kind]}?", "Look at the evidence, then approve or reject.")


def _has_no_champion(runs: Sequence[LatestRun]) -> State:
    training = next((run for run in runs if run.kind == "training"), None)
    if training is None:
        return State(
            "none", "No champion yet.", "Press Train: the first version that passes the gate becomes champion."
        )
    if training.finished_at is None:
        return State("none", "No champion yet: a training is under way.")
    return State(
        "act", f"No champion yet. The last training: {training.outcome}.", "Look at its run, then press Train."
    )


def _has_drifted(check: DriftCheck | None) -> State | None:
    if check is None or check.verdict not in ACTING or check.action == "ROLL_BACK":
        return None
    return State("act", _sentence(_headline(check)), "The reasons are below; the runbook says what to press.")


def _is_often_wrong(champion: ChampionLine | None, min_accuracy: float) -> State | None:
    """Tell a champion that labels show to be worse than the gate asks for, whatever a drift check still waits for."""
    if champion is None or champion.measured_accuracy is None:
        return None
    n_wrong = champion.n_labelled - round(champion.measured_accuracy * champion.n_labelled)
    if not 0 < min_accuracy < 1 or binomial_tail(n_wrong, champion.n_labelled, 1 - min_accuracy) > _CHANCE:
        return None
    return State(
        "act",
        f"Of {champion.n_labelled:,} answers of version {champion.version} that were labelled at random, "
        f"{champion.measured_accuracy:.0%} are right; the gate asks for {min_accuracy:.0%}.",
        "Press Train, so that a new version learns from these labels, or Roll back.",
    )


def _has_run_into_trouble(runs: Sequence[LatestRun], n_late: int) -> State | None:
    for run in runs:
        if _has_failed(run):
            return State("watch", f"The last {run.kind} run: {run.outcome}.", "Look at its log in Airflow.")
    if n_late:
        told = f"{n_late} message{' was' if n_late == 1 else 's were'} not delivered."
        return State("watch", told, "Look at the DAG of alerts: its log says why.")
    return None


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _has_failed(run: LatestRun) -> bool:
    """Whether tasks of a run failed, or its images were broken: its outcome then says so."""
    outcome = run.outcome or ""
    return outcome.startswith(BROKEN_IMAGES) or bool(_FAILED.search(outcome))


def _in_utc(approval: OpenApproval) -> OpenApproval:
    return approval._replace(
        requested_at=approval.requested_at.replace(tzinfo=UTC), expires_at=approval.expires_at.replace(tzinfo=UTC)
    )
