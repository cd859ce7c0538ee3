"""How sizes, brightness, contrast and sharpness are spread over the images."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from include.dataset.images import NEW, DatasetImage
from include.images.statistics import ImageStatistics

_N_BINS = 24
_TAILS = (0.5, 99.5)
"""Percentiles: what is beyond them is in the bins at the ends, and squeezes the others together no more."""
_LEAST = 1e-6


class _Shown(NamedTuple):
    title: str
    about: str
    value: Callable[[ImageStatistics], float]
    form: str
    is_logarithmic: bool = False


_SHOWN = (
    _Shown("Shorter side", "pixels", lambda look: min(look.width, look.height), "{:,.0f}", is_logarithmic=True),
    _Shown("Longer side", "pixels", lambda look: max(look.width, look.height), "{:,.0f}", is_logarithmic=True),
    _Shown("Width to height", "1 is a square", lambda look: look.width / look.height, "{:.2f}", is_logarithmic=True),
    _Shown("Brightness", "0 is black, 1 is white", lambda look: look.brightness, "{:.2f}"),
    _Shown("Contrast", "0 is one grey", lambda look: look.contrast, "{:.2f}"),
    _Shown("Sharpness", "low is blurred", lambda look: max(look.sharpness, _LEAST), "{:.4f}", is_logarithmic=True),
)


class Summary(NamedTuple):
    """A statistic of the images of one kind, as texts."""

    name: str
    """labelled or new."""
    low: str
    median: str
    high: str


class Histogram(NamedTuple):
    """How a statistic is spread."""

    title: str
    about: str
    heights: tuple[float, ...]
    """Of the labelled images (of the new ones, if there are no others), in each bin: the share of the fullest."""
    new_heights: tuple[float, ...]
    """Of the new images beside labelled ones; none without."""
    ends: tuple[str, str]
    summaries: tuple[Summary, ...]


def histograms(images: Sequence[DatasetImage]) -> list[Histogram]:
    """Return how each statistic is spread over the readable images; nothing if there is none."""
    looks = [(image.side == NEW, image.statistics) for image in images if image.statistics is not None]
    if not looks:
        return []
    is_new = np.array([new for new, _ in looks])
    return [_histogram(shown, np.array([shown.value(of) for _, of in looks], dtype=float), is_new) for shown in _SHOWN]


def _histogram(shown: _Shown, values: NDArray[np.float64], is_new: NDArray[np.bool_]) -> Histogram:
    scaled = np.log(values) if shown.is_logarithmic else values
    low, high = np.percentile(scaled, _TAILS)
    if high - low < _LEAST:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, _N_BINS + 1)
    inside = np.clip(scaled, low, high)
    both = bool(is_new.any() and not is_new.all())
    first, second = (~is_new, is_new) if both else (np.ones_like(is_new), np.zeros_like(is_new))
    names = ("labelled", "new") if both else ("new" if is_new.all() else "labelled", "")
    shares = [np.histogram(inside[side], edges)[0] / max(1, side.sum()) for side in (first, second)]
    top = max(share.max() for share in shares)
    heights, new_heights = (tuple(float(share) for share in part / top) for part in shares)
    ends = [np.exp(end) if shown.is_logarithmic else end for end in (low, high)]
    summaries = [
        Summary(name, *(shown.form.format(figure) for figure in np.percentile(values[side], (0, 50, 100))))
        for name, side in zip(names, (first, second), strict=True)
        if side.any()
    ]
    return Histogram(
        title=shown.title,
        about=shown.about,
        heights=heights,
        new_heights=new_heights if both else (),
        ends=(shown.form.format(ends[0]), shown.form.format(ends[1])),
        summaries=tuple(summaries),
    )
