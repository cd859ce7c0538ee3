"""From the evidence to the verdict: every branch, with the words that a person reads."""

from dataclasses import replace

import pytest

from include.config_parts import DriftConfig, RetrainingConfig
from include.drift.thresholds import Comparison
from include.drift.verdict import Episode, Evidence, OpenDrift, PreviousOnWindow, Requests, decide

DRIFT = DriftConfig(window=200, false_alarm_rate=0.01, min_distance=0.1)
RETRAINING = RetrainingConfig(mode="automatic", cooldown_hours=24, weekly_budget=3, min_new_labels=50)

FAR = Comparison(distance=0.62, threshold=0.21, p_value=0.00025, n_images=297, n_baseline=270)
NEAR = Comparison(distance=0.12, threshold=0.21, p_value=0.3, n_images=297, n_baseline=270)
TINY = Comparison(distance=0.08, threshold=0.03, p_value=0.00025, n_images=20_000, n_baseline=5_000)
OTHER_MIX = Comparison(distance=0.31, threshold=0.17, p_value=0.00025, n_images=297, n_baseline=270)
SAME_MIX = Comparison(distance=0.05, threshold=0.17, p_value=0.8, n_images=297, n_baseline=270)

STABLE = Evidence(version=2, n_images=297, confidences=NEAR, classes=SAME_MIX)
DRIFTS = replace(STABLE, confidences=FAR, n_new_labels=80)
AT_HOME = PreviousOnWindow(version=1, comparison=NEAR)
DRIFTS_TOO = PreviousOnWindow(version=1, comparison=FAR)
OPEN = OpenDrift(check_id="c4ec", finding="the confidences lie far away")
FEW = Evidence(version=2, n_images=120, confidences=None, classes=None)
WAITING = replace(FEW, waits_for_labels=OPEN, n_new_labels=50)

HOME_BEFORE = Episode(rolled_back_check_id="b4cc")
ASKED_BEFORE = Episode(retraining_check_id="a5ed")
ANOTHER_VERSION_HOME = replace(AT_HOME, comparison=TINY)


@pytest.mark.parametrize(
    ("evidence", "mode", "verdict", "action", "words"),
    [
        (FEW, "automatic", "INSUFFICIENT_DATA", "NONE", "120 of the 200 new answers"),
        (replace(FEW, n_images=199), "automatic", "INSUFFICIENT_DATA", "NONE", "199 of the 200"),
        (replace(FEW, n_images=200), "automatic", "INSUFFICIENT_DATA", "NONE", "version 2 has no baseline"),
        (replace(WAITING, n_new_labels=49), "automatic", "INSUFFICIENT_DATA", "NONE", "120 of the 200 new answers"),
        (replace(WAITING, n_new_labels=None), "automatic", "INSUFFICIENT_DATA", "NONE", "120 of the 200"),
        (WAITING, "automatic", "DATA_DRIFT", "REQUEST_RETRAINING", "50 new labels arrived for the drift of check c4ec"),
        (WAITING, "approval", "DATA_DRIFT", "REQUEST_RETRAINING", "the confidences lie far away"),
        (WAITING, "alert_only", "INSUFFICIENT_DATA", "NONE", "50 new labels arrived"),
        (
            replace(WAITING, requests=Requests(hours_since_last=2.0, n_last_week=1)),
            "automatic",
            "INSUFFICIENT_DATA",
            "NONE",
            "the last request was 2.0 hours ago",
        ),
        (STABLE, "automatic", "STABLE", "NONE", "0.12 standard deviations from version 2's baseline of 270"),
        (replace(STABLE, classes=None), "automatic", "STABLE", "NONE", "0.12 standard deviations"),
        (replace(STABLE, confidences=TINY), "automatic", "STABLE", "NONE", "less than drift.min_distance 0.1"),
        (
            replace(STABLE, classes=OTHER_MIX),
            "automatic",
            "MIX_CHANGED",
            "NONE",
            "31% of the predicted classes are others than in the baseline",
        ),
        (replace(DRIFTS, previous=AT_HOME), "automatic", "MODEL_REGRESSION", "ROLL_BACK", "so version 1 is restored"),
        (replace(DRIFTS, previous=AT_HOME), "alert_only", "MODEL_REGRESSION", "ROLL_BACK", "version 1 answers"),
        (replace(DRIFTS, previous=ANOTHER_VERSION_HOME), "automatic", "MODEL_REGRESSION", "ROLL_BACK", "restored"),
        (
            replace(DRIFTS, previous=AT_HOME, episode=HOME_BEFORE),
            "automatic",
            "MODEL_REGRESSION",
            "ALERT",
            "check b4cc has rolled back since the last stable window",
        ),
        (
            replace(DRIFTS, previous=AT_HOME, episode=ASKED_BEFORE),
            "automatic",
            "MODEL_REGRESSION",
            "ROLL_BACK",
            "restored",
        ),
        (DRIFTS, "automatic", "DATA_DRIFT", "REQUEST_RETRAINING", "there is no earlier version"),
        (DRIFTS, "approval", "DATA_DRIFT", "REQUEST_RETRAINING", "80 new labels"),
        (
            replace(DRIFTS, previous=DRIFTS_TOO),
            "automatic",
            "DATA_DRIFT",
            "REQUEST_RETRAINING",
            "version 1 drifts on the same images, too: 0.62 standard deviations from its own baseline",
        ),
        (
            replace(DRIFTS, episode=HOME_BEFORE),
            "automatic",
            "DATA_DRIFT",
            "REQUEST_RETRAINING",
            "80 new labels to retrain with",
        ),
        (
            replace(DRIFTS, n_new_labels=49),
            "automatic",
            "DATA_DRIFT",
            "ALERT",
            "there are 49 new labels, retraining needs 50: label some of the new images",
        ),
        (replace(DRIFTS, n_new_labels=None), "automatic", "DATA_DRIFT", "ALERT", "there are 0 new labels"),
        (replace(DRIFTS, n_new_labels=50), "automatic", "DATA_DRIFT", "REQUEST_RETRAINING", "50 new labels"),
        (DRIFTS, "alert_only", "DATA_DRIFT", "ALERT", "retraining.mode is alert_only"),
        (
            replace(DRIFTS, episode=ASKED_BEFORE),
            "automatic",
            "DATA_DRIFT",
            "ALERT",
            "check a5ed has asked for retraining since the last stable window",
        ),
        (
            replace(DRIFTS, requests=Requests(hours_since_last=23.9, n_last_week=1)),
            "automatic",
            "DATA_DRIFT",
            "ALERT",
            "23.9 hours ago, retraining.cooldown_hours is 24",
        ),
        (
            replace(DRIFTS, requests=Requests(hours_since_last=24.0, n_last_week=2)),
            "automatic",
            "DATA_DRIFT",
            "REQUEST_RETRAINING",
            "80 new labels",
        ),
        (
            replace(DRIFTS, requests=Requests(hours_since_last=30.0, n_last_week=3)),
            "automatic",
            "DATA_DRIFT",
            "ALERT",
            "3 requests in seven days, retraining.weekly_budget is 3",
        ),
        (
            replace(DRIFTS, waits_for_labels=OPEN),
            "automatic",
            "DATA_DRIFT",
            "REQUEST_RETRAINING",
            "80 new labels",
        ),
    ],
)
def test_the_verdict(evidence: Evidence, mode: str, verdict: str, action: str, words: str) -> None:
    decision = decide(evidence, drift=DRIFT, retraining=RETRAINING.model_copy(update={"mode": mode}))

    assert (decision.verdict, decision.action) == (verdict, action)
    assert words in "; ".join(decision.reasons)


def test_a_budget_of_nothing_allows_nothing() -> None:
    decision = decide(DRIFTS, drift=DRIFT, retraining=RETRAINING.model_copy(update={"weekly_budget": 0}))

    assert (decision.verdict, decision.action) == ("DATA_DRIFT", "ALERT")


def test_drift_is_told_with_its_numbers() -> None:
    decision = decide(replace(DRIFTS, previous=AT_HOME), drift=DRIFT, retraining=RETRAINING)

    assert decision.reasons == (
        "the confidences of 297 answers lie 0.62 standard deviations from version 2's baseline of 270 held-out images; "
        "without drift 1 % of windows would exceed 0.21 (p = 0.00025)",
        "version 1 answers the same images as it always did: 0.12 standard deviations from its own baseline of 270 "
        "held-out images; without drift 1 % of windows would exceed 0.21 (p = 0.3)",
        "so version 1 is restored",
    )
