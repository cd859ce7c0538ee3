"""The verdicts in the warehouse."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from include.config import PipelineConfig
from include.drift.evidence import Standing, Window, read_standing
from include.drift.thresholds import Comparison
from include.drift.verdict import Action, Decision, Evidence, Verdict
from include.errors import ConcurrentChangeError, UnknownCheckError
from include.registry.ledger import Champion, champion_event_seq
from include.warehouse.session import Warehouse


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
    """What was measured: `confidences`, `classes` and `previous`, each with distance, p_value, n_images and n_baseline
    (`previous` with its version, too), if they were compared; `n_new_labels`, if they were counted."""
    thresholds: Mapping[str, Any]
    """What it was held against: `confidences`, `classes` and `previous`; window, false_alarm_rate, min_distance and
    min_new_labels of the config."""
    verdict: Verdict
    action: Action
    reasons: tuple[str, ...]
    report_path: str | None
    """The report's place in the store."""
    checked_at: datetime
    """UTC."""


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
    report_path: str | None,
) -> DriftCheck:
    """Store a verdict, if what it was measured on is still what there is.

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
        report_path: The report's place in the store.

    Raises:
        ConcurrentChangeError: Another check has consumed or decided something since, or there is another champion;
            nothing is stored.
    """

    def insert() -> DriftCheck:
        stored = find_check(warehouse, check_id)
        if stored is not None:
            return stored
        if champion_event_seq(warehouse) != champion.event_seq:
            raise ConcurrentChangeError(
                f"version {champion.version} is no longer the champion that check {check_id} has measured: check again"
            )
        if not read_standing(warehouse, champion_event_seq=champion.event_seq).is_still(standing):
            raise ConcurrentChangeError(
                f"another check has consumed or decided something since check {check_id} began: check again"
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
            statistics=_json(_statistics(evidence)),
            thresholds=_json(_thresholds(evidence, config)),
            verdict=decision.verdict,
            action=decision.action,
            reasons=_json(decision.reasons),
            report_path=report_path,
        )
        return read_check(warehouse, check_id)

    return warehouse.alone(insert)


def _comparisons(evidence: Evidence) -> dict[str, Comparison]:
    compared = {
        "confidences": evidence.confidences,
        "classes": evidence.classes,
        "previous": evidence.previous.comparison if evidence.previous else None,
    }
    return {name: comparison for name, comparison in compared.items() if comparison is not None}


def _statistics(evidence: Evidence) -> dict[str, Any]:
    statistics: dict[str, Any] = {name: asdict(comparison) for name, comparison in _comparisons(evidence).items()}
    for statistic in statistics.values():
        del statistic["threshold"]
    if evidence.previous is not None:
        statistics["previous"]["version"] = evidence.previous.version
    if evidence.n_new_labels is not None:
        statistics["n_new_labels"] = evidence.n_new_labels
    return statistics


def _thresholds(evidence: Evidence, config: PipelineConfig) -> dict[str, Any]:
    return {
        "window": config.drift.window,
        "false_alarm_rate": config.drift.false_alarm_rate,
        "min_distance": config.drift.min_distance,
        "min_new_labels": config.retraining.min_new_labels,
        **{name: comparison.threshold for name, comparison in _comparisons(evidence).items()},
    }


def _json(value: object) -> str:
    return json.dumps(value, allow_nan=False)


def _check(row: _Row) -> DriftCheck:
    columns = row._asdict() | {
        "statistics": json.loads(row.statistics),
        "thresholds": json.loads(row.thresholds),
        "reasons": tuple(json.loads(row.reasons)),
        "checked_at": row.checked_at.replace(tzinfo=UTC),
    }
    return DriftCheck(**columns)
