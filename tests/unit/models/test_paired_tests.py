"""Tests on pairs of answers, against other ways to the same figures."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, multinomial
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from include.models.paired_tests import (
    Discordant,
    exact_p_value,
    holm,
    lower_bound,
    score,
    shows_drop,
    smallest_shown,
)

QUANTILE = 1.6448536269514722

COUNTS = st.tuples(st.integers(0, 60), st.integers(0, 60), st.integers(1, 400)).map(
    lambda bcd: Discordant(sum(bcd), bcd[0], bcd[1])
)


def log_likelihood(images: Discordant, only_challenger: float, margin: float) -> float:
    """Of the shares (q + margin, q, the rest), apart from a constant."""
    n, b, c = images
    shares = ((b, only_challenger + margin), (c, only_challenger), (n - b - c, 1 - 2 * only_challenger - margin))
    return sum(count * math.log(share) if count else 0.0 for count, share in shares)


@pytest.mark.parametrize(("b", "c"), [(10, 3), (3, 10), (5, 5), (7, 0), (0, 7), (0, 0)])
def test_without_a_margin_the_score_is_mcnemars(b: int, c: int) -> None:
    expected = (b - c) / math.sqrt(b + c) if b + c else 0.0

    assert score(Discordant(100, b, c), 0.0) == pytest.approx(expected)


@pytest.mark.parametrize("margin", [0.01, 0.05, 0.2, -0.05])
@pytest.mark.parametrize(("b", "c"), [(30, 12), (4, 9), (0, 3), (20, 20), (3, 0)])
def test_the_standard_error_is_that_of_the_most_likely_shares(b: int, c: int, margin: float) -> None:
    images = Discordant(200, b, c)
    grid = np.linspace(max(0, -margin), (1 - margin) / 2, 400_001)[1:-1]
    best = grid[np.argmax([log_likelihood(images, q, margin) for q in grid[::40]]) * 40]
    near = np.linspace(best - 0.0001, best + 0.0001, 2001)
    near = near[(near > max(0, -margin)) & (near < (1 - margin) / 2)]
    q = near[np.argmax([log_likelihood(images, q, margin) for q in near])]
    error = math.sqrt(200 * (2 * q + margin * (1 - margin)))

    assert score(images, margin) == pytest.approx((b - c - 200 * margin) / error, rel=2e-3, abs=1e-3)


@given(COUNTS)
def test_the_bound_is_where_the_score_is_the_quantile(images: Discordant) -> None:
    bound = lower_bound(images)

    assert -1 <= bound < images.drop
    assert score(images, bound) == pytest.approx(QUANTILE, abs=1e-4)
    assert shows_drop(images, bound - 1e-6)
    assert not shows_drop(images, bound + 1e-6)


@given(COUNTS, st.sampled_from([0.0, 0.01, 0.05]))
def test_the_smallest_drop_that_is_shown_is_refused_and_one_image_less_is_not(
    images: Discordant, margin: float
) -> None:
    n, _, c = images
    smallest = smallest_shown(images, margin)

    shown = [shows_drop(Discordant(n, b, c), margin) for b in range(n - c + 1)]
    assert shown == sorted(shown), "who loses more images is not judged better"
    expected = shown.index(True) if any(shown) else None
    assert smallest == (None if expected is None else pytest.approx((expected - c) / n))


def test_a_few_images_show_nothing() -> None:
    assert smallest_shown(Discordant(2, 1, 0), 0.5) is None
    assert not shows_drop(Discordant(0, 0, 0), 0.0)


@pytest.mark.parametrize(("n", "b", "c", "margin"), [(48, 12, 3, 0.1), (48, 5, 5, 0.1), (500, 200, 150, 0.05)])
def test_the_exact_p_value_is_a_binomial_tail(n: int, b: int, c: int, margin: float) -> None:
    share = (margin * n / (b + c) + 1) / 2

    assert exact_p_value(Discordant(n, b, c), margin) == pytest.approx(binom.sf(b - 1, b + c, share))


def share_refused(rejected: np.ndarray[tuple[int, int], np.dtype[np.bool_]], margin: float) -> float:
    """Return the largest probability, over all shares with a drop of the margin, of the tables that are rejected."""
    n = len(rejected) - 1
    b, c = np.nonzero(rejected)
    tables = np.stack([b, c, n - b - c], axis=1)
    shares = ((q + margin, q, 1 - 2 * q - margin) for q in np.linspace(0, (1 - margin) / 2, 80))
    return max(float(multinomial.pmf(tables, n, share).sum()) for share in shares) if len(b) else 0.0


@pytest.mark.parametrize(
    ("n", "margin", "level", "most"),
    [
        (48, 0.0, 0.05, 0.05),
        (48, 0.1, 0.05, 0.05),
        (48, 0.1, 0.005, 0.005),
        (200, 0.1, 0.05, 0.068),
        (200, 0.1, 0.005, 0.01),
    ],
)
def test_the_share_of_drops_of_exactly_the_margin_that_is_refused(
    n: int, margin: float, level: float, most: float
) -> None:
    """Enumerated over all tables; without the score test it would be 0.10 at most for 200 images."""

    def is_refused(b: int, c: int) -> bool:
        return b + c <= n and exact_p_value(Discordant(n, b, c), margin) <= level

    rejected = np.array([[is_refused(b, c) for c in range(n + 1)] for b in range(n + 1)])

    assert 0.2 * level <= share_refused(rejected, margin) <= most


def test_nothing_is_shown_where_the_margin_is_more_than_all_discordant_images() -> None:
    assert exact_p_value(Discordant(48, 4, 0), 0.1) == 1.0
    assert exact_p_value(Discordant(48, 0, 0), 0.1) == 1.0
    assert exact_p_value(Discordant(48, 6, 0), 0.1) < 1.0


def test_holms_correction_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@settings(max_examples=10)  # the other side takes 0.15 s for each
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holms_correction_is_that_of_statsmodels(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1])


@given(COUNTS)
def test_without_a_margin_the_exact_p_value_is_that_of_mcnemars_exact_test(images: Discordant) -> None:
    n, b, c = images
    two_sided = mcnemar([[n - b - c, b], [c, 0]], exact=True).pvalue

    if b > c:
        assert 2 * exact_p_value(images, 0.0) == pytest.approx(two_sided)


@settings(max_examples=10)  # the other side takes 0.15 s for each
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holms_correction_keeps_the_order_and_is_between_none_and_bonferronis(p_values: list[float]) -> None:
    corrected = holm(p_values)

    for plain, found in zip(p_values, corrected, strict=True):
        assert plain <= found <= min(1.0, len(p_values) * plain)
    ordered = [found for _, found in sorted(zip(p_values, corrected, strict=True))]
    assert all(one <= other for one, other in pairwise(ordered))
