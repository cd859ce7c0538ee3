"""The drift check: the champion's new answers beside its baseline, and what follows.

Counts come first: while the window is not full, nothing is imported that draws or computes images, and nothing is read
but numbers.
"""

import hashlib
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass

from include.config import PipelineConfig
from include.drift.checks import DriftCheck, find_check, insert_check, read_check
from include.drift.evidence import Standing, Window, count_new_labels, count_window, read_standing, read_window
from include.drift.thresholds import Comparison, compare_classes, compare_confidences
from include.drift.verdict import Action, Decision, Evidence, OpenDrift, PreviousOnWindow, Verdict, decide, is_drift
from include.handover import Handover
from include.models.baseline import CONFIDENCE_EDGES, Baseline
from include.registry.baselines import read_baseline
from include.registry.ledger import Champion, read_champion
from include.store.files import FileStore
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)

_LEAST_SHARE_ANSWERED = 0.5
"""Of the window's images: by fewer answers any version would look at home, as so few can show no drift."""


@dataclass(frozen=True, kw_only=True)
class Check(Handover):
    """A verdict, as it goes to the task that acts on it."""

    check_id: str
    version: int
    """The champion that was checked."""
    verdict: Verdict
    action: Action
    reasons: tuple[str, ...]
    n_images: int
    report_path: str | None
    champion_event_seq: int
    """The event that had made it champion: what follows is for this champion only."""


@dataclass(frozen=True, kw_only=True)
class _Task:
    """What every step of a check needs."""

    warehouse: Warehouse
    store: FileStore
    config: PipelineConfig
    run_id: str
    work_path: str
    champion: Champion

    @property
    def check_id(self) -> str:
        return check_id_of(self.run_id)

    @property
    def seed(self) -> int:
        """A check that is tried again draws the same, so it comes to the same verdict."""
        return int(self.check_id, 16)


@dataclass(frozen=True, kw_only=True)
class _FullWindow:
    """A window that is compared, and so consumed."""

    window: Window
    baseline: Baseline
    counts: Mapping[str, tuple[int, ...]]
    confidences: Comparison
    classes: Comparison


def check_id_of(run_id: str) -> str:
    """Return the id of the one check of a run."""
    return hashlib.sha256(run_id.encode()).hexdigest()[:16]


def check_drift(
    warehouse: Warehouse, store: FileStore, config: PipelineConfig, *, run_id: str, work_path: str
) -> Check | None:
    """Judge the champion's answers that no check has consumed, and store the verdict.

    A run has one check: where it is stored already, it is returned unchanged.

    Args:
        warehouse: A session, not in a transaction.
        store: The pipeline's files; the report goes there.
        config: The run's config.
        run_id: The run.
        work_path: Where this try of the task may put files below the work stage.

    Returns:
        The verdict; None if there is no champion.

    Raises:
        ConcurrentChangeError: Another check has consumed answers meanwhile, or there is another champion: what was
            measured is no longer what there is, and nothing is stored.
    """
    started = time.monotonic()
    stored = find_check(warehouse, check_id_of(run_id))
    if stored is not None:
        return _handed_over(stored)
    champion = read_champion(warehouse)
    if champion is None:
        log.info("there is no champion, so there is nothing to check")
        return None
    task = _Task(warehouse=warehouse, store=store, config=config, run_id=run_id, work_path=work_path, champion=champion)
    standing = read_standing(warehouse, champion_event_seq=champion.event_seq)
    window = read_window(warehouse, version=champion.version, after_commit_seq=standing.commit_seq)
    full = _compared(task, window) if window.n_images >= config.drift.window else None
    drifted = read_check(warehouse, standing.labels_check_id) if standing.labels_check_id else None
    evidence = _evidence(task, standing, window, full, drifted)
    decision = decide(evidence, drift=config.drift, retraining=config.retraining)
    if full is not None:
        report_path = _report(task, full, decision)
    else:  # what is asked for now is asked for what was found then
        report_path = drifted.report_path if drifted and decision.action == "REQUEST_RETRAINING" else None
    check = insert_check(
        warehouse,
        config,
        run_id=run_id,
        check_id=task.check_id,
        champion=champion,
        standing=standing,
        evidence=evidence,
        decision=decision,
        consumed=full.window if full is not None else None,
        report_path=report_path,
    )
    log.info(
        "check %s of version %d on %d answers: %s, %s, in %.1f s",
        check.check_id,
        check.version,
        check.n_images,
        check.verdict,
        check.action,
        time.monotonic() - started,
    )
    return _handed_over(check)


def _compared(task: _Task, window: Window) -> _FullWindow | None:
    """Compare a full window with the champion's baseline; None if it has none that holds anything."""
    version, rate = task.champion.version, task.config.drift.false_alarm_rate
    baseline = read_baseline(task.warehouse, version)
    if baseline is None or not baseline.n_images:
        return None
    counts = count_window(task.warehouse, version=version, window=window, baseline=baseline)
    return _FullWindow(
        window=window,
        baseline=baseline,
        counts=counts,
        confidences=compare_confidences(baseline, counts, false_alarm_rate=rate, seed=task.seed),
        classes=compare_classes(baseline, counts, false_alarm_rate=rate, seed=task.seed),
    )


def _evidence(
    task: _Task, standing: Standing, window: Window, full: _FullWindow | None, drifted: DriftCheck | None
) -> Evidence:
    """Put together what the verdict depends on; only where there is drift is anybody asked about it."""
    drifts = full is not None and is_drift(full.confidences, task.config.drift)
    previous = _ask_previous(task, full) if full is not None and drifts else None
    counts_labels = drifts or drifted is not None
    version = task.champion.version
    return Evidence(
        version=version,
        n_images=window.n_images,
        confidences=full.confidences if full else None,
        classes=full.classes if full else None,
        previous=previous,
        episode=standing.episode,
        requests=standing.requests,
        n_new_labels=count_new_labels(task.warehouse, task.config, version=version) if counts_labels else None,
        waits_for_labels=OpenDrift(check_id=drifted.check_id, finding=drifted.reasons[0])
        if drifted is not None
        else None,
    )


def _ask_previous(task: _Task, full: _FullWindow) -> PreviousOnWindow | None:
    """Hold the previous version's answers to the window against its own baseline; None if that cannot be done."""
    from include.drift.previous import MAX_IMAGES, WindowRange, previous_on_window
    from include.registry.rollback import previous_version

    version = previous_version(task.warehouse)
    if version is None:
        return None
    baseline = read_baseline(task.warehouse, version)
    if baseline is None or not baseline.n_images or baseline.edges != CONFIDENCE_EDGES:
        log.warning("version %d has no baseline that its answers can be compared with, so it is not asked", version)
        return None
    first, last = full.window.first_commit_seq, full.window.last_commit_seq
    if first is None or last is None:
        return None
    counts = previous_on_window(
        task.warehouse,
        task.store,
        task.config,
        version=version,
        window=WindowRange(task.champion.version, first, last),
        run_id=task.run_id,
        work_path=task.work_path,
    )
    n_answered = sum(sum(of_bins) for of_bins in counts.values())
    n_asked = min(full.window.n_images, MAX_IMAGES)
    if n_answered < _LEAST_SHARE_ANSWERED * n_asked:
        log.warning("version %d answered %d of %d images, which is too few to go by", version, n_answered, n_asked)
        return None
    rate = task.config.drift.false_alarm_rate
    comparison = compare_confidences(baseline, counts, false_alarm_rate=rate, seed=task.seed)
    return PreviousOnWindow(version=version, comparison=comparison)


def _report(task: _Task, full: _FullWindow, decision: Decision) -> str | None:
    """Render the report; that there is none changes no verdict."""
    try:
        from include.drift.report import render_report

        return render_report(
            task.store,
            check_id=task.check_id,
            pipeline=task.config.name,
            version=task.champion.version,
            baseline=full.baseline,
            window=full.counts,
            decision=decision,
            confidences=full.confidences,
            classes=full.classes,
        )
    except Exception:
        # Evidently, pandas, plotly and jinja2 have no base of their exceptions in common, and none of them may keep a
        # verdict from being stored and acted on. The log has the whole of it.
        log.warning("the report of check %s could not be rendered", task.check_id, exc_info=True)
        return None


def _handed_over(check: DriftCheck) -> Check:
    return Check(
        check_id=check.check_id,
        version=check.version,
        verdict=check.verdict,
        action=check.action,
        reasons=check.reasons,
        n_images=check.n_images,
        report_path=check.report_path,
        champion_event_seq=check.champion_event_seq,
    )
