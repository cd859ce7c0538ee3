"""From the evidence to the verdict: every branch, with the words that a person reads."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.config_parts import DriftConfig, PromotionConfig, RetrainingConfig
from include.drift.arbiter.probation import Probation, probation_of
from include.drift.arbiter.verdict import (
    ACTING,
    Episode,
    Evidence,
    OpenDrift,
    PreviousOnWindow,
    RecentWindow,
    Requests,
    decide,
)
from include.drift.statistics.accuracy import Accuracy, Estimate, Realised
from include.drift.statistics.features import Separation
from include.drift.statistics.image_quality import ImageJump
from include.drift.statistics.measuring import WindowEvidence
from include.drift.statistics.mix import ClassMix
from include.drift.statistics.signals import Signal, SignalName
from include.drift.statistics.thresholds import Comparison

DRIFT = DriftConfig(window=200, false_alarm_rate=0.01, min_distance=0.1, min_accuracy_drop=0.06, min_image_jump=2.0)
RETRAINING = RetrainingConfig(mode="automatic", cooldown_hours=24, weekly_budget=3, min_new_labels=50)


def signal(name: SignalName = "confidences", distance: float = 0.3, *, floor: float = 0.1) -> Signal:
    """A signal whose threshold is 0.2: 0.3 speaks, 0.5 shouts."""
    comparison = Comparison(distance=distance, threshold=0.2, p_value=0.0002, n_images=297, n_baseline=270)
    return Signal(name=name, measure="some distance", comparison=comparison, floor=floor)


def accuracy(value: float, *, half: float = 0.05, baseline: float = 0.85, **known: Any) -> Accuracy:
    """An estimated accuracy with its interval."""
    estimates = (
        Estimate(method="DoC", value=value, low=value - half, high=value + half),
        Estimate(method="ATC", value=value + 0.02, low=value - half, high=value + half + 0.04),
    )
    return Accuracy(**{"baseline": baseline, "expected": baseline, "estimates": estimates} | known)


QUIET = signal(distance=0.12)
SPEAKS, SHOUTS = signal(distance=0.3), signal(distance=0.5)
HOLDS, FELL, COLLAPSED = accuracy(0.84), accuracy(0.76), accuracy(0.55)
STRANGE = replace(HOLDS, is_trusted=False)
FAR_AWAY = Separation(auc=0.98, low=0.97, high=0.99)
RIGHT, WRONG, HALF_WRONG = (Realised(n_images=40, n_right=n) for n in (35, 27, 20))
DARK = ImageJump(statistic="brightness", before=0.5, now=0.2, distance=2.7)
BLACK = replace(DARK, now=0.02, distance=5.1)
TORN = ImageJump(statistic="undecodable", before=0.0, now=0.07, distance=0.07)

STABLE = Evidence(version=2, n_images=297, window=WindowEvidence(signals=(QUIET,), accuracy=HOLDS))
BEFORE = RecentWindow(check_id="be4e", acts=True)
CALM = RecentWindow(check_id="ca1a", acts=False)
ONCE_BETTER = PreviousOnWindow(version=1, accuracy=accuracy(0.80, baseline=0.81))
WORSE_TOO = PreviousOnWindow(version=1, accuracy=accuracy(0.60, baseline=0.81))
ROLLED_BACK = Episode(rolled_back_check_id="b4cc")
ASKED = Episode(retraining_check_id="a5ed")
OPEN = OpenDrift(check_id="c4ec", finding="the confidences lie far away")
TOLD = replace(OPEN, has_told=True)
JUST_NOW, SPENT = Requests(hours_since_last=2.0, n_last_week=1), Requests(hours_since_last=30.0, n_last_week=3)
DECLARED = OpenDrift(check_id="c4ec", finding="ann has declared it normal: a new camera", has_asked=False)


def window(*signals: Signal, of: Accuracy | None = HOLDS, **measured: Any) -> WindowEvidence:
    return WindowEvidence(signals=signals, accuracy=of, **measured)


def full(measured: WindowEvidence | None, **known: Any) -> Evidence:
    """A full window, with enough labels to retrain."""
    return replace(Evidence(version=2, n_images=297, window=measured, n_new_labels=80), **known)


CLEAR = window(SHOUTS, of=COLLAPSED)
FEW = Evidence(version=2, n_images=120)
WAITING = replace(FEW, waits_for_labels=OPEN, n_new_labels=50)

FINDINGS = [
    # too few
    (FEW, "INSUFFICIENT_DATA", "NONE", "120 of the 200 new answers"),
    (replace(FEW, n_images=199), "INSUFFICIENT_DATA", "NONE", "199 of the 200"),
    (replace(FEW, n_images=200), "INSUFFICIENT_DATA", "NONE", "version 2 has no baseline"),
    # confidences that are none
    (
        full(None, n_invalid=297),
        "INSUFFICIENT_DATA",
        "ALERT",
        "297 of 297 answers have a confidence that is not a number",
    ),
    (full(CLEAR, n_invalid=149), "INSUFFICIENT_DATA", "ALERT", "find out what the model answers"),
    (full(CLEAR, n_invalid=148), "DATA_DRIFT", "REQUEST_RETRAINING", "148 of 297 answers"),
    # nothing has moved
    (STABLE, "STABLE", "NONE", "the confidences by 0.12 (chance explains 0.2)"),
    (full(window(signal(distance=0.3, floor=0.4))), "STABLE", "NONE", "less than 0.4 does not matter"),
    (full(window(QUIET, of=COLLAPSED)), "STABLE", "NONE", "estimated at 0.55"),
    (full(window(QUIET, of=None)), "STABLE", "NONE", "nobody knows which held-out answers"),
    (full(window(QUIET, of=replace(HOLDS, realised=RIGHT))), "STABLE", "NONE", "by 40 labels"),
    (full(window(QUIET, of=replace(HOLDS, realised=Realised(n_images=29, n_right=0)))), "STABLE", "NONE", "estimated"),
    # the classes have other looks
    (
        full(window(QUIET, of=replace(HOLDS, realised=HALF_WRONG))),
        "CONCEPT_DRIFT",
        "REQUEST_RETRAINING",
        "the accuracy is 0.50 (0.35 to 0.65) by 40 labels beside 0.85 on the held-out images; without labels it would",
    ),
    (
        full(window(QUIET, of=replace(HOLDS, realised=HALF_WRONG)), n_new_labels=3),
        "CONCEPT_DRIFT",
        "REQUEST_LABELS",
        "",
    ),
    # something has moved, and does no harm
    (full(window(SHOUTS)), "MIX_CHANGED", "NONE", "that is no drop that matters"),
    (
        full(window(signal("classes", 0.5))),
        "MIX_CHANGED",
        "NONE",
        "on 297 images the predicted classes have changed by",
    ),
    (full(window(signal("classes", 0.5), of=None)), "MIX_CHANGED", "NONE", "the predicted classes"),
    (full(window(signal("images", 0.5), of=None)), "MIX_CHANGED", "NONE", "on 297 images their looks"),
    (full(window(SHOUTS, of=replace(COLLAPSED, realised=RIGHT))), "MIX_CHANGED", "NONE", "estimated at 0.55"),
    (full(window(SHOUTS, of=replace(STRANGE, realised=RIGHT), separation=FAR_AWAY)), "MIX_CHANGED", "NONE", "labels"),
    (
        full(
            window(
                SHOUTS,
                of=replace(FELL, expected=0.77),
                mix=ClassMix(shares={"a": 1.0}, expected_accuracy=0.77, explains=True),
            )
        ),
        "MIX_CHANGED",
        "NONE",
        "another mix of classes explains the window: with it, 0.77 is to be expected",
    ),
    # harm, and nobody to go back to
    (full(CLEAR), "DATA_DRIFT", "REQUEST_RETRAINING", "there is no earlier version"),
    (full(window(SHOUTS, of=STRANGE, separation=FAR_AWAY)), "DATA_DRIFT", "REQUEST_RETRAINING", "an AUC of 0.98"),
    (full(window(SHOUTS, of=None)), "DATA_DRIFT", "REQUEST_RETRAINING", "confidences that have moved count as a drop"),
    (full(window(SPEAKS, of=replace(HOLDS, realised=HALF_WRONG))), "DATA_DRIFT", "REQUEST_RETRAINING", "by 40 labels"),
    (
        full(CLEAR, previous=WORSE_TOO),
        "DATA_DRIFT",
        "REQUEST_RETRAINING",
        "version 1 has become worse on the same images",
    ),
    (
        full(CLEAR, previous=PreviousOnWindow(version=1, accuracy=accuracy(0.64, baseline=0.66))),
        "DATA_DRIFT",
        "REQUEST_RETRAINING",
        "version 1 is not better on the same images beyond both intervals: estimated at 0.64 (0.59 to 0.69)",
    ),
    (
        full(CLEAR, previous=PreviousOnWindow(version=1, accuracy=replace(ONCE_BETTER.accuracy, is_trusted=False))),
        "DATA_DRIFT",
        "REQUEST_RETRAINING",
        "version 1 has never seen images like these",
    ),
    (
        full(CLEAR, previous=PreviousOnWindow(version=1, accuracy=None, comparison=QUIET.comparison)),
        "DATA_DRIFT",
        "REQUEST_RETRAINING",
        "nobody knows how accurate version 1 was",
    ),
    (full(window(SHOUTS, of=None), previous=ONCE_BETTER), "DATA_DRIFT", "REQUEST_RETRAINING", "is not better"),
    (
        full(window(SHOUTS, of=replace(HOLDS, realised=HALF_WRONG)), previous=ONCE_BETTER),
        "DATA_DRIFT",
        "REQUEST_RETRAINING",
        "version 1 is not better",
    ),
    # harm that the version before would not do
    (full(CLEAR, previous=ONCE_BETTER), "MODEL_REGRESSION", "ROLL_BACK", "so version 1 is restored"),
    (full(CLEAR, previous=ONCE_BETTER, episode=ASKED), "MODEL_REGRESSION", "ROLL_BACK", "as well as it always did"),
    (
        full(CLEAR, previous=ONCE_BETTER, episode=ROLLED_BACK),
        "MODEL_REGRESSION",
        "ALERT",
        "check b4cc has rolled back since the last stable window",
    ),
    # broken images, and what a person made of them
    (full(window(SHOUTS, of=COLLAPSED, jumps=(BLACK,))), "BROKEN_IMAGES", "ALERT", "brightness from 0.5 to 0.02"),
    (full(window(SPEAKS, jumps=(BLACK,))), "BROKEN_IMAGES", "ALERT", "./driftgate accept"),
    (
        full(window(QUIET, jumps=(replace(TORN, now=0.5, distance=0.5),))),
        "BROKEN_IMAGES",
        "ALERT",
        "50% of them cannot",
    ),
    (full(window(SHOUTS, jumps=(BLACK,)), previous=ONCE_BETTER), "BROKEN_IMAGES", "ALERT", "nothing is retrained"),
    (full(window(SHOUTS, is_accepted=True)), "DATA_DRIFT", "REQUEST_RETRAINING", "what a person has declared normal"),
    (full(window(SPEAKS, is_accepted=True), n_new_labels=2), "DATA_DRIFT", "REQUEST_LABELS", "2 new labels"),
]


@pytest.mark.parametrize(("evidence", "verdict", "action", "words"), FINDINGS)
def test_the_verdict(evidence: Evidence, verdict: str, action: str, words: str) -> None:
    decision = decide(evidence, drift=DRIFT, retraining=RETRAINING)

    assert (decision.verdict, decision.action) == (verdict, action)
    assert words in "; ".join(decision.reasons)


@pytest.mark.parametrize(
    ("evidence", "mode", "action", "words"),
    [
        (full(CLEAR), "automatic", "REQUEST_RETRAINING", "there are 80 new labels to retrain with"),
        (full(CLEAR), "approval", "REQUEST_RETRAINING", "80 new labels"),
        (full(CLEAR), "alert_only", "ALERT", "retraining.mode is alert_only"),
        (full(CLEAR, n_new_labels=49), "automatic", "REQUEST_LABELS", "there are 49 new labels, retraining needs 50"),
        (full(CLEAR, n_new_labels=50), "automatic", "REQUEST_RETRAINING", "50 new labels"),
        (full(CLEAR, n_new_labels=None), "approval", "REQUEST_LABELS", "there are 0 new labels"),
        (full(CLEAR, n_new_labels=49), "alert_only", "ALERT", "retraining.mode is alert_only"),
        (full(CLEAR, episode=ASKED), "automatic", "ALERT", "check a5ed has asked for retraining since the last stable"),
        (full(CLEAR, episode=ASKED, n_new_labels=9), "automatic", "ALERT", "another one needs a person"),
        (full(CLEAR, episode=ROLLED_BACK), "automatic", "REQUEST_RETRAINING", "80 new labels"),
        (
            full(CLEAR, requests=Requests(hours_since_last=23.9, n_last_week=1)),
            "automatic",
            "ALERT",
            "23.9 hours ago, retraining.cooldown_hours is 24",
        ),
        (
            full(CLEAR, requests=Requests(hours_since_last=23.9, n_last_week=1), n_new_labels=9),
            "automatic",
            "REQUEST_LABELS",
            "label some of the new images",
        ),
        (
            full(CLEAR, requests=Requests(hours_since_last=24.0, n_last_week=2)),
            "automatic",
            "REQUEST_RETRAINING",
            "80 new labels",
        ),
        (
            full(CLEAR, requests=Requests(hours_since_last=30.0, n_last_week=3)),
            "automatic",
            "ALERT",
            "3 requests in seven days, retraining.weekly_budget is 3",
        ),
        (full(CLEAR, waits_for_labels=OPEN), "automatic", "REQUEST_RETRAINING", "80 new labels"),
        # nobody is asked again for what would be enough
        (
            full(CLEAR, n_new_labels=20, n_open_requests=30),
            "automatic",
            "NONE",
            "there are 20 new labels, retraining needs 50: 30 images that people were asked about",
        ),
        (full(CLEAR, n_new_labels=20, n_open_requests=29), "automatic", "REQUEST_LABELS", "label some of the new"),
        (full(CLEAR, n_new_labels=20, n_open_requests=30), "alert_only", "ALERT", "retraining.mode is alert_only"),
        (full(CLEAR, n_new_labels=20, n_open_requests=30, episode=ASKED), "automatic", "ALERT", "another one needs"),
        (full(CLEAR, n_new_labels=50, n_open_requests=30), "automatic", "REQUEST_RETRAINING", "50 new labels"),
        (
            full(window(SHOUTS, is_accepted=True), n_new_labels=4, n_open_requests=90, waits_for_labels=DECLARED),
            "automatic",
            "REQUEST_LABELS",
            "label some of the new",
        ),
    ],
)
def test_what_is_done_about_drift_of_the_data(evidence: Evidence, mode: str, action: str, words: str) -> None:
    decision = decide(evidence, drift=DRIFT, retraining=RETRAINING.model_copy(update={"mode": mode}))

    assert (decision.verdict, decision.action) == ("DATA_DRIFT", action)
    assert words in "; ".join(decision.reasons)


def test_a_budget_of_nothing_allows_nothing() -> None:
    decision = decide(full(CLEAR), drift=DRIFT, retraining=RETRAINING.model_copy(update={"weekly_budget": 0}))

    assert (decision.verdict, decision.action) == ("DATA_DRIFT", "ALERT")


@pytest.mark.parametrize(
    ("evidence", "mode", "verdict", "action", "words"),
    [
        (replace(WAITING, n_new_labels=49), "automatic", "INSUFFICIENT_DATA", "NONE", "120 of the 200 new answers"),
        (replace(WAITING, n_new_labels=None), "automatic", "INSUFFICIENT_DATA", "NONE", "120 of the 200"),
        (WAITING, "automatic", "DATA_DRIFT", "REQUEST_RETRAINING", "50 new labels arrived for the drift of check c4ec"),
        (WAITING, "approval", "DATA_DRIFT", "REQUEST_RETRAINING", "the confidences lie far away"),
        # what forbids it is told once
        (WAITING, "alert_only", "DATA_DRIFT", "ALERT", "50 new labels arrived"),
        (
            replace(WAITING, requests=JUST_NOW),
            "automatic",
            "DATA_DRIFT",
            "ALERT",
            "50 new labels arrived for the drift of check c4ec; the last request was 2.0 hours ago",
        ),
        (replace(WAITING, requests=SPENT), "approval", "DATA_DRIFT", "ALERT", "retraining.weekly_budget is 3"),
        (replace(WAITING, waits_for_labels=TOLD), "alert_only", "INSUFFICIENT_DATA", "NONE", "50 new labels arrived"),
        (
            replace(WAITING, waits_for_labels=TOLD, requests=JUST_NOW),
            "automatic",
            "INSUFFICIENT_DATA",
            "NONE",
            "the last request was 2.0 hours ago",
        ),
        (replace(WAITING, waits_for_labels=TOLD), "automatic", "DATA_DRIFT", "REQUEST_RETRAINING", "50 new labels"),
        # what was asked for because of other drift says nothing of what was just declared
        (
            replace(WAITING, waits_for_labels=DECLARED, n_new_labels=4, n_open_requests=90),
            "automatic",
            "DATA_DRIFT",
            "REQUEST_LABELS",
            "a new camera",
        ),
        (
            replace(WAITING, waits_for_labels=replace(OPEN, verdict="CONCEPT_DRIFT")),
            "automatic",
            "CONCEPT_DRIFT",
            "REQUEST_RETRAINING",
            "50 new labels arrived",
        ),
        (
            replace(WAITING, waits_for_labels=DECLARED, n_new_labels=4),
            "automatic",
            "DATA_DRIFT",
            "REQUEST_LABELS",
            "ann has declared it normal: a new camera",
        ),
        (replace(WAITING, waits_for_labels=DECLARED), "automatic", "DATA_DRIFT", "REQUEST_RETRAINING", "a new camera"),
        (
            replace(WAITING, waits_for_labels=DECLARED, n_new_labels=4),
            "alert_only",
            "INSUFFICIENT_DATA",
            "NONE",
            "they wait for the next run",
        ),
    ],
)
def test_before_the_window_is_full_only_open_drift_is_acted_on(
    evidence: Evidence, mode: str, verdict: str, action: str, words: str
) -> None:
    decision = decide(evidence, drift=DRIFT, retraining=RETRAINING.model_copy(update={"mode": mode}))

    assert (decision.verdict, decision.action) == (verdict, action)
    assert words in "; ".join(decision.reasons)


SLIGHT = window(SPEAKS, of=COLLAPSED)
LABELLED = accuracy(0.84, realised=Realised(n_images=200, n_right=150))


@pytest.mark.parametrize(
    ("measured", "recent"),
    [
        (SLIGHT, ()),
        (SLIGHT, (CALM, CALM)),
        (SLIGHT, (CALM, CALM, BEFORE)),
        (window(SHOUTS, of=FELL), ()),
        (window(SPEAKS, of=None), ()),
        (window(QUIET, of=LABELLED), ()),
        (window(SPEAKS, jumps=(DARK,)), ()),
        (window(QUIET, jumps=(TORN,)), ()),
    ],
)
def test_a_second_window_is_waited_for(measured: WindowEvidence, recent: tuple[RecentWindow, ...]) -> None:
    decision = decide(full(measured, recent=recent), drift=DRIFT, retraining=RETRAINING)

    assert decision.verdict in ACTING
    assert decision.action == "NONE"
    assert decision.is_unconfirmed
    assert decision.reasons[-1].startswith("nothing is done yet: this is 1 of the last 3 windows")


@pytest.mark.parametrize(
    ("measured", "recent"),
    [
        (SLIGHT, (BEFORE,)),
        (SLIGHT, (CALM, BEFORE)),
        (window(SHOUTS, of=FELL), (BEFORE,)),
        (window(QUIET, of=LABELLED), (BEFORE,)),
        (window(SPEAKS, jumps=(DARK,)), (BEFORE,)),
        (CLEAR, (CALM, CALM)),
        (window(SHOUTS, of=STRANGE), ()),
        (window(SHOUTS, of=None), ()),
        (window(QUIET, of=replace(HOLDS, realised=HALF_WRONG)), ()),
        (window(SPEAKS, jumps=(BLACK,)), ()),
        (window(SPEAKS, of=COLLAPSED, is_accepted=True), ()),
    ],
)
def test_with_a_second_window_or_clear_harm_it_is_acted(
    measured: WindowEvidence, recent: tuple[RecentWindow, ...]
) -> None:
    decision = decide(full(measured, recent=recent), drift=DRIFT, retraining=RETRAINING)

    assert decision.verdict in ACTING
    assert decision.action != "NONE"


FIRST, SECOND_OF_TWO = Probation(number=1, n_windows=1), Probation(number=2, n_windows=2)


@pytest.mark.parametrize(
    ("probation", "place"), [(FIRST, "first"), (SECOND_OF_TWO, "second"), (Probation(4, n_windows=9), "4th")]
)
@pytest.mark.parametrize("episode", [Episode(), ROLLED_BACK], ids=["calm before", "another was rolled back before"])
def test_on_probation_one_window_that_the_version_before_answers_better_suffices(
    probation: Probation, place: str, episode: Episode
) -> None:
    evidence = full(SLIGHT, previous=ONCE_BETTER, probation=probation, episode=episode)

    decision = decide(evidence, drift=DRIFT, retraining=RETRAINING)

    assert (decision.verdict, decision.action, decision.is_unconfirmed) == ("MODEL_REGRESSION", "ROLL_BACK", False)
    assert decision.reasons[-2:] == (
        f"version 2 is on probation: the {place} window since its promotion suffices (promotion.probation_windows is "
        f"{probation.n_windows})",
        "so version 1 is restored",
    )


def test_without_probation_the_same_window_waits_for_another() -> None:
    decision = decide(full(SLIGHT, previous=ONCE_BETTER), drift=DRIFT, retraining=RETRAINING)

    assert (decision.verdict, decision.action, decision.is_unconfirmed) == ("MODEL_REGRESSION", "NONE", True)


@pytest.mark.parametrize(
    ("measured", "previous"),
    [
        (SLIGHT, None),
        (SLIGHT, WORSE_TOO),
        (window(SPEAKS, jumps=(DARK,)), ONCE_BETTER),
        (window(QUIET, of=LABELLED), ONCE_BETTER),
    ],
    ids=["nobody to go back to", "worse, too", "broken images", "concept drift"],
)
def test_probation_hurries_nothing_but_going_back(measured: WindowEvidence, previous: PreviousOnWindow | None) -> None:
    calm = decide(full(measured, previous=previous), drift=DRIFT, retraining=RETRAINING)

    on_probation = decide(full(measured, previous=previous, probation=FIRST), drift=DRIFT, retraining=RETRAINING)

    assert on_probation == calm
    assert on_probation.is_unconfirmed


def test_a_stable_window_on_probation_is_stable() -> None:
    decision = decide(replace(STABLE, previous=ONCE_BETTER, probation=FIRST), drift=DRIFT, retraining=RETRAINING)

    assert (decision.verdict, decision.action) == ("STABLE", "NONE")


@pytest.mark.parametrize(
    ("n_before", "probation_windows", "expected"),
    [
        (0, 1, FIRST),
        (1, 1, None),
        (0, 0, None),
        (1, 2, SECOND_OF_TWO),
        (2, 2, None),
        (None, 2, None),
    ],
)
def test_how_long_a_probation_lasts(n_before: int | None, probation_windows: int, expected: Probation | None) -> None:
    assert probation_of(n_before, PromotionConfig(probation_windows=probation_windows)) == expected


def test_of_one_window_each_is_acted_on() -> None:
    decision = decide(
        full(SLIGHT), drift=DRIFT.model_copy(update={"alarms": 1, "of_windows": 1}), retraining=RETRAINING
    )

    assert decision.action == "REQUEST_RETRAINING"


@pytest.mark.parametrize(
    ("measured", "name"),
    [
        (window(QUIET), None),
        (window(SPEAKS, signal("features", 0.5)), "features"),
        (window(SHOUTS, signal("features", 0.3), of=COLLAPSED), "confidences"),
        (window(SHOUTS, jumps=(BLACK,)), "images"),
        (window(QUIET, of=replace(HOLDS, realised=HALF_WRONG)), None),
    ],
)
def test_the_verdict_names_the_signal_that_spoke_loudest(measured: WindowEvidence, name: str | None) -> None:
    assert decide(full(measured), drift=DRIFT, retraining=RETRAINING).signal == name


def test_a_verdict_is_told_with_its_numbers() -> None:
    measured = window(SHOUTS, signal("features", 0.3), of=COLLAPSED, moved_classes=("coat", "hat"))

    decision = decide(full(measured, previous=ONCE_BETTER), drift=DRIFT, retraining=RETRAINING)

    assert decision.reasons == (
        "on 297 images the confidences have changed by 0.5 (some distance) from those of version 2's 270 held-out "
        "ones; chance explains up to 0.2 (p = 0.0002)",
        "on 297 images the features that the network sees have changed by 0.3 (some distance) from those of version "
        "2's 270 held-out ones; chance explains up to 0.2 (p = 0.0002)",
        "the confidences have moved most clearly of: coat, hat",
        "the accuracy is estimated at 0.55 (0.50 to 0.60) beside 0.85 on the held-out images",
        "that counts as a drop (drift.min_accuracy_drop is 0.06)",
        "version 1 answers the same images as well as it always did: estimated at 0.80 (0.75 to 0.85) beside 0.81 on "
        "its own held-out images, which is better beyond both intervals",
        "so version 1 is restored",
    )


comparisons = st.builds(
    signal,
    st.sampled_from(["confidences", "classes", "features", "images"]),
    st.floats(0, 1),
)
accuracies = st.builds(
    lambda value, realised, is_trusted: accuracy(value, realised=realised, is_trusted=is_trusted),
    st.floats(0, 1),
    st.none() | st.integers(0, 60).map(lambda n_right: Realised(n_images=60, n_right=n_right)),
    st.booleans(),
)
windows = st.builds(
    WindowEvidence,
    signals=st.lists(comparisons, min_size=1, max_size=4).map(tuple),
    jumps=st.sampled_from([(), (), (DARK,), (BLACK, TORN)]),
    is_accepted=st.booleans(),
    accuracy=st.none() | accuracies,
)
evidences = st.builds(
    Evidence,
    version=st.just(2),
    n_images=st.sampled_from([120, 297]),
    window=st.none() | windows,
    n_invalid=st.sampled_from([0, 0, 10, 290]),
    previous=st.none() | st.builds(PreviousOnWindow, version=st.just(1), accuracy=st.none() | accuracies),
    recent=st.lists(st.builds(RecentWindow, check_id=st.just("be4e"), acts=st.booleans()), max_size=4).map(tuple),
    episode=st.builds(
        Episode, retraining_check_id=st.sampled_from([None, "a"]), rolled_back_check_id=st.sampled_from([None, "b"])
    ),
    requests=st.builds(Requests, hours_since_last=st.none() | st.floats(0, 99), n_last_week=st.integers(0, 4)),
    n_new_labels=st.none() | st.integers(0, 99),
    n_open_requests=st.integers(0, 99),
    waits_for_labels=st.sampled_from([None, OPEN, TOLD, DECLARED]),
)
modes = st.sampled_from(["automatic", "approval", "alert_only"])


@given(evidences, modes)
def test_whatever_is_found_the_rules_hold(evidence: Evidence, mode: str) -> None:
    decision = decide(evidence, drift=DRIFT, retraining=RETRAINING.model_copy(update={"mode": mode}))

    if decision.action == "REQUEST_RETRAINING":
        assert mode != "alert_only"
        assert evidence.episode.retraining_check_id is None
        assert (evidence.requests.hours_since_last or 99) >= RETRAINING.cooldown_hours
        assert evidence.requests.n_last_week < RETRAINING.weekly_budget
        assert (evidence.n_new_labels or 0) >= RETRAINING.min_new_labels
    if decision.action == "ROLL_BACK":
        assert decision.verdict == "MODEL_REGRESSION"
        assert evidence.previous is not None
        assert evidence.episode.rolled_back_check_id is None
    if decision.action == "REQUEST_LABELS" and evidence.waits_for_labels in {None, OPEN, TOLD}:
        assert (evidence.n_new_labels or 0) + evidence.n_open_requests < RETRAINING.min_new_labels
    if decision.verdict == "BROKEN_IMAGES":
        assert decision.action in {"NONE", "ALERT"}
    if decision.action in {"REQUEST_LABELS", "REQUEST_RETRAINING"}:
        assert decision.verdict in {"DATA_DRIFT", "CONCEPT_DRIFT"}
    if decision.verdict in {"STABLE", "MIX_CHANGED"}:
        assert decision.action == "NONE"
    assert decision.reasons
    assert all(reason and reason == " ".join(reason.split()) for reason in decision.reasons)
