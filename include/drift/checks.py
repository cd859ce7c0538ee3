"""The verdicts in the warehouse."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from include.config import PipelineConfig
from include.drift.arbiter.verdict import Action, Decision, Evidence, Verdict
from include.drift.evidence import Window
from include.drift.measurements import estimate_of, judged_signal, statistics_of, thresholds_of
from include.drift.standing import Standing, read_standing
from include.drift.statistics.signals import SignalName
from include.errors import ConcurrentChangeError, UnknownCheckError
from include.registry.alerts import enqueue
from include.registry.ledger import Champion, champion_event_seq
from include.warehouse.session import Warehouse

_TOLD: tuple[Action, ...] = ("ALERT", "REQUEST_RETRAINING", "ROLL_BACK")
"""The actions of which people are told with the check; that labels are wanted is told when the images are picked."""


@dataclass(frozen=True, kw_only=True)
class DriftCheck:
    """One verdict: a row of DRIFT_CHECKS."""

    check_id: str
    run_id: str
    version: int
    """The champion that was checked."""
    champion_event_seq: int
    """The event that had made it champion."""
    first_commit_seq: int | None
    """The window that was consumed; None: none was, and the answers wait for the next check."""
    last_commit_seq: int | None
    n_images: int
    """Answers that waited for a check."""
    statistics: Mapping[str, Any]
    """What was measured, as far as it was: of each signal, and of the `previous` version, distance, p_value, n_images,
    n_baseline and smallest_shift; `accuracy`, `separation`, `mix`, `jumps`, `moved_classes`, `n_invalid`,
    `n_new_labels` and `n_open_requests`; `open_drift`, the check whose drift it is about, if it has no window of its
    own."""
    thresholds: Mapping[str, Any]
    """What it was held against: of each signal and of `previous` its threshold; fields of the config by their names."""
    verdict: Verdict
    action: Action
    reasons: tuple[str, ...]
    report_path: str | None
    """The report's place in the store."""
    checked_at: datetime
    """UTC."""
    signal: SignalName | None = None
    """The one that spoke loudest; None: none did."""
    score: float | None = None
    """The distance of that signal, else of the confidences; so are the next two. None: nothing was compared."""
    threshold: float | None = None
    p_value: float | None = None
    smallest_shift: float | None = None
    """Of the confidences: the smallest one that this window could have shown."""
    estimated_accuracy: float | None = None
    """Without labels, of the window; None: it could not be estimated."""
    evidence: Mapping[str, Any] | None = None
    """The window as counts: `edges`, `counts_by_class`, `image_statistics` (of each its edges and counts), `n_invalid`
    and `n_undecodable`. None: no window was counted."""


class DriftedWindow(NamedTuple):
    """The answers in which drift was found."""

    check_id: str
    """The check that found it."""
    version: int
    first_commit_seq: int
    last_commit_seq: int


class _Row(NamedTuple):
    check_id: str
    run_id: str
    version: int
    champion_event_seq: int
    first_commit_seq: int | None
    last_commit_seq: int | None
    n_images: int
    statistics: str
    thresholds: str
    verdict: Verdict
    action: Action
    reasons: str
    report_path: str | None
    checked_at: datetime
    signal: SignalName | None
    score: float | None
    threshold: float | None
    p_value: float | None
    smallest_shift: float | None
    estimated_accuracy: float | None
    evidence: str | None


def read_check(warehouse: Warehouse, check_id: str) -> DriftCheck:
    """Return a check.

    Raises:
        UnknownCheckError: There is none with this id.
    """
    check = find_check(warehouse, check_id)
    if check is None:
        raise UnknownCheckError(f"there is no check {check_id} in DRIFT_CHECKS")
    return check


def find_check(warehouse: Warehouse, check_id: str) -> DriftCheck | None:
    """Return a check, or None if there is none with this id."""
    row = warehouse.fetch_one("drift/select_check", _Row, check_id=check_id)
    return _check(row) if row else None


def latest_check(warehouse: Warehouse) -> DriftCheck | None:
    """Return the latest check, or None if there was none yet."""
    row = warehouse.fetch_one("drift/select_check", _Row, check_id=None)
    return _check(row) if row else None


def read_drifted_window(warehouse: Warehouse, check_id: str) -> DriftedWindow | None:
    """Return the window of the drift that a check is about: its own, or that of the check which it goes on from."""
    return warehouse.fetch_one("drift/select_drifted_window", DriftedWindow, check_id=check_id)


def insert_check(
    warehouse: Warehouse,
    config: PipelineConfig,
    *,
    run_id: str,
    check_id: str,
    champion: Champion,
    standing: Standing,
    evidence: Evidence,
    decision: Decision,
    consumed: Window | None,
    counts: Mapping[str, Any] | None,
    report_path: str | None,
) -> DriftCheck:
    """Store a verdict, if what it was measured on is still what there is, and tell people what follows from it.

    Args:
        warehouse: A session, not in a transaction.
        config: The run's config.
        run_id: The run.
        check_id: The check: where it is stored already, that stands, and is returned.
        champion: The champion that was checked.
        standing: What earlier checks had done when it was measured.
        evidence: What was measured.
        decision: What was decided.
        consumed: The window that no later check looks at; None: its answers wait.
        counts: The window as counts, from `window_json`; None: it was not counted.
        report_path: The report's place in the store.

    Raises:
        ConcurrentChangeError: Another check has consumed or decided something since, a person has declared images of
            this champion normal, or there is another champion; nothing is stored.
    """

    def insert() -> DriftCheck:
        stored = find_check(warehouse, check_id)
        if stored is not None:
            return stored
        if champion_event_seq(warehouse) != champion.event_seq:
            raise ConcurrentChangeError(
                f"version {champion.version} is no longer the champion that check {check_id} has measured: check again"
            )
        now = read_standing(warehouse, champion_event_seq=champion.event_seq, n_windows=config.drift.of_windows)
        if not now.is_still(standing):
            raise ConcurrentChangeError(
                f"another check has consumed or decided something since check {check_id} began, or a person has "
                "declared images normal: check again"
            )
        warehouse.run(
            "drift/insert_check",
            check_id=check_id,
            run_id=run_id,
            version=champion.version,
            champion_event_seq=champion.event_seq,
            first_commit_seq=consumed.first_commit_seq if consumed else None,
            last_commit_seq=consumed.last_commit_seq if consumed else None,
            n_images=evidence.n_images,
            statistics=_json(statistics_of(evidence, decision)),
            thresholds=_json(thresholds_of(evidence, config)),
            verdict=decision.verdict,
            action=decision.action,
            reasons=_json(decision.reasons),
            report_path=report_path,
            **judged_signal(evidence, decision)._asdict(),
            estimated_accuracy=estimate_of(evidence),
            evidence=_json(counts) if counts is not None else None,
        )
        if decision.action in _TOLD:
            enqueue(warehouse, "drift", run_id=run_id, about={"check_id": check_id})
        return read_check(warehouse, check_id)

    return warehouse.alone(insert)


def _json(value: object) -> str:
    return json.dumps(value, allow_nan=False)


def _check(row: _Row) -> DriftCheck:
    columns = row._asdict() | {
        "statistics": json.loads(row.statistics),
        "thresholds": json.loads(row.thresholds),
        "reasons": tuple(json.loads(row.reasons)),
        "checked_at": row.checked_at.replace(tzinfo=UTC),
        "evidence": json.loads(row.evidence) if row.evidence else None,
    }
    return DriftCheck(**columns)
