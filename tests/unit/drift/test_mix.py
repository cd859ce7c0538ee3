"""Another mix of classes, or a model that has got worse."""

from collections.abc import Mapping

import numpy as np
import pytest
from given_windows import CLASSES, EVEN, answers, baseline_of, counted, window_of

from include.config_parts import DriftConfig
from include.drift.statistics.mix import ClassMix, class_mix
from include.drift.statistics.signals import compare_signals
from include.drift.statistics.window import WindowCounts
from include.models.baseline import CONFIDENCE_EDGES, Baseline

DRIFT = DriftConfig()
MOSTLY_SHIRTS = {"coat": 0.08, "dress": 0.08, "hat": 0.08, "shirt": 0.68, "shoe": 0.08}
"""The class that is hardest to tell."""


def mix_of(baseline: Baseline, window: WindowCounts) -> ClassMix:
    mix = class_mix(baseline, window, drift=DRIFT, seed=0)
    assert mix is not None
    return mix


@pytest.mark.parametrize("mix", [EVEN, MOSTLY_SHIRTS, {"hat": 0.5, "shoe": 0.5}])
def test_the_mix_is_found_from_the_predicted_classes(mix: Mapping[str, float]) -> None:
    rng = np.random.default_rng(0)

    window = WindowCounts(counts_by_class=window_of(answers(rng, 4000, mix=mix)).counts_by_class)
    found = mix_of(baseline_of(answers(rng, 4000)), window)

    true_shares = [mix.get(label, 0) for label in CLASSES]
    assert [found.shares[label] for label in CLASSES] == pytest.approx(true_shares, abs=0.07)
    assert sum(found.shares.values()) == pytest.approx(1)
    assert min(found.shares.values()) >= 0


def test_another_mix_explains_a_window_and_its_accuracy() -> None:
    rng = np.random.default_rng(1)
    baseline, new = baseline_of(answers(rng, 350)), answers(rng, 200, mix=MOSTLY_SHIRTS)
    window = window_of(new)

    mix = mix_of(baseline, window)

    assert any(signal.speaks for signal in compare_signals(baseline, window, drift=DRIFT, seed=0))
    assert mix.explains
    large = answers(rng, 20_000, mix=MOSTLY_SHIRTS)
    assert mix.expected_accuracy == pytest.approx(large.accuracy, abs=0.07)
    assert mix.expected_accuracy < answers(rng, 20_000).accuracy - 0.05


def test_a_mix_explains_nearly_all_windows_in_which_only_it_has_changed() -> None:
    explained = 0
    for seed in range(20):
        rng = np.random.default_rng(100 + seed)
        explained += mix_of(baseline_of(answers(rng, 350)), window_of(answers(rng, 200, mix=MOSTLY_SHIRTS))).explains

    assert explained >= 18


def test_images_that_have_got_harder_are_no_other_mix() -> None:
    rng = np.random.default_rng(2)

    assert not mix_of(baseline_of(answers(rng, 350)), window_of(answers(rng, 200, faded=0.5))).explains


def test_features_that_no_mix_has_are_not_explained_though_confidences_are() -> None:
    rng = np.random.default_rng(3)
    baseline, window = baseline_of(answers(rng, 350)), window_of(answers(rng, 200, moved=1.5))

    assert not mix_of(baseline, window).explains
    without_features = WindowCounts(counts_by_class=window.counts_by_class)
    assert mix_of(baseline, without_features).explains


def test_a_mix_of_which_too_few_images_are_held_out_explains_nothing() -> None:
    rng = np.random.default_rng(4)
    rare = {"coat": 0.32, "dress": 0.32, "hat": 0.02, "shirt": 0.32, "shoe": 0.02}

    assert not mix_of(baseline_of(answers(rng, 350, mix=rare)), window_of(answers(rng, 200, mix={"hat": 1.0}))).explains


def test_confidences_that_are_rare_in_the_mix_are_not_lost() -> None:
    # of a mix with three quarters of hats, each of 45 bins below 0.9 holds a third of an image
    evenly = [0.01 + 0.02 * (place % 45) for place in range(225)]
    baseline = Baseline(
        edges=CONFIDENCE_EDGES,
        counts_by_class={},
        image_statistics={},
        counts_by_truth=counted(np.array([*evenly, *[0.999] * 30]), [*["coat"] * 225, *["hat"] * 30]),
        confusion={"coat": {"coat": 225}, "hat": {"hat": 30}},
    )
    window = WindowCounts(
        counts_by_class=counted(np.array([*evenly[:45], *[0.999] * 135]), [*["coat"] * 45, *["hat"] * 135])
    )

    mix = mix_of(baseline, window)

    assert mix.shares == pytest.approx({"coat": 0.25, "hat": 0.75})
    assert mix.explains


def test_a_class_that_no_held_out_image_is_of_has_no_share() -> None:
    rng = np.random.default_rng(5)
    without_hats = {label: 0.25 for label in CLASSES if label != "hat"}

    mix = mix_of(baseline_of(answers(rng, 350, mix=without_hats)), window_of(answers(rng, 200)))

    assert "hat" not in mix.shares
    assert sum(mix.shares.values()) == pytest.approx(1)
    assert np.isfinite(mix.expected_accuracy)


def test_a_window_of_classes_that_were_never_given_keeps_the_held_out_mix() -> None:
    baseline = baseline_of(answers(np.random.default_rng(6), 350))
    confusion = {truth: {**row, "hat": 0} for truth, row in baseline.confusion.items()}
    never_given = Baseline(
        edges=baseline.edges,
        counts_by_class=baseline.counts_by_class,
        image_statistics={},
        counts_by_truth=baseline.counts_by_truth,
        confusion=confusion,
    )
    only_hats = WindowCounts(counts_by_class={"hat": baseline.counts_by_class["hat"]})

    mix = mix_of(never_given, only_hats)

    assert sum(mix.shares.values()) == pytest.approx(1)
    assert all(share > 0 for share in mix.shares.values())


def test_a_baseline_that_does_not_know_its_true_classes_has_no_mix() -> None:
    baseline = Baseline(edges=CONFIDENCE_EDGES, counts_by_class={}, image_statistics={})

    assert class_mix(baseline, window_of(answers(np.random.default_rng(0), 50)), drift=DRIFT, seed=0) is None
