"""Distances between counts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy, ks_2samp, wasserstein_distance

from include.drift.statistics.histograms import (
    MIN_SPREAD,
    jensen_shannon_distances,
    kolmogorov_smirnov_distances,
    other_distances,
    population_stability_indices,
    spread,
    total_variation,
    total_variations,
    wasserstein_1,
    wasserstein_distances,
)
from include.models.baseline import CONFIDENCE_EDGES, count_confidences

WIDEST = max(np.diff(CONFIDENCE_EDGES))

confidences = st.lists(st.floats(0, 1), min_size=1, max_size=60)


def counted(values: list[float]) -> tuple[int, ...]:
    return count_confidences(values, ["a"] * len(values), classes=["a"])["a"]


@given(confidences, confidences)
@settings(deadline=None, max_examples=200)
def test_on_counts_it_is_scipys_distance_on_raw_data_within_the_widest_bin(
    baseline: list[float], window: list[float]
) -> None:
    unit = float(spread(np.array(counted(baseline)), CONFIDENCE_EDGES))

    on_counts = wasserstein_1(counted(baseline), counted(window), CONFIDENCE_EDGES) * unit

    assert on_counts == pytest.approx(wasserstein_distance(baseline, window), abs=WIDEST)


@given(confidences)
@settings(deadline=None)
def test_its_unit_is_the_standard_deviation_of_raw_data_within_the_widest_bin(values: list[float]) -> None:
    unit = float(spread(np.array(counted(values)), CONFIDENCE_EDGES))

    assert unit == pytest.approx(max(np.std(values), MIN_SPREAD), abs=WIDEST)


@given(confidences, confidences)
@settings(deadline=None, max_examples=200)
def test_kolmogorov_smirnov_on_counts_is_scipys_on_raw_data_but_for_what_a_bin_holds(
    baseline: list[float], window: list[float]
) -> None:
    on_counts = other_distances(counted(baseline), counted(window))["Kolmogorov-Smirnov"]

    on_raw = ks_2samp(baseline, window, method="asymp").statistic
    fullest = max(max(counted(side)) / len(side) for side in (baseline, window))
    assert on_counts <= on_raw + 1e-12
    assert on_counts >= on_raw - fullest - 1e-12


@given(confidences, confidences)
@settings(deadline=None, max_examples=200)
def test_jensen_shannon_is_scipys_on_the_shares_of_raw_data(baseline: list[float], window: list[float]) -> None:
    shares = [np.histogram(side, CONFIDENCE_EDGES)[0] / len(side) for side in (baseline, window)]

    on_counts = other_distances(counted(baseline), counted(window))["Jensen-Shannon"]

    assert on_counts == pytest.approx(jensenshannon(*shares, base=2), abs=1e-7)
    assert 0 <= on_counts <= 1 + 1e-12


@given(confidences, confidences)
@settings(deadline=None, max_examples=200)
def test_psi_is_scipys_relative_entropy_both_ways_with_half_a_value_more_in_each_bin(
    baseline: list[float], window: list[float]
) -> None:
    smoothed = [np.histogram(side, CONFIDENCE_EDGES)[0] + 0.5 for side in (baseline, window)]

    on_counts = other_distances(counted(baseline), counted(window))["PSI"]

    assert on_counts == pytest.approx(entropy(*smoothed) + entropy(*reversed(smoothed)))


@given(confidences, st.integers(1, 5))
@settings(deadline=None)
def test_the_same_shares_have_no_distance_whatever_their_sizes(values: list[float], times: int) -> None:
    many = tuple(times * n for n in counted(values))

    assert wasserstein_1(counted(values), many, CONFIDENCE_EDGES) == pytest.approx(0, abs=1e-12)
    assert total_variation(counted(values), many) == pytest.approx(0, abs=1e-12)


def test_a_shift_by_two_standard_deviations() -> None:
    edges = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)

    # midpoints 0.1 and 0.3, standard deviation 0.1; everything moves by 0.2
    assert wasserstein_1((5, 5, 0, 0, 0), (0, 50, 50, 0, 0), edges) == pytest.approx(2)


def test_answers_that_are_all_alike_have_a_least_spread() -> None:
    edges = (0.0, 0.5, 1.0)

    assert wasserstein_1((9, 0), (0, 4), edges) == pytest.approx(0.5 / MIN_SPREAD)
    assert wasserstein_1((9, 0), (4, 0), edges) == 0


def test_total_variation_is_the_share_that_is_of_another_class() -> None:
    assert total_variation((5, 5, 0), (5, 2, 3)) == pytest.approx(0.3)
    assert total_variation((1, 0), (0, 1000)) == 1


def test_many_pairs_at_once_are_each_pair() -> None:
    rng = np.random.default_rng(0)
    a, b = (rng.integers(0, 9, (7, 63)) + 1 for _ in range(2))

    together = wasserstein_distances(a, b, CONFIDENCE_EDGES)

    assert together.tolist() == [wasserstein_1(*pair, CONFIDENCE_EDGES) for pair in zip(a, b, strict=True)]
    assert total_variations(a, b).tolist() == [total_variation(*pair) for pair in zip(a, b, strict=True)]
    others = [other_distances(*pair) for pair in zip(a, b, strict=True)]
    assert kolmogorov_smirnov_distances(a, b).tolist() == [one["Kolmogorov-Smirnov"] for one in others]
    assert jensen_shannon_distances(a, b).tolist() == [one["Jensen-Shannon"] for one in others]
    assert population_stability_indices(a, b).tolist() == [one["PSI"] for one in others]


@pytest.mark.parametrize(("baseline", "window"), [((0, 0), (1, 2)), ((1, 2), (0, 0))])
def test_nothing_has_no_distance(baseline: tuple[int, ...], window: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="holds nothing"):
        wasserstein_1(baseline, window, (0.0, 0.5, 1.0))
    with pytest.raises(ValueError, match="holds nothing"):
        total_variation(baseline, window)
    with pytest.raises(ValueError, match="holds nothing"):
        population_stability_indices(baseline, window)
