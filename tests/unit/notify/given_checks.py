"""Drift checks as the warehouse has them."""

from datetime import UTC, datetime
from typing import Any

from include.drift.checks import DriftCheck


def make_check(**changes: Any) -> DriftCheck:
    """Return a check that asks for a retraining, but for what is changed."""
    row: dict[str, Any] = {
        "check_id": "3f9a1c07d2e4b586",
        "run_id": "garments_inference/manual__1",
        "version": 3,
        "champion_event_seq": 9,
        "first_commit_seq": 4,
        "last_commit_seq": 6,
        "n_images": 200,
        "statistics": {
            "confidences": {"distance": 1.483, "p_value": 0.0005, "n_images": 200, "n_baseline": 481},
            "classes": {"distance": 0.31, "p_value": 0.001, "n_images": 200, "n_baseline": 481},
            "previous": {"version": 2, "distance": 1.61, "p_value": 0.0005, "n_images": 200, "n_baseline": 356},
            "n_new_labels": 62,
        },
        "thresholds": {"confidences": 0.212, "classes": 0.14, "previous": 0.22, "window": 200, "min_new_labels": 50},
        "verdict": "DATA_DRIFT",
        "action": "REQUEST_RETRAINING",
        "reasons": ("the confidences lie 1.483 standard deviations away", "version 2 drifts, too"),
        "report_path": "reports/3f9a1c07d2e4b586.html",
        "checked_at": datetime(2026, 1, 31, 10, tzinfo=UTC),
    }
    return DriftCheck(**{**row, **changes})
