"""Two-sample tests of what the network sees."""

import numpy as np
import pytest
from numpy.typing import NDArray

from include.drift.statistics.features import MAX_TRUSTED_AUC, compare_features, separate

Rows = NDArray[np.float32]


def rows(seed: int, n: int, *, moved: float = 0.0, n_features: int = 16) -> Rows:
    drawn = np.random.default_rng(seed).normal(0, 1, (n, n_features))
    drawn[:, 0] += moved
    return drawn.astype(np.float32)


def skewed(seed: int, n: int) -> Rows:
    """Features as a network has them: not normal, and not alike."""
    return np.exp(rows(seed, n) * np.linspace(0.2, 1.5, 16)).astype(np.float32)


def test_without_drift_it_alarms_at_the_nominal_rate() -> None:
    alarms = sum(
        compare_features(skewed(2 * number, 90), skewed(2 * number + 1, 40), false_alarm_rate=0.05, seed=number).differs
        for number in range(100)
    )

    # a permutation test is exact: of 100 at 5 %, 1 to 12 come with a probability of 99.3 %
    assert 1 <= alarms <= 12


def test_a_shift_is_seen_and_a_larger_one_is_further() -> None:
    baseline = rows(0, 350)

    distances = []
    for moved in (0.6, 1.2, 2.4):
        comparison = compare_features(baseline, rows(1, 200, moved=moved), false_alarm_rate=0.0025, seed=0)
        assert comparison.differs
        assert comparison.p_value <= 0.0025
        distances.append(comparison.distance)

    # the root of the discrepancy grows about as fast as the shift
    assert distances[1] / distances[0] == pytest.approx(2, rel=0.35)
    assert distances[2] > distances[1]


def test_the_same_seed_gives_the_same_comparison() -> None:
    one, other = (compare_features(rows(0, 60), rows(1, 50), false_alarm_rate=0.01, seed=5) for _ in range(2))

    assert one == other
    assert (one.n_baseline, one.n_images) == (60, 50)


def test_a_rate_below_what_permutations_resolve_still_has_a_threshold() -> None:
    comparison = compare_features(rows(0, 100), rows(1, 60, moved=3), false_alarm_rate=0.000025, seed=0)

    assert comparison.differs
    assert comparison.p_value <= 0.000025


@pytest.mark.parametrize("n_alike", [30, 20])
def test_images_that_are_all_or_mostly_alike_are_no_error(n_alike: int) -> None:
    baseline, window = np.ones((30, 4), dtype=np.float32), np.ones((30, 4), dtype=np.float32)
    baseline[n_alike:] = window[n_alike:] = 2

    comparison = compare_features(baseline, window, false_alarm_rate=0.01, seed=0)
    separation = separate(baseline, window, seed=0)

    assert not comparison.differs
    assert np.isfinite([comparison.distance, comparison.threshold, separation.auc]).all()


def test_what_is_no_number_or_has_other_features_is_refused() -> None:
    unknown = rows(0, 20)
    unknown[3, 2] = np.nan

    with pytest.raises(ValueError, match="1 images are not numbers"):
        compare_features(unknown, rows(1, 20), false_alarm_rate=0.01, seed=0)
    with pytest.raises(ValueError, match="cannot be compared"):
        separate(rows(0, 20), rows(1, 20, n_features=3), seed=0)
    with pytest.raises(ValueError, match="at least 10"):
        separate(rows(0, 20), rows(1, 9), seed=0)


def test_images_of_the_same_source_cannot_be_told_apart() -> None:
    separations = [separate(skewed(2 * seed, 350), skewed(2 * seed + 1, 200), seed=seed) for seed in range(20)]

    assert np.mean([one.auc for one in separations]) == pytest.approx(0.5, abs=0.04)
    assert sum(one.low <= 0.5 <= one.high for one in separations) >= 17
    assert all(one.is_trusted for one in separations)


def test_images_of_another_world_can_always_be_told_apart() -> None:
    separation = separate(rows(0, 350), rows(1, 200, moved=6), seed=0)

    assert separation.auc > 0.99
    assert MAX_TRUSTED_AUC < separation.low < separation.auc <= separation.high <= 1
    assert not separation.is_trusted


def test_a_known_shift_has_the_area_that_it_should() -> None:
    # two normal distributions that are 1 apart: the area is the normal distribution at 1 / sqrt(2)
    separation = separate(rows(0, 4000), rows(1, 4000, moved=1), seed=0)

    assert separation.auc == pytest.approx(0.760, abs=0.012)
    assert separation.high - separation.low == pytest.approx(2 * 1.96 * 1.3 * 0.0053, rel=0.1)


def test_without_error_the_interval_still_has_a_width() -> None:
    separation = separate(rows(0, 30), rows(1, 30, moved=50), seed=0)

    assert separation.auc == separation.high == 1
    assert 0.8 < separation.low < 1
