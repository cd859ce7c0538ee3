"""The verdict on a window: from the evidence to what it means, what is done, and why. Pure."""

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from include.config_parts import DriftConfig, RetrainingConfig
from include.drift.arbiter import reasons
from include.drift.arbiter.harm import has_dropped, is_better, is_clear
from include.drift.arbiter.probation import Probation
from include.drift.statistics.accuracy import Accuracy
from include.drift.statistics.measuring import WindowEvidence
from include.drift.statistics.signals import SignalName
from include.drift.statistics.thresholds import Comparison

Verdict = Literal[
    "INSUFFICIENT_DATA",
    "STABLE",
    "MIX_CHANGED",
    "MODEL_REGRESSION",
    "DATA_DRIFT",
    "CONCEPT_DRIFT",
    "BROKEN_IMAGES",
]
Action = Literal["NONE", "ALERT", "REQUEST_LABELS", "REQUEST_RETRAINING", "ROLL_BACK"]

ACTING: frozenset[Verdict] = frozenset({"MODEL_REGRESSION", "DATA_DRIFT", "CONCEPT_DRIFT", "BROKEN_IMAGES"})
"""The verdicts that something is done about."""

_MOST_INVALID = 0.5
"""Of a window's answers: with more invalid ones, the rest stands for nothing."""


@dataclass(frozen=True, kw_only=True)
class PreviousOnWindow:
    """The previous version's answers to the same window, beside its own baseline."""

    version: int
    accuracy: Accuracy | None
    """None: its baseline does not know which answers were right."""
    comparison: Comparison | None = None
    """Of its confidences; None: its baseline holds none."""


@dataclass(frozen=True, kw_only=True)
class RecentWindow:
    """An earlier window of this champion."""

    check_id: str
    acts: bool
    """Whether its verdict is one that something is done about."""


@dataclass(frozen=True, kw_only=True)
class Episode:
    """What was done since the last stable window: an episode lasts from the first alarm to the first stable window."""

    retraining_check_id: str | None = None
    """The check that asked for retraining."""
    rolled_back_check_id: str | None = None
    """The check that rolled back."""


@dataclass(frozen=True, kw_only=True)
class Requests:
    """The requests for retraining, whatever became of them."""

    hours_since_last: float | None = None
    """None: there was none."""
    n_last_week: int = 0
    """In the last seven days."""


@dataclass(frozen=True, kw_only=True)
class OpenDrift:
    """Drift that was found, or declared by a person, and waits for labels."""

    check_id: str
    """The check that found it."""
    finding: str
    """What it found, in a sentence."""
    verdict: Verdict = "DATA_DRIFT"
    has_asked: bool = True
    """Whether labels were asked for. Not yet, where a person has declared broken images normal."""
    has_told: bool = False
    """Whether people were told that there are enough labels by now, and why nothing is trained with them yet."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that a verdict depends on."""

    version: int
    """The champion."""
    n_images: int
    """Answers of the champion that no check has consumed."""
    window: WindowEvidence | None = None
    """What was measured; None: the window is not full, holds nothing valid, or the champion has no baseline."""
    n_invalid: int = 0
    """Answers of a full window whose confidence is not a number or not in 0…1."""
    previous: PreviousOnWindow | None = None
    """None: there is no earlier version to go back to, or it was not asked."""
    recent: tuple[RecentWindow, ...] = ()
    """The windows before this one, of this champion, the latest first."""
    probation: Probation | None = None
    """None: the champion has passed it, or has none."""
    episode: Episode = Episode()
    requests: Requests = Requests()
    n_new_labels: int | None = None
    """Labelled images that are not in the champion's snapshot; None: nobody counted them, there is no drift."""
    n_open_requests: int = 0
    """Images that people were asked to label since the last stable window, for this champion, and have not yet."""
    waits_for_labels: OpenDrift | None = None
    """None: there is none, or the champion has changed since, or retraining was asked for."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What a window means, and what is done."""

    verdict: Verdict
    action: Action
    reasons: tuple[str, ...]
    """Sentences that a person can read in a mail."""
    signal: SignalName | None = None
    """The one that spoke loudest; None: none did."""
    is_unconfirmed: bool = False
    """Whether nothing is done yet because another window has to say the same."""


def decide(evidence: Evidence, *, drift: DriftConfig, retraining: RetrainingConfig) -> Decision:
    """Judge a window.

    Args:
        evidence: What was measured and what was done before.
        drift: When a window is full, and which difference matters.
        retraining: When retraining may be asked for.
    """
    if evidence.n_images < drift.window:
        return _too_few(evidence, drift, retraining)
    if evidence.n_invalid > _MOST_INVALID * evidence.n_images:
        invalid = reasons.invalid_answers(evidence.n_invalid, evidence.n_images)
        return Decision(verdict="INSUFFICIENT_DATA", action="ALERT", reasons=(invalid, reasons.look_at_the_model()))
    if evidence.window is None:
        return Decision(
            verdict="INSUFFICIENT_DATA",
            action="NONE",
            reasons=(reasons.no_baseline(evidence.version, evidence.n_images),),
        )
    return _judge(evidence, evidence.window, drift, retraining)


class _Finding(NamedTuple):
    """What a full window means, before anything is done about it."""

    verdict: Verdict
    reasons: tuple[str, ...]


def _judge(evidence: Evidence, window: WindowEvidence, drift: DriftConfig, retraining: RetrainingConfig) -> Decision:
    """Judge a window that was measured."""
    finding = _find(evidence, window, drift)
    action, because = _act(evidence, window, finding, retraining)
    waits = _waits_for_windows(evidence, window, finding, drift)
    if waits is not None:
        action, because = "NONE", (waits,)
    loudest: SignalName | None = window.speaking[0].name if window.speaking else None
    return Decision(
        verdict=finding.verdict,
        action=action,
        reasons=(*finding.reasons, *because),
        signal="images" if window.jumps else loudest,
        is_unconfirmed=waits is not None,
    )


def _find(evidence: Evidence, window: WindowEvidence, drift: DriftConfig) -> _Finding:
    found = reasons.what_was_found(evidence.version, window, drift)
    if evidence.n_invalid:
        found = (*found, f"{reasons.invalid_answers(evidence.n_invalid, evidence.n_images)}, and do not count")
    if window.jumps:
        return _Finding("BROKEN_IMAGES", found)
    if window.is_accepted:
        return _Finding("DATA_DRIFT", (*found, reasons.accepted_images()))
    dropped = has_dropped(window, drift)
    if not window.speaking:
        labels_tell = window.accuracy is not None and window.accuracy.measured is not None
        return _Finding("CONCEPT_DRIFT" if dropped and labels_tell else "STABLE", found)
    return _explain(evidence.previous, window, found, drift) if dropped else _Finding("MIX_CHANGED", found)


def _explain(
    previous: PreviousOnWindow | None, window: WindowEvidence, found: tuple[str, ...], drift: DriftConfig
) -> _Finding:
    """Tell a model that got worse from data that did: on the same images, the version before would do better."""
    if previous is None:
        return _Finding("DATA_DRIFT", (*found, reasons.no_previous()))
    if previous.accuracy is not None and is_better(previous.accuracy, window.accuracy, drift):
        return _Finding("MODEL_REGRESSION", (*found, reasons.at_home(previous.version, previous.accuracy)))
    worse = reasons.not_at_home(previous.version, previous.accuracy, previous.comparison, drift)
    return _Finding("DATA_DRIFT", (*found, worse))


def _waits_for_windows(evidence: Evidence, window: WindowEvidence, finding: _Finding, drift: DriftConfig) -> str | None:
    """Return why nothing is done yet about a verdict that acts, as one window may be unlucky; None: it is done.

    A champion on probation is not given another one: the version before it has proved itself, and does better.
    """
    if finding.verdict == "MODEL_REGRESSION" and evidence.probation is not None:
        return None
    earlier = evidence.recent[: drift.of_windows - 1]
    n_acting = 1 + sum(one.acts for one in earlier)
    if finding.verdict not in ACTING or n_acting >= drift.alarms or is_clear(window, drift):
        return None
    return reasons.too_few_windows(n_acting, drift)


def _act(
    evidence: Evidence, window: WindowEvidence, finding: _Finding, retraining: RetrainingConfig
) -> tuple[Action, tuple[str, ...]]:
    """Return what is done about a verdict, and why."""
    match finding.verdict:
        case "BROKEN_IMAGES":
            return "ALERT", (reasons.broken_images(window.jumps),)
        case "MODEL_REGRESSION" if evidence.previous is not None:
            return _go_back(evidence, evidence.previous.version)
        case "DATA_DRIFT" | "CONCEPT_DRIFT":
            return _learn(evidence, retraining)
        case _:
            return "NONE", ()


def _go_back(evidence: Evidence, previous: int) -> tuple[Action, tuple[str, ...]]:
    """Restore the previous version, once: if that does not help, a second time would not, either.

    A champion on probation was promoted after that: it is another one that goes.
    """
    if evidence.probation is not None:
        return "ROLL_BACK", (reasons.on_probation(evidence.version, evidence.probation), reasons.restored(previous))
    done = evidence.episode.rolled_back_check_id
    if done is None:
        return "ROLL_BACK", (reasons.restored(previous),)
    return "ALERT", (reasons.rolled_back_before(done, previous),)


def _learn(evidence: Evidence, retraining: RetrainingConfig) -> tuple[Action, tuple[str, ...]]:
    """Retrain, if there is something new to learn from and nothing forbids it; with too little, ask for labels."""
    n_labels, n_needed = evidence.n_new_labels or 0, retraining.min_new_labels
    needs_a_person = _needs_a_person(evidence.episode, retraining)
    if n_labels < n_needed:
        n_open = _n_open_requests(evidence)
        if not needs_a_person and n_labels + n_open >= n_needed:
            return "NONE", (reasons.labels_are_asked_for(n_labels, n_needed, n_open),)
        counted = reasons.too_few_labels(n_labels, n_needed)
        return ("ALERT", (counted, needs_a_person)) if needs_a_person else ("REQUEST_LABELS", (counted,))
    counted = reasons.enough_labels(n_labels)
    forbidden = needs_a_person or _has_to_wait(evidence.requests, retraining)
    return ("ALERT", (counted, forbidden)) if forbidden else ("REQUEST_RETRAINING", (counted,))


def _n_open_requests(evidence: Evidence) -> int:
    """Return how many requests for labels wait that are about this drift; of one just declared nobody was asked."""
    drifted = evidence.waits_for_labels
    return evidence.n_open_requests if drifted is None or drifted.has_asked else 0


def _too_few(evidence: Evidence, drift: DriftConfig, retraining: RetrainingConfig) -> Decision:
    """Wait for more answers, unless there is drift that waits for labels: they may have come, or be asked for now.

    That they have come and nothing may be trained with them yet is told once: the next check may be an hour away.
    """
    waiting = reasons.too_few_answers(evidence.n_images, drift.window)
    drifted = evidence.waits_for_labels
    nothing = Decision(verdict="INSUFFICIENT_DATA", action="NONE", reasons=(waiting,))
    if drifted is None:
        return nothing
    action, because = _learn(evidence, retraining)
    has_arrived = (evidence.n_new_labels or 0) >= retraining.min_new_labels
    if has_arrived:
        arrived = reasons.labels_arrived(evidence.n_new_labels or 0, drifted.check_id)
        because = (arrived, *because[1:])
    is_news = (has_arrived and not drifted.has_told) or (action == "REQUEST_LABELS" and not drifted.has_asked)
    if action == "REQUEST_RETRAINING" or is_news:
        return Decision(verdict=drifted.verdict, action=action, reasons=(*because, drifted.finding))
    return replace(nothing, reasons=(waiting, *because)) if has_arrived else nothing


def _needs_a_person(episode: Episode, retraining: RetrainingConfig) -> str | None:
    """Return why retraining is not asked for, however long one waits; None: it may be."""
    if retraining.mode == "alert_only":
        return reasons.alert_only()
    if episode.retraining_check_id is not None:
        return reasons.asked_before(episode.retraining_check_id)
    return None


def _has_to_wait(requests: Requests, retraining: RetrainingConfig) -> str | None:
    """Return why retraining is not asked for now; None: it may be."""
    if requests.hours_since_last is not None and requests.hours_since_last < retraining.cooldown_hours:
        return reasons.cools_down(requests.hours_since_last, retraining.cooldown_hours)
    if requests.n_last_week >= retraining.weekly_budget:
        return reasons.budget_is_spent(requests.n_last_week, retraining.weekly_budget)
    return None
