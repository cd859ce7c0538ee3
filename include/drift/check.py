"""The drift check: the champion's new answers beside its baseline, and what follows.

Counts come first: while the window is not full, nothing is imported that draws or computes images, and nothing is read
but numbers.
"""

import hashlib
import logging
import time
from dataclasses import dataclass, replace

from include.config import PipelineConfig
from include.drift.acceptance import find_acceptance, read_accepted_images
from include.drift.arbiter.probation import probation_of
from include.drift.arbiter.verdict import Action, Decision, Evidence, OpenDrift, PreviousOnWindow, Verdict, decide
from include.drift.backtest.runs import has_backtest
from include.drift.checks import DriftCheck, find_check, insert_check, read_check
from include.drift.evidence import (
    Window,
    count_new_labels,
    count_open_requests,
    count_window,
    read_realised,
    read_window,
)
from include.drift.measurements import window_json
from include.drift.standing import Standing, alike, read_standing
from include.drift.statistics.measuring import WindowEvidence, measure_window
from include.drift.statistics.window import WindowCounts
from include.handover import Handover
from include.models.baseline import Baseline
from include.registry.baselines import read_baseline
from include.registry.ledger import Champion, read_champion
from include.store.files import FileStore
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)


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
    """A window that is measured, and so consumed."""

    window: Window
    baseline: Baseline
    counts: WindowCounts
    measured: WindowEvidence | None
    """None: none of its confidences is one."""


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
    _warn_of_untried_automatism(warehouse, config)
    task = _Task(warehouse=warehouse, store=store, config=config, run_id=run_id, work_path=work_path, champion=champion)
    standing = read_standing(warehouse, champion_event_seq=champion.event_seq, n_windows=config.drift.of_windows)
    window = read_window(warehouse, version=champion.version, after_commit_seq=standing.commit_seq)
    full = _measured(task, standing, window) if window.n_images >= config.drift.window else None
    drifted = read_check(warehouse, standing.open_check_id) if standing.open_check_id else None
    evidence = _evidence(task, standing, window, full, drifted)
    decision = decide(evidence, drift=config.drift, retraining=config.retraining)
    if full is not None:
        report_path = _report(task, full, evidence, decision)
    else:  # what is asked for now is asked for what was found then
        report_path = drifted.report_path if drifted and decision.action != "NONE" else None
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
        counts=window_json(full.counts, full.baseline) if full is not None else None,
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


def _warn_of_untried_automatism(warehouse: Warehouse, config: PipelineConfig) -> None:
    if config.retraining.mode == "automatic" and not has_backtest(warehouse):
        log.warning(
            "retraining.mode is automatic, and nobody has looked at what that would have done so far: "
            "./driftgate backtest %s replays the stored answers",
            config.name,
        )


def _measured(task: _Task, standing: Standing, window: Window) -> _FullWindow | None:
    """Measure a full window beside the champion's baseline; None if it has none that holds anything."""
    version = task.champion.version
    baseline = read_baseline(task.warehouse, version)
    if baseline is None or not baseline.n_images:
        return None
    counts = count_window(task.warehouse, version=version, window=window, baseline=baseline)
    if not counts.n_images:
        return _FullWindow(window=window, baseline=baseline, counts=counts, measured=None)
    accepted = read_accepted_images(task.warehouse)
    measured = measure_window(baseline, counts, drift=task.config.drift, seed=task.seed, accepted=accepted)
    measured = _with_labels(task, standing, window, measured)
    return _FullWindow(window=window, baseline=baseline, counts=counts, measured=measured)


def _with_labels(task: _Task, standing: Standing, window: Window, measured: WindowEvidence) -> WindowEvidence:
    """Add what labels say of this window, and of those right before it that were like it."""
    if measured.accuracy is None or window.first_commit_seq is None or window.last_commit_seq is None:
        return measured
    like_it = alike(standing.judged, speaks=bool(measured.speaking))
    realised = read_realised(
        task.warehouse,
        version=task.champion.version,
        first_commit_seq=like_it[-1].first_commit_seq if like_it else window.first_commit_seq,
        last_commit_seq=window.last_commit_seq,
    )
    return replace(measured, accuracy=replace(measured.accuracy, realised=realised))


def _evidence(
    task: _Task, standing: Standing, window: Window, full: _FullWindow | None, drifted: DriftCheck | None
) -> Evidence:
    """Put together what the verdict depends on; only where there is drift is anybody asked about it."""
    drift, retraining = task.config.drift, task.config.retraining
    evidence = Evidence(
        version=task.champion.version,
        n_images=window.n_images,
        window=full.measured if full else None,
        n_invalid=full.counts.n_invalid if full else 0,
        recent=standing.recent,
        probation=probation_of(standing.n_windows_since_promotion, task.config.promotion),
        episode=standing.episode,
        requests=standing.requests,
        waits_for_labels=_open_drift(task.warehouse, standing, drifted) if drifted else None,
    )
    found = decide(evidence, drift=drift, retraining=retraining).verdict if full else None
    if found == "DATA_DRIFT" and full is not None and full.measured is not None and not full.measured.is_accepted:
        evidence = replace(evidence, previous=_ask_previous(task, full))
    if found in {"DATA_DRIFT", "CONCEPT_DRIFT"} or drifted is not None:
        n_new_labels = count_new_labels(task.warehouse, task.config, version=task.champion.version)
        n_open = count_open_requests(task.warehouse, champion_event_seq=task.champion.event_seq)
        evidence = replace(evidence, n_new_labels=n_new_labels, n_open_requests=n_open)
    return evidence


def _open_drift(warehouse: Warehouse, standing: Standing, check: DriftCheck) -> OpenDrift:
    """Return the drift that waits for labels, as a check has found it or a person has declared it.

    A check that has asked for labels without a window of its own names the one that has it.
    """
    found_by = check.statistics.get("open_drift")
    found = check if found_by is None else read_check(warehouse, found_by)
    accepted = find_acceptance(warehouse, found.check_id)
    has_told = standing.told_check_id is not None
    if accepted is None:
        return OpenDrift(check_id=found.check_id, finding=found.reasons[0], verdict=found.verdict, has_told=has_told)
    return OpenDrift(
        check_id=found.check_id, finding=accepted.sentence, has_asked=check is not found, has_told=has_told
    )


def _ask_previous(task: _Task, full: _FullWindow) -> PreviousOnWindow | None:
    from include.drift.previous import WindowRange, compare_previous

    first, last = full.window.first_commit_seq, full.window.last_commit_seq
    if first is None or last is None:
        return None
    return compare_previous(
        task.warehouse,
        task.store,
        task.config,
        window=WindowRange(task.champion.version, first, last),
        n_images=full.window.n_images,
        seed=task.seed,
        run_id=task.run_id,
        work_path=task.work_path,
    )


def _report(task: _Task, full: _FullWindow, evidence: Evidence, decision: Decision) -> str | None:
    """Render the report; that there is none changes no verdict."""
    if full.measured is None:
        return None
    try:
        from include.drift.report.page import render_report

        return render_report(
            task.store,
            check_id=task.check_id,
            pipeline=task.config.name,
            version=task.champion.version,
            baseline=full.baseline,
            window=full.counts,
            evidence=full.measured,
            decision=decision,
            drift=task.config.drift,
            seed=task.seed,
            previous=evidence.previous,
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
