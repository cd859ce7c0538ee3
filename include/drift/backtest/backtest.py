"""What a policy would have done: the stored answers replayed through it, beside today's policy."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from include.catalog.broken import MIN_BAD_IMAGES
from include.config import PipelineConfig
from include.config_parts import DriftConfig, ImagesConfig
from include.drift.arbiter.verdict import ACTING, Action, Verdict
from include.drift.backtest.past_evidence import Past
from include.drift.backtest.past_windows import WindowRange, read_ranges
from include.drift.backtest.replay import PastWindow, ReplayedCheck, replay
from include.drift.statistics.accuracy import MIN_LABELS
from include.drift.statistics.thresholds import chance_of_as_many
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)

MAX_WINDOWS = 1000
"""The latest windows that are replayed, at most: each takes a quarter of a second."""
_FALSE_ONSETS = 0.05
"""The share of pasts without an onset in which labels may show one."""

Tell = Callable[[str, int, int], None]
"""Is told how far it is: the policy, the windows that are measured, and all of them."""


@dataclass(frozen=True, kw_only=True)
class Onset:
    """When the images changed or the model got worse."""

    at: datetime
    known_by: str
    """How that is known, in a sentence."""


@dataclass(frozen=True, kw_only=True)
class Detection:
    """How long after the onset a policy would have alarmed."""

    after: timedelta
    n_windows: int
    """Windows that ended between, the one that alarms among them."""
    n_answers: int
    """Answers of these windows."""
    verdict: Verdict


class Alarm(NamedTuple):
    """A check that tells somebody or does something."""

    at: datetime
    verdict: Verdict
    action: Action


@dataclass(frozen=True, kw_only=True)
class PolicyOutcome:
    """What a policy would have found, asked for and done."""

    window_size: int
    n_windows: int
    n_left_out: int
    """Earlier windows that were not replayed."""
    started_at: datetime | None
    """Of the first answer that was replayed; None: there is no full window."""
    ended_at: datetime | None
    alarms: tuple[Alarm, ...]
    """In order."""
    n_unconfirmed: int
    """Windows with a verdict that acts on which nothing was done yet, as another one had to say the same."""
    n_stopped_runs: int
    """Inference runs with so many undecodable images that they stop."""
    n_unasked: int
    """Windows of drift about which the version before would have been asked, and nothing it says of them is stored."""
    detection: Detection | None
    """None: no onset is known, or nothing alarmed after it."""
    n_windows_after_onset: int

    @property
    def alarms_by_verdict(self) -> Mapping[Verdict, int]:
        """How many alarms there are of each verdict."""
        return Counter(alarm.verdict for alarm in self.alarms)

    def count(self, action: Action) -> int:
        """Return how often an action would have been taken."""
        return sum(alarm.action == action for alarm in self.alarms)


@dataclass(frozen=True, kw_only=True)
class Backtest:
    """The policies on the same past."""

    onset: Onset | None
    policies: Mapping[str, PolicyOutcome]
    """By their names, today's first."""
    n_champions: int

    @property
    def sentence(self) -> str:
        """The back-test in a sentence."""
        told = "; ".join(f"{name}: {_told(outcome)}" for name, outcome in self.policies.items())
        return f"replayed {told}; {self.onset.known_by if self.onset else 'no known onset'}"


class _RunCount(NamedTuple):
    run_id: str
    n_answered: int
    n_bad: int


def backtest(
    warehouse: Warehouse,
    policies: Mapping[str, PipelineConfig],
    *,
    since: datetime | None,
    onset: datetime | None,
    tell: Tell,
) -> Backtest:
    """Replay the stored answers through policies.

    Windows are as large as a policy says, whereas a check takes all answers that wait; it looks at them by their own
    times. Where a policy would have rolled back or trained, the replay goes on with the champion that there was.

    Args:
        warehouse: A session.
        policies: By their names: pipelines that differ in their `POLICY_PARTS`, today's first.
        since: Answers before it are left out; aware. None: none are.
        onset: When the images changed, if that is known; aware.
        tell: Is told how far it is.
    """
    today = next(iter(policies.values()))
    past = Past(warehouse=warehouse, config=today)
    since = since or datetime(1970, 1, 1, tzinfo=UTC)
    measured: dict[DriftConfig, tuple[list[WindowRange], list[PastWindow]]] = {}
    for name, policy in policies.items():
        if policy.drift not in measured:
            measured[policy.drift] = _measured(past, policy.drift, since, name, tell)
    known_onset = _onset(past, measured[today.drift][0], onset)
    outcomes = {}
    for name, policy in policies.items():
        ranges, windows = measured[policy.drift]
        outcomes[name] = _outcome(
            past,
            ranges,
            replay(windows, drift=policy.drift, promotion=policy.promotion, retraining=policy.retraining),
            onset=known_onset,
            window_size=policy.drift.window,
            n_stopped_runs=_count_stopped_runs(warehouse, policy.images, since),
        )
    return Backtest(onset=known_onset, policies=outcomes, n_champions=len(past.periods))


def _measured(
    past: Past, drift: DriftConfig, since: datetime, name: str, tell: Tell
) -> tuple[list[WindowRange], list[PastWindow]]:
    started = time.monotonic()
    ranges = read_ranges(past.warehouse, window_size=drift.window, since=since, max_windows=MAX_WINDOWS)
    tell(name, 0, len(ranges))
    windows = past.measure(ranges, drift, tell=lambda n_done: tell(name, n_done, len(ranges)))
    log.info("%d windows of %d answers were measured in %.1f s", len(windows), drift.window, time.monotonic() - started)
    return ranges, windows


def _onset(past: Past, ranges: Sequence[WindowRange], given: datetime | None) -> Onset | None:
    """Return the onset that is given, else the first window that labels show to be worse than the baseline.

    Many windows are tested, so each at its share of the level (Bonferroni): in a long calm one would come by chance.
    """
    if given is not None:
        return Onset(at=given, known_by=f"the onset was given as {given:%Y-%m-%d %H:%M} UTC")
    labelled = [window for window in ranges if window.n_labelled >= MIN_LABELS]
    for window in labelled:
        baseline = past.baseline(window.version)
        if baseline is None or not baseline.right_by_class:
            continue
        n_right = sum(sum(of_bins) for of_bins in baseline.right_by_class.values())
        chance = chance_of_as_many(
            window.n_labelled - window.n_right, window.n_labelled, baseline.n_images - n_right, baseline.n_images
        )
        if chance <= _FALSE_ONSETS / len(labelled):
            return Onset(
                at=window.started_at,
                known_by=f"{window.n_labelled} labels show an accuracy of {window.n_right / window.n_labelled:.2f} "
                f"from {window.started_at:%Y-%m-%d %H:%M} UTC on, beside {n_right / baseline.n_images:.2f} on the "
                f"held-out images of version {window.version}",
            )
    return None


def _outcome(
    past: Past,
    ranges: Sequence[WindowRange],
    checks: Sequence[ReplayedCheck],
    *,
    onset: Onset | None,
    window_size: int,
    n_stopped_runs: int,
) -> PolicyOutcome:
    decisions = [check.decision for check in checks]
    return PolicyOutcome(
        window_size=window_size,
        n_windows=len(ranges),
        n_left_out=ranges[0].n_windows - len(ranges) if ranges else 0,
        started_at=ranges[0].started_at if ranges else None,
        ended_at=ranges[-1].ended_at if ranges else None,
        alarms=tuple(
            Alarm(check.at, check.decision.verdict, check.decision.action)
            for check in checks
            if check.decision.action != "NONE"
        ),
        n_unconfirmed=sum(decision.is_unconfirmed for decision in decisions),
        n_stopped_runs=n_stopped_runs,
        n_unasked=sum(_is_unasked(past, check) for check in checks),
        detection=_detection(checks, onset.at) if onset else None,
        n_windows_after_onset=sum(window.ended_at >= onset.at for window in ranges) if onset else 0,
    )


def _is_unasked(past: Past, check: ReplayedCheck) -> bool:
    """Whether a version was there that could have been asked, and the past does not hold its answer.

    About images that a person has declared normal nobody is asked.
    """
    window = check.window
    if window is None or window.previous is not None or check.decision.verdict != "DATA_DRIFT":
        return False
    if window.evidence is not None and window.evidence.is_accepted:
        return False
    return past.periods[window.event_seq].previous_version is not None


def _detection(checks: Sequence[ReplayedCheck], onset: datetime) -> Detection | None:
    """Return how long the first alarm took; a window whose labels were asked for before is as good as one."""
    n_windows = n_answers = 0
    for check in checks:
        if check.at < onset:
            continue
        if check.window is not None:
            n_windows += 1
            n_answers += check.window.n_images
        decision = check.decision
        if decision.action != "NONE" or (decision.verdict in ACTING and not decision.is_unconfirmed):
            return Detection(after=check.at - onset, n_windows=n_windows, n_answers=n_answers, verdict=decision.verdict)
    return None


def _count_stopped_runs(warehouse: Warehouse, images: ImagesConfig, since: datetime) -> int:
    """Count the inference runs that stop because of images that cannot be decoded."""
    runs = warehouse.fetch(
        "backtest/count_bad_images",
        _RunCount,
        min_bad_images=MIN_BAD_IMAGES,
        since=since.astimezone(UTC).replace(tzinfo=None),
    )
    return sum(run.n_bad > images.max_bad_fraction * (run.n_answered + run.n_bad) for run in runs)


def _told(outcome: PolicyOutcome) -> str:
    return (
        f"{outcome.n_windows} windows of {outcome.window_size}, {len(outcome.alarms)} alarms, "
        f"{outcome.count('REQUEST_RETRAINING')} retrainings, {outcome.count('ROLL_BACK')} rollbacks, "
        f"{outcome.count('REQUEST_LABELS')} label requests"
    )
