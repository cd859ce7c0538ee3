"""A bounded sample with the proportions of counts."""

from dataclasses import replace

import numpy as np
import pytest
from given_windows import answers, baseline_of, window_of

from include.drift.report.drawn_answers import CLASS, CONFIDENCE, MAX_ROWS, drawn_sides, scaled
from include.drift.statistics.window import WindowCounts


@pytest.mark.parametrize(
    ("counts", "n_rows", "expected"),
    [
        ([1, 2, 3], 6, [1, 2, 3]),
        ([1, 2, 3], 60, [10, 20, 30]),
        ([1, 1, 1], 4, [2, 1, 1]),
        ([0, 7], 3, [0, 3]),
        ([99, 1], 10, [10, 0]),
    ],
)
def test_counts_are_scaled_in_their_proportions(counts: list[int], n_rows: int, expected: list[int]) -> None:
    assert scaled(counts, n_rows=n_rows).tolist() == expected


def test_both_sides_have_as_many_rows_as_the_larger_one_and_its_proportions() -> None:
    rng = np.random.default_rng(0)
    held_out, new = answers(rng, 500), answers(rng, 100, faded=0.5)

    sides = drawn_sides(baseline_of(held_out), window_of(new))

    assert sides.n_rows == 500
    assert {len(column) for side in sides for column in side.values()} == {500}
    assert float(np.mean(sides.window[CONFIDENCE])) == pytest.approx(new.confidences.mean(), abs=0.005)
    assert float(np.median(sides.baseline["brightness"])) == pytest.approx(
        np.median(held_out.look["brightness"]), abs=0.02
    )
    assert (sides.window[CLASS] == "hat").mean() == pytest.approx((new.predicted == "hat").mean())


def test_no_side_is_larger_than_is_drawn() -> None:
    rng = np.random.default_rng(0)
    baseline, window = baseline_of(answers(rng, 350)), window_of(answers(rng, 50))
    many = WindowCounts(
        counts_by_class={label: tuple(9_999 * n for n in of) for label, of in window.counts_by_class.items()}
    )

    assert drawn_sides(baseline, many).n_rows == MAX_ROWS


def test_what_only_one_side_knows_of_the_images_is_left_out() -> None:
    rng = np.random.default_rng(0)
    baseline, window = baseline_of(answers(rng, 350)), window_of(answers(rng, 50))
    unmeasured = replace(window, image_statistics={"brightness": window.image_statistics["brightness"]})

    assert drawn_sides(baseline, unmeasured).numbers == [CONFIDENCE, "brightness"]
    assert drawn_sides(replace(baseline, image_statistics={}), window).numbers == [CONFIDENCE]
