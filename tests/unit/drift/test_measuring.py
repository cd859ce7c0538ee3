"""All that is measured on a window."""

from dataclasses import replace

import numpy as np
import pytest
from given_windows import LOOK, answers, baseline_of, window_of

from include.config_parts import DriftConfig
from include.drift.statistics.accuracy import Realised
from include.drift.statistics.measuring import WindowEvidence, measure_window
from include.drift.statistics.window import WindowCounts
from include.models.baseline import STATISTIC_EDGES, Baseline, Histogram

DRIFT = DriftConfig()
BASELINE = baseline_of(answers(np.random.default_rng(0), 350))
MOSTLY_SHIRTS = {"coat": 0.08, "dress": 0.08, "hat": 0.08, "shirt": 0.68, "shoe": 0.08}


def measured(window: WindowCounts, **known: object) -> WindowEvidence:
    return measure_window(BASELINE, window, drift=DRIFT, seed=0, **known)  # type: ignore[arg-type]


def test_a_window_like_the_baseline() -> None:
    evidence = measured(window_of(answers(np.random.default_rng(1), 200)))

    assert [signal.name for signal in evidence.signals] == ["confidences", "classes", "features", "images"]
    assert evidence.speaking == ()
    assert (evidence.moved_classes, evidence.jumps, evidence.is_accepted, evidence.mix) == ((), (), False, None)
    assert set(evidence.distances) == {"Jensen-Shannon", "PSI", "Kolmogorov-Smirnov"}
    assert evidence.separation is not None
    assert evidence.separation.is_trusted
    assert evidence.accuracy is not None
    assert not evidence.accuracy.has_dropped(DRIFT.min_accuracy_drop)


def test_images_that_are_harder_to_tell() -> None:
    evidence = measured(window_of(answers(np.random.default_rng(1), 200, faded=0.6)))

    assert {"confidences", "features"} <= {signal.name for signal in evidence.speaking}
    assert evidence.speaking[0].loudness >= evidence.speaking[-1].loudness > 1
    assert evidence.mix is not None
    assert not evidence.mix.explains
    assert evidence.moved_classes
    assert evidence.accuracy is not None
    assert evidence.accuracy.expected == evidence.accuracy.baseline
    assert evidence.accuracy.has_dropped(DRIFT.min_accuracy_drop)


def test_another_mix_of_classes_is_held_against_what_it_explains() -> None:
    evidence = measured(window_of(answers(np.random.default_rng(1), 200, mix=MOSTLY_SHIRTS)))

    assert evidence.mix is not None
    assert evidence.mix.explains
    assert evidence.accuracy is not None
    assert evidence.accuracy.expected == evidence.mix.expected_accuracy < evidence.accuracy.baseline - 0.05
    assert not evidence.accuracy.has_dropped(DRIFT.min_accuracy_drop)


def test_images_of_another_world_have_no_estimate_that_is_trusted_until_labels_come() -> None:
    window = window_of(answers(np.random.default_rng(1), 200, moved=6))

    unlabelled, labelled = measured(window), measured(window, realised=Realised(n_images=100, n_right=80))

    assert unlabelled.accuracy is not None
    assert not unlabelled.accuracy.is_trusted
    assert unlabelled.accuracy.has_dropped(DRIFT.min_accuracy_drop)
    assert labelled.accuracy is not None
    assert not labelled.accuracy.has_dropped(DRIFT.min_accuracy_drop)


def test_images_that_have_jumped_to_where_a_person_accepted_them() -> None:
    dark, other = (window_of(answers(np.random.default_rng(n), 200, look=LOOK | {"brightness": 0.1})) for n in (1, 2))
    accepted = {
        name: Histogram(edges=STATISTIC_EDGES[name], counts=counts) for name, counts in other.image_statistics.items()
    }

    before, after = measured(dark), measured(dark, accepted=(accepted,))

    assert [jump.statistic for jump in before.jumps] == ["brightness"]
    assert not before.is_accepted
    assert after.jumps == ()
    assert after.is_accepted
    # the images are still other ones than the baseline's
    assert [signal.name for signal in after.speaking] == ["images"]


def test_another_look_alone_is_no_question_of_the_mix() -> None:
    evidence = measured(window_of(answers(np.random.default_rng(1), 200, look=LOOK | {"brightness": 0.4})))

    assert [signal.name for signal in evidence.speaking] == ["images"]
    assert evidence.mix is None


def test_what_an_older_baseline_does_not_know_is_left_out() -> None:
    old = Baseline(edges=BASELINE.edges, counts_by_class=BASELINE.counts_by_class, image_statistics={})

    evidence = measure_window(old, window_of(answers(np.random.default_rng(1), 200, faded=0.6)), drift=DRIFT, seed=0)

    assert [signal.name for signal in evidence.signals] == ["confidences", "classes"]
    assert "confidences" in {signal.name for signal in evidence.speaking}
    assert (evidence.separation, evidence.jumps, evidence.mix, evidence.accuracy) == (None, (), None, None)


def test_few_features_are_no_separation() -> None:
    window = window_of(answers(np.random.default_rng(1), 200))
    few = WindowCounts(counts_by_class=window.counts_by_class, features=window.features[:5])

    assert measured(few).separation is None


def odd_windows() -> dict[str, WindowCounts]:
    window = window_of(answers(np.random.default_rng(1), 200))
    renamed = {"unheard of" if label == "hat" else label: counts for label, counts in window.counts_by_class.items()}
    look = {
        name: tuple(sum(of) * (place == 3) for place in range(len(of))) for name, of in window.image_statistics.items()
    }
    return {
        "a class that only the window has": replace(window, counts_by_class=renamed),
        "one class": replace(window, counts_by_class={"hat": tuple(4 * n for n in window.counts_by_class["hat"])}),
        "one confidence": replace(window, counts_by_class={label: (*[0] * 62, 40) for label in window.counts_by_class}),
        "the same image over and over": replace(window, image_statistics=look, features=np.ones_like(window.features)),
    }


@pytest.mark.parametrize("window", odd_windows().values(), ids=odd_windows().keys())
def test_an_odd_window_is_measured_and_is_drift(window: WindowCounts) -> None:
    evidence = measured(window)

    assert len(evidence.signals) == 4
    assert evidence.speaking
    assert np.isfinite([(s.comparison.distance, s.comparison.threshold, s.loudness) for s in evidence.signals]).all()
    assert evidence.accuracy is not None
    assert all(0 <= one.low <= one.value <= one.high <= 1 for one in evidence.accuracy.estimates)


@pytest.mark.parametrize(("n_baseline", "n_window"), [(20, 20), (20, 500), (350, 20)])
def test_few_images_of_the_same_source_are_no_drift(n_baseline: int, n_window: int) -> None:
    rng = np.random.default_rng(2)

    evidence = measure_window(
        baseline_of(answers(rng, n_baseline)), window_of(answers(rng, n_window)), drift=DRIFT, seed=0
    )

    assert len(evidence.signals) == 4
    assert (evidence.speaking, evidence.jumps) == ((), ())
    assert evidence.accuracy is not None
    assert not evidence.accuracy.has_dropped(DRIFT.min_accuracy_drop)


def test_the_same_seed_measures_the_same() -> None:
    window = window_of(answers(np.random.default_rng(1), 200, faded=0.3))

    assert measured(window) == measured(window)


def test_a_window_without_answers_cannot_be_measured() -> None:
    nothing = WindowCounts(counts_by_class={"coat": (0,) * (len(BASELINE.edges) - 1)}, n_undecodable=30, n_invalid=200)

    with pytest.raises(ValueError, match="holds nothing"):
        measured(nothing)
