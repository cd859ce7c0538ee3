"""A policy, replayed on windows of the past: what it would have found, asked for and done, and when. Pure.

The past does not answer back: where the policy would have rolled back or trained a new version, the replay goes on with
the champion that there was.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from include.config_parts import DriftConfig, PromotionConfig, RetrainingConfig
from include.drift.arbiter.probation import probation_of
from include.drift.arbiter.verdict import (
    ACTING,
    Decision,
    Episode,
    Evidence,
    OpenDrift,
    PreviousOnWindow,
    RecentWindow,
    Requests,
    decide,
)
from include.drift.backtest.past_windows import Labelled
from include.drift.standing import JudgedWindow, alike
from include.drift.statistics.accuracy import Realised
from include.drift.statistics.measuring import WindowEvidence

_WEEK = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class PastWindow:
    """A window of stored answers, with all that was known by its end."""

    event_seq: int
    """The event that had made its version champion."""
    version: int
    first_commit_seq: int
    n_images: int
    started_at: datetime
    ended_at: datetime
    evidence: WindowEvidence | None
    """Without what labels say. None: the version has no baseline, or no answer is in a bin."""
    labelled: tuple[Labelled, ...] = ()
    """What labels said by its end of its answers, and then of those of the windows before it, the latest first."""
    n_invalid: int = 0
    previous: PreviousOnWindow | None = None
    """None: there is nobody to ask, or nobody's answers to these images are stored."""
    n_windows_since_promotion: int | None = None
    """The champion's windows before it; None: it is champion by a rollback, or since before the replay."""
    n_new_labels: int = 0
    """At its end."""
    n_labels_before: int = 0
    """New labels when it began to fill."""


@dataclass(frozen=True, kw_only=True)
class ReplayedCheck:
    """What a policy decides on a past window, or between two windows."""

    at: datetime
    decision: Decision
    window: PastWindow | None
    """None: labels had arrived before the next window was full."""


def replay(
    windows: Sequence[PastWindow], *, drift: DriftConfig, promotion: PromotionConfig, retraining: RetrainingConfig
) -> tuple[ReplayedCheck, ...]:
    """Return what a policy decides.

    Args:
        windows: In the order of their answers, measured and cut as `drift` says.
        drift: When there is drift.
        promotion: How long a new champion is on probation.
        retraining: What follows from it.
    """
    state = _State(promotion, retraining)
    checks = []
    for place, window in enumerate(windows, start=1):
        state.meet(window)
        waiting = state.before(window)
        if waiting is not None:
            decision = decide(waiting, drift=drift, retraining=retraining)
            if decision.action != "NONE":
                checks.append(ReplayedCheck(at=window.started_at, decision=decision, window=None))
                state.take(decision, waiting, f"before window {place}", window.started_at)
                state.tell()
        evidence = state.evidence(window, drift)
        decision = decide(evidence, drift=drift, retraining=retraining)
        checks.append(ReplayedCheck(at=window.ended_at, decision=decision, window=window))
        state.take(decision, evidence, f"of window {place}", window.ended_at)
        state.remember(decision, f"of window {place}", window)
    return tuple(checks)


class _State:
    """What the checks of a replay have found, asked for and done so far.

    Args:
        promotion: How long a new champion is on probation.
        retraining: What follows from drift.
    """

    def __init__(self, promotion: PromotionConfig, retraining: RetrainingConfig) -> None:
        self._promotion = promotion
        self._retraining = retraining
        self._n_awaited = 0
        """New labels that there will be once all that was asked for is answered."""
        self._event_seq: int | None = None
        self._has_gone = False
        """Whether this champion would have been rolled back by now: it is on probation once."""
        self._judged: tuple[JudgedWindow, ...] = ()
        self._episode = Episode()
        self._requested_at: list[datetime] = []
        self._open: OpenDrift | None = None

    def meet(self, window: PastWindow) -> None:
        """Begin anew with what belongs to a champion, if it is another one."""
        if window.event_seq != self._event_seq:
            self._event_seq, self._judged, self._has_gone = window.event_seq, (), False
            self._open, self._n_awaited = None, 0

    def before(self, window: PastWindow) -> Evidence | None:
        """Return what a check before the window was full knew; None: it had nothing to wait for."""
        if self._open is None or self._episode.retraining_check_id is not None:
            return None
        return Evidence(
            version=window.version,
            n_images=0,
            episode=self._episode,
            requests=self._requests(window.started_at),
            n_new_labels=window.n_labels_before,
            n_open_requests=max(0, self._n_awaited - window.n_labels_before),
            waits_for_labels=self._open,
        )

    def evidence(self, window: PastWindow, drift: DriftConfig) -> Evidence:
        """Return what the check of a window knew."""
        judged = self._judged[: drift.of_windows - 1]
        return Evidence(
            version=window.version,
            n_images=window.n_images,
            window=_with_labels(window, judged),
            n_invalid=window.n_invalid,
            previous=window.previous,
            recent=tuple(RecentWindow(check_id=one.check_id, acts=one.verdict in ACTING) for one in judged),
            probation=None if self._has_gone else probation_of(window.n_windows_since_promotion, self._promotion),
            episode=self._episode,
            requests=self._requests(window.ended_at),
            n_new_labels=window.n_new_labels,
            n_open_requests=max(0, self._n_awaited - window.n_new_labels),
            waits_for_labels=self._open,
        )

    def take(self, decision: Decision, evidence: Evidence, check_id: str, at: datetime) -> None:
        """Take in what was decided, and on what."""
        if decision.action == "REQUEST_RETRAINING":
            self._requested_at.append(at)
            self._episode = replace(self._episode, retraining_check_id=check_id)
        elif decision.action == "ROLL_BACK":
            self._episode, self._has_gone = replace(self._episode, rolled_back_check_id=check_id), True
        n_labels = evidence.n_new_labels or 0
        if _is_told(decision) and n_labels < self._retraining.min_new_labels:
            has_told = self._open is not None and self._open.has_told
            self._open = OpenDrift(
                check_id=check_id, finding=decision.reasons[0], verdict=decision.verdict, has_told=has_told
            )
        if decision.action == "REQUEST_LABELS":
            n_asked = min(self._retraining.label_requests, evidence.n_images)
            self._n_awaited = n_labels + evidence.n_open_requests + n_asked
        if decision.verdict == "STABLE":
            self._episode, self._open, self._n_awaited = Episode(), None, 0

    def tell(self) -> None:
        """Take in that people know what becomes of the labels that have come."""
        if self._open is not None:
            self._open = replace(self._open, has_told=True)

    def remember(self, decision: Decision, check_id: str, window: PastWindow) -> None:
        """Take in that this was a window."""
        self._judged = (JudgedWindow(check_id, decision.verdict, window.first_commit_seq), *self._judged)

    def _requests(self, at: datetime) -> Requests:
        if not self._requested_at:
            return Requests()
        return Requests(
            hours_since_last=(at - self._requested_at[-1]) / timedelta(hours=1),
            n_last_week=sum(at - requested < _WEEK for requested in self._requested_at),
        )


def _is_told(decision: Decision) -> bool:
    """Whether people are told of drift that labels would help against."""
    return decision.verdict in {"DATA_DRIFT", "CONCEPT_DRIFT"} and decision.action in {"ALERT", "REQUEST_LABELS"}


def _with_labels(window: PastWindow, judged: Sequence[JudgedWindow]) -> WindowEvidence | None:
    """Add what labels say of a window, and of those right before it that were like it."""
    measured = window.evidence
    if measured is None or measured.accuracy is None:
        return measured
    like_it = alike(judged, speaks=bool(measured.speaking))
    counted = window.labelled[: 1 + len(like_it)]
    n_images = sum(one.n_images for one in counted)
    if not n_images:
        return measured
    realised = Realised(n_images=n_images, n_right=sum(one.n_right for one in counted))
    return replace(measured, accuracy=replace(measured.accuracy, realised=realised))
