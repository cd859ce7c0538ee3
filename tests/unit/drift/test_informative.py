"""Which images teach most."""

import math

import numpy as np
import pytest

from include.drift.labels.informative import N_NEIGHBOURS, most_informative, novelty


def sample(n: int, *, at: float = 0.0, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(at, 1, (n, 16)).astype(np.float32)


def test_images_like_the_known_ones_have_a_novelty_of_one_and_strangers_a_large_one() -> None:
    known = sample(300)

    usual, strange = novelty(sample(200, seed=2), known), novelty(sample(50, at=6, seed=3), known)

    assert np.median(usual) == pytest.approx(1, abs=0.1)
    assert strange.min() > usual.max()


def test_the_novelty_is_the_distance_to_the_fifth_neighbour_in_units_of_the_usual_one() -> None:
    known = np.arange(20, dtype=np.float32)[:, None]

    # In a row of numbers the fifth neighbour is 2.5 steps away on average, and at the end 5: the median is 3.
    assert novelty(np.array([[-10.0]], dtype=np.float32), known).tolist() == [14 / 3]


@pytest.mark.parametrize(
    "known",
    [
        sample(0),
        sample(N_NEIGHBOURS + 1),
        np.zeros((50, 16), dtype=np.float32),
        np.full((50, 16), np.nan, dtype=np.float32),
        np.empty((0, 0), dtype=np.float32),
        sample(50)[:, :3],
    ],
    ids=["none", "too few", "all equal", "no numbers", "no features", "other features"],
)
def test_without_a_sample_to_compare_with_no_novelty_is_known(known: np.ndarray) -> None:
    assert np.isnan(novelty(sample(4), known)).all()


def test_an_image_without_features_has_no_novelty_and_keeps_no_other_from_having_one() -> None:
    features = sample(3)
    features[1] = np.nan

    assert np.isfinite(novelty(features, sample(50, seed=2))).tolist() == [True, False, True]


def test_doubt_and_novelty_count_alike() -> None:
    confidences = np.array([0.9, 0.3, 0.9, 0.6, 0.3])
    novelties = np.array([1.0, 1.0, 4.0, 2.0, 4.0])

    assert most_informative(["a"] * 5, confidences, novelties, 3)[0] == 4
    assert most_informative(["a"] * 5, confidences, novelties, 9)[-1] == 0


def test_each_predicted_class_gives_its_best_ones_in_turn() -> None:
    classes = ["a"] * 90 + ["b"] * 8 + ["c"] * 2
    confidences = np.concatenate([np.linspace(0.2, 0.5, 90), np.linspace(0.6, 0.9, 8), [0.95, 0.99]])

    chosen = most_informative(classes, confidences, np.full(100, np.nan), 12)

    assert [classes[place] for place in chosen].count("c") == 2
    assert [classes[place] for place in chosen].count("b") == 5
    assert sorted(chosen) == [0, 1, 2, 3, 4, 90, 91, 92, 93, 94, 98, 99]


def test_a_confidence_that_is_no_number_is_the_greatest_doubt() -> None:
    confidences = np.array([0.4, math.nan, 0.9, 0.1])

    assert most_informative(["a"] * 4, confidences, np.full(4, np.nan), 2) == [1, 3]


def test_of_nothing_nothing_is_chosen() -> None:
    assert most_informative([], np.array([]), np.array([]), 5) == []
