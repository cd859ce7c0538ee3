"""When a challenger cures a drift: pure."""

from dataclasses import replace
from typing import Any

import pytest
from given_answers import SURE, clean, counts, unsure

from include.config_parts import DriftConfig
from include.drift.arbiter.verdict import ACTING, Verdict
from include.drift.curing import Better, CureEvidence, compare_estimates, compare_right, judge_cure
from include.drift.statistics.measuring import measure_window

FOUND = CureEvidence(
    version=2,
    champion_version=1,
    n_window=200,
    n_trained_on=20,
    n_images=180,
    better=Better(method="estimates", n_images=180, champion=0.61, challenger=0.78, is_shown=True),
    champion_is_trusted=True,
    own_verdict="STABLE",
    own_findings=("nothing has moved",),
)


def judged(**changes: Any) -> tuple[bool | None, tuple[str, ...]]:
    cure = judge_cure(replace(FOUND, **changes), check_id="c")
    return cure.cures, cure.reasons


def test_one_that_is_better_and_at_home_cures() -> None:
    assert judged() == (
        True,
        (
            "version 2 cures the drift of check c: on 180 of 200 images of its window (20 that one of the two was "
            "trained on are left out), the accuracy is estimated at 0.78 against 0.61 of version 1, which is better, "
            "beyond what chance explains",
            "it is at home with them",
        ),
    )


@pytest.mark.parametrize("gain", [0.0, -0.2])
def test_one_that_is_not_better_does_not_cure(gain: float) -> None:
    better = Better(method="labels", n_images=40, champion=0.6, challenger=0.6 + gain, is_shown=False)

    cures, reasons = judged(better=better)

    assert cures is False
    assert "version 2 does not cure the drift of check c" in reasons[0]
    assert f"by 40 labels the accuracy is {0.6 + gain:.2f} against 0.60 of version 1, which is not better" in reasons[0]


def test_a_gain_that_so_few_images_cannot_show_counts() -> None:
    better = Better(method="labels", n_images=30, champion=0.6, challenger=0.7, is_shown=False)

    cures, reasons = judged(better=better)

    assert cures is True
    assert "though so few cannot show that it is no chance" in reasons[0]


@pytest.mark.parametrize("verdict", sorted(ACTING))
def test_one_that_alarms_beside_its_own_baseline_does_not_cure(verdict: Verdict) -> None:
    cures, reasons = judged(own_verdict=verdict, own_findings=("the confidences have moved",))

    assert cures is False
    assert reasons[1:] == (
        f"it is not at home with them: beside its own baseline they are {verdict}",
        "the confidences have moved",
    )


@pytest.mark.parametrize("verdict", ["STABLE", "MIX_CHANGED"])
def test_another_mix_than_that_of_its_held_out_images_does_no_harm(verdict: Verdict) -> None:
    assert judged(own_verdict=verdict)[0] is True


def test_against_a_champion_of_which_nothing_is_known_only_its_own_baseline_counts() -> None:
    assert judged(better=None)[0] is True
    assert judged(better=None, own_verdict="DATA_DRIFT")[0] is False
    worse = Better(method="estimates", n_images=180, champion=0.9, challenger=0.7, is_shown=False)
    cures, reasons = judged(champion_is_trusted=False, better=worse)
    assert cures is True
    assert "no estimate of the accuracy of version 1 can be trusted" in reasons[0]


def test_labels_compare_image_by_image() -> None:
    champion, challenger = [True] * 20 + [False] * 20, [True] * 19 + [False] + [True] * 15 + [False] * 5

    better = compare_right(champion, challenger)

    assert better == Better(method="labels", n_images=40, champion=0.5, challenger=0.85, is_shown=True)
    assert better.gain == pytest.approx(0.35)
    assert compare_right(champion[:29], challenger[:29]) is None
    few_differ = compare_right([True] * 30, [True] * 29 + [False])
    assert few_differ is not None
    assert not few_differ.is_shown


def test_estimates_compare_with_the_uncertainty_of_both() -> None:
    drift = DriftConfig(window=60)
    sure = measure_window(SURE, counts(clean(60)), drift=drift, seed=1).accuracy
    fallen = measure_window(SURE, counts(unsure(60)), drift=drift, seed=1).accuracy

    gain, equal = (compare_estimates(before, sure, n_images=60) for before in (fallen, sure))

    assert gain is not None
    assert gain.gain == pytest.approx(0.56, abs=0.02)
    assert gain.is_shown
    assert equal is not None
    assert (equal.gain, equal.is_shown) == (0, False)
    assert compare_estimates(None, sure, n_images=60) is None
