"""The picture of a check, and the band in it."""

import io
from pathlib import Path

import numpy as np
import pytest
from given_windows import answers, baseline_of, window_of
from numpy.typing import NDArray
from PIL import Image

from include.config_parts import DriftConfig
from include.drift.arbiter.verdict import Decision, Verdict
from include.drift.report.band import Cumulated, chance_band, cumulated
from include.drift.report.picture import draw_picture
from include.drift.statistics.signals import compare_signals
from include.drift.statistics.window import WindowCounts
from include.models.baseline import CONFIDENCE_EDGES, Baseline, count_confidences
from include.store.files import FileStore

VERMILION = (0xD5, 0x5E, 0x00)
"""What draws the window, and the signals that speak."""


def draw(
    folder: Path,
    baseline: Baseline,
    window: WindowCounts,
    *,
    verdict: Verdict = "DATA_DRIFT",
    rate: float = 0.01,
    pipeline: str = "garments",
) -> Image.Image:
    store = FileStore(str(folder))
    path = draw_picture(
        store,
        check_id="00c0ffee",
        pipeline=pipeline,
        version=3,
        baseline=baseline,
        window=window,
        signals=compare_signals(baseline, window, drift=DriftConfig(false_alarm_rate=rate), seed=0),
        decision=Decision(verdict=verdict, action="NONE", reasons=()),
        false_alarm_rate=rate,
        seed=0,
    )
    assert path == "reports/00c0ffee.png"
    content = store.read(path)
    assert len(content) <= 100_000
    return Image.open(io.BytesIO(content)).convert("RGB")


def share_of(image: Image.Image, colour: tuple[int, int, int]) -> float:
    return float((np.abs(np.asarray(image, dtype=int) - colour).max(axis=-1) < 24).mean())


def test_drift_is_seen_at_a_glance(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    baseline = baseline_of(answers(rng, 350))

    still = draw(tmp_path / "a", baseline, window_of(answers(rng, 200)), verdict="STABLE")
    drifted = draw(tmp_path / "b", baseline, window_of(answers(rng, 200, faded=0.7, moved=1)))

    assert still.size == drifted.size
    assert still.width == 1200
    assert still.getpixel((2, 2)) == (255, 255, 255), "it has a ground of its own, on a dark page, too"
    assert share_of(drifted, VERMILION) > 2 * share_of(still, VERMILION) > 0


@pytest.mark.parametrize("verdict", ["INSUFFICIENT_DATA", "MIX_CHANGED", "MODEL_REGRESSION", "CONCEPT_DRIFT"])
def test_there_is_a_picture_for_every_verdict_and_for_little_data(verdict: Verdict, tmp_path: Path) -> None:
    certain = {"a": count_confidences([1.0] * 3, ["a"] * 3, classes=["a"])["a"]}
    baseline = Baseline(edges=CONFIDENCE_EDGES, counts_by_class=certain, image_statistics={})

    image = draw(
        tmp_path, baseline, WindowCounts(counts_by_class=certain), verdict=verdict, rate=0.0001, pipeline="p" * 63
    )

    assert image.width == 1200


def test_another_try_draws_the_same(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    baseline, window = baseline_of(answers(rng, 350)), window_of(answers(rng, 200))

    assert draw(tmp_path, baseline, window).tobytes() == draw(tmp_path, baseline, window).tobytes()


def test_confidences_are_cumulated_below_the_edges_that_are_drawn() -> None:
    counts = [0] * 63
    counts[0], counts[45], counts[62] = 1, 2, 5  # from 0, from 0.9 and from 0.998 on

    below = cumulated(counts, CONFIDENCE_EDGES)

    drawn = dict(zip(below.edges, below.counts.tolist(), strict=True))
    assert [drawn[edge] for edge in (0, 0.1, 0.9, 0.92, 0.99, 1)] == [0, 1, 1, 3, 3, 8]
    assert len(drawn) == 16
    assert below.shares[-1] == 1


def test_edges_of_another_release_are_drawn_as_they_are() -> None:
    below = cumulated([1, 2], (0.0, 0.45, 1.0))

    assert below.edges == (0, 1)
    assert below.counts.tolist() == [0, 3]


@pytest.mark.parametrize(("n_images", "rate"), [(50, 0.05), (200, 0.05), (200, 0.01)])
def test_windows_without_drift_keep_to_the_band_as_often_as_it_says(n_images: int, rate: float) -> None:
    """It is for all edges at once, and hardly wider than it has to be."""
    # Given: a baseline that is so large that it is the truth
    rng = np.random.default_rng(3)
    counts = np.histogram(rng.beta(3, 1, 1_000_000), CONFIDENCE_EDGES)[0]
    baseline = cumulated(counts.tolist(), CONFIDENCE_EDGES)
    shares = np.diff(baseline.shares)

    def windows(n: int) -> NDArray[np.int64]:
        return np.cumsum(rng.multinomial(n_images, shares, n), axis=1)

    # When
    first = Cumulated(baseline.edges, np.concatenate([[0], windows(1)[0]]))
    band = chance_band(baseline, first, false_alarm_rate=rate, seed=0)

    # Then
    drawn = windows(20_000) / n_images
    leaves = ((drawn < band.low[1:] - 1e-9) | (drawn > band.high[1:] + 1e-9)).any(axis=1).mean()
    assert 0.5 * rate <= leaves <= 1.15 * rate


def test_the_band_lies_around_the_baseline_and_is_narrower_for_more_images() -> None:
    rng = np.random.default_rng(0)
    baseline = cumulated(baseline_of(answers(rng, 350)).counts, CONFIDENCE_EDGES)
    few, many = (Cumulated(baseline.edges, baseline.counts * n // 350) for n in (35, 3_500))

    narrow = chance_band(baseline, many, false_alarm_rate=0.01, seed=0)
    wide = chance_band(baseline, few, false_alarm_rate=0.01, seed=0)

    for band in (narrow, wide):
        assert (band.low <= baseline.shares).all()
        assert (band.high >= baseline.shares).all()
        assert band.low[0] == band.high[0] == 0
        assert band.low[-1] == band.high[-1] == 1
    assert (wide.high - wide.low).sum() > 1.5 * (narrow.high - narrow.low).sum()
