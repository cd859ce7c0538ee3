"""A policy replayed on given windows: when it acts, and what it remembers."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from given_answers import SURE, WINDOW, clean, counts, less_sure, unsure

from include.config_parts import DriftConfig, PromotionConfig, RetrainingConfig
from include.drift.arbiter.verdict import PreviousOnWindow
from include.drift.backtest.past_windows import Labelled
from include.drift.backtest.replay import PastWindow, ReplayedCheck, replay
from include.drift.statistics.accuracy import Estimate
from include.drift.statistics.measuring import measure_window

DRIFT = DriftConfig(window=WINDOW)
START = datetime(2026, 3, 1, tzinfo=UTC)
MEASURED = {
    name: measure_window(SURE, counts(confidences), drift=DRIFT, seed=1)
    for name, confidences in {"clean": clean(WINDOW), "less sure": less_sure(WINDOW), "unsure": unsure(WINDOW)}.items()
}

SURELY_BETTER = (Estimate(method="DoC", value=0.95, low=0.9, high=1.0),) * 2


def windows(*kinds: str, hours_apart: float = 1.0, **fields: Any) -> list[PastWindow]:
    """Windows one after the other, of version 1."""
    return [
        PastWindow(
            event_seq=1,
            version=1,
            first_commit_seq=1 + place * WINDOW,
            n_images=WINDOW,
            started_at=START + timedelta(hours=(place - 0.5) * hours_apart),
            ended_at=START + timedelta(hours=place * hours_apart),
            evidence=MEASURED[kind],
            **fields,
        )
        for place, kind in enumerate(kinds)
    ]


def decisions(past: Sequence[PastWindow], *, drift: DriftConfig = DRIFT, **retraining: Any) -> list[tuple[str, str]]:
    return [(check.decision.verdict, check.decision.action) for check in checks(past, drift=drift, **retraining)]


def checks(
    past: Sequence[PastWindow], *, drift: DriftConfig = DRIFT, probation_windows: int = 1, **retraining: Any
) -> tuple[ReplayedCheck, ...]:
    return replay(
        past,
        drift=drift,
        promotion=PromotionConfig(probation_windows=probation_windows),
        retraining=RetrainingConfig(min_new_labels=5, **retraining),
    )


def test_a_stretch_without_drift_alarms_nobody() -> None:
    assert decisions(windows(*["clean"] * 5)) == [("STABLE", "NONE")] * 5


def test_a_window_that_is_not_so_clear_waits_for_another() -> None:
    past = windows("clean", "less sure", "clean", "less sure", "less sure")

    # the last one would ask for what people have been asked for already
    assert [action for _, action in decisions(past)] == ["NONE", "NONE", "NONE", "REQUEST_LABELS", "NONE"]
    assert [check.decision.is_unconfirmed for check in checks(past)] == [False, True, False, False, False]
    one_suffices = DRIFT.model_copy(update={"alarms": 1})
    assert [action for _, action in decisions(past, drift=one_suffices)][1] == "REQUEST_LABELS"


def test_windows_of_another_champion_confirm_nothing() -> None:
    first, second = windows("less sure", "less sure")

    assert decisions([first, second])[1] == ("DATA_DRIFT", "REQUEST_LABELS")
    assert decisions([first, replace(second, event_seq=2)])[1] == ("DATA_DRIFT", "NONE")


def test_one_retraining_in_an_episode_and_then_the_cool_down() -> None:
    past = windows("unsure", "unsure", "clean", "unsure", "clean", "unsure", hours_apart=10, n_new_labels=9)

    actions = [action for _, action in decisions(past, cooldown_hours=40, weekly_budget=3)]

    # the second is of the same episode, the fourth too soon, the sixth 50 hours after the first
    assert actions == ["REQUEST_RETRAINING", "ALERT", "NONE", "ALERT", "NONE", "REQUEST_RETRAINING"]


def test_the_budget_is_of_seven_days() -> None:
    past = windows("unsure", "clean", "unsure", "clean", "unsure", hours_apart=72, n_new_labels=9)

    actions = [action for _, action in decisions(past, cooldown_hours=0, weekly_budget=1)]

    assert actions == ["REQUEST_RETRAINING", "NONE", "ALERT", "NONE", "REQUEST_RETRAINING"]


def test_labels_that_arrive_before_the_next_window_is_full_are_learnt_from_at_once() -> None:
    first, second = windows("unsure", "unsure")
    second = replace(second, n_labels_before=9, n_new_labels=9)

    done = checks([first, second])

    assert [check.decision.action for check in done] == ["REQUEST_LABELS", "REQUEST_RETRAINING", "ALERT"]
    assert done[1].window is None
    assert done[1].at == second.started_at
    assert "9 new labels arrived for the drift of check of window 1" in done[1].decision.reasons[0]


def test_people_are_asked_again_only_where_what_they_were_asked_for_is_not_enough() -> None:
    past = windows("unsure", "unsure", "unsure", "clean", "unsure")

    def actions(label_requests: int) -> list[str]:
        return [action for _, action in decisions(past, label_requests=label_requests)]

    assert actions(5) == ["REQUEST_LABELS", "NONE", "NONE", "NONE", "REQUEST_LABELS"]
    assert actions(3) == ["REQUEST_LABELS", "REQUEST_LABELS", "NONE", "NONE", "REQUEST_LABELS"]


def test_that_labels_have_come_too_soon_is_told_once() -> None:
    past = windows("unsure", "clean", "unsure", "less sure", "less sure", hours_apart=1)
    enough = {"n_labels_before": 9, "n_new_labels": 9}
    past[0] = replace(past[0], **enough)
    past[3], past[4] = (replace(window, evidence=None, **enough) for window in past[3:])

    done = [(check.decision.action, check.window is None) for check in checks(past, cooldown_hours=9)]

    assert done == [
        ("REQUEST_RETRAINING", False),
        ("NONE", False),
        ("REQUEST_LABELS", False),
        ("ALERT", True),
        ("NONE", False),
        ("NONE", False),
    ]


def test_in_mode_alert_only_that_labels_have_come_is_told_once() -> None:
    past = windows("unsure", "unsure", "unsure")
    past[1:] = [replace(window, evidence=None, n_labels_before=9, n_new_labels=9) for window in past[1:]]

    done = checks(past, mode="alert_only")

    assert [(check.decision.action, check.window is None) for check in done] == [
        ("ALERT", False),
        ("ALERT", True),
        ("NONE", False),
        ("NONE", False),
    ]


def test_a_previous_version_that_is_at_home_is_rolled_back_to_once() -> None:
    accuracy = measure_window(SURE, counts(clean(WINDOW)), drift=DRIFT, seed=1).accuracy
    past = windows("unsure", "unsure", previous=PreviousOnWindow(version=7, accuracy=accuracy))

    assert decisions(past) == [("MODEL_REGRESSION", "ROLL_BACK"), ("MODEL_REGRESSION", "ALERT")]


def test_a_champion_on_probation_goes_at_its_first_bad_window_and_once() -> None:
    accuracy = measure_window(SURE, counts(clean(WINDOW)), drift=DRIFT, seed=1).accuracy
    better = PreviousOnWindow(version=7, accuracy=replace(accuracy, estimates=SURELY_BETTER))
    past = windows("less sure", "less sure", "clean", "less sure", previous=better)
    past = [replace(window, n_windows_since_promotion=place) for place, window in enumerate(past)]

    def actions(probation_windows: int) -> list[str]:
        return [check.decision.action for check in checks(past, probation_windows=probation_windows)]

    # the replay goes on with a champion that would have gone, which is on probation no more
    assert actions(0) == ["NONE", "ROLL_BACK", "NONE", "ROLL_BACK"]
    assert actions(1) == ["ROLL_BACK", "ALERT", "NONE", "ROLL_BACK"]
    assert actions(9) == ["ROLL_BACK", "ALERT", "NONE", "ROLL_BACK"]
    # and the next one has its own
    past[3] = replace(past[3], event_seq=2, n_windows_since_promotion=0)
    assert actions(1) == ["ROLL_BACK", "ALERT", "NONE", "ROLL_BACK"]
    restored = replace(past[3], n_windows_since_promotion=None)
    assert checks([restored])[0].decision.is_unconfirmed


def test_labels_of_windows_right_before_it_count_as_far_as_these_were_like_it() -> None:
    wrong, nothing = Labelled(20, 5), Labelled(0, 0)
    past = windows("clean", "clean", "clean", n_new_labels=9)
    past[1] = replace(past[1], labelled=(wrong, nothing))
    past[2] = replace(past[2], labelled=(wrong, wrong, nothing))

    # 20 labels are too few to go by, 40 are enough
    assert [verdict for verdict, _ in decisions(past)] == ["STABLE", "STABLE", "CONCEPT_DRIFT"]


@pytest.mark.parametrize("kinds", [[], ["clean"]])
def test_a_short_past_is_replayed_too(kinds: list[str]) -> None:
    assert len(decisions(windows(*kinds))) == len(kinds)


def test_a_version_without_a_baseline_is_told_of_as_a_check_tells_it() -> None:
    [window] = windows("clean")

    assert decisions([replace(window, evidence=None)]) == [("INSUFFICIENT_DATA", "NONE")]
