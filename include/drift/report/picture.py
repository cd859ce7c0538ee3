"""One picture of a check, for the mail: the confidences of both sides, and each signal beside its threshold."""

import io
import logging
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from include.drift.arbiter.verdict import Decision
from include.drift.report.band import chance_band, cumulated
from include.drift.report.titles import TITLES
from include.drift.statistics.signals import Signal
from include.drift.statistics.window import WindowCounts
from include.models.baseline import Baseline, total_counts
from include.store.files import FileStore
from include.store.reports import picture_path

if TYPE_CHECKING:  # a third of a second to import
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

log = logging.getLogger(__name__)

_WIDTH, _HEIGHT, _BAR, _DPI = 4.8, 3.55, 0.24, 250
"""In inches: of the picture, of all but its bars, and of a bar. Its pixels are twice as many as a mail shows, for
screens that have twice as many; its letters can be read on a telephone."""
_N_COLOURS = 64
_NAMED_EDGES = (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.94, 0.98, 1)
"""Of those that are drawn: all would overlap."""
_MAX_TIMES = 4.0
"""The most thresholds that fit: a bar is not longer, the number beside it says how far it is."""
_MAX_NAME = 24
"""The most letters of a pipeline's name that fit."""

_INK, _QUIET, _LINE, _PAPER = "#1f2328", "#59636e", "#d0d7de", "#ffffff"
_WINDOW, _BASELINE, _BAND, _SILENT = "#d55e00", "#0072b2", "#cfe3f1", "#9aa4af"
"""Vermilion and blue, which people with any kind of colour vision tell apart (Okabe and Ito, 2008)."""
_DASHED = (0, (4, 1.5))

_SIGNALS = {"confidences": "Confidences", "classes": "Predicted classes", "features": "Features", "images": "Images"}
"""Short, as there is little room beside the bars."""


def draw_picture(
    store: FileStore,
    *,
    check_id: str,
    pipeline: str,
    version: int,
    baseline: Baseline,
    window: WindowCounts,
    signals: Sequence[Signal],
    decision: Decision,
    false_alarm_rate: float,
    seed: int,
) -> str:
    """Draw the picture of a check, and write it as a PNG; an earlier one is replaced.

    Args:
        store: The pipeline's files.
        check_id: The check: it names the file.
        pipeline: The pipeline's name.
        version: The champion that was checked.
        baseline: What its answers are compared with.
        window: Its answers, at least one in a bin.
        signals: What was compared.
        decision: What was decided.
        false_alarm_rate: The share of windows without drift that leave the band somewhere.
        seed: Of the band's draws.

    Returns:
        The file's place in the store.

    Raises:
        StoreError: It cannot be written.
    """
    started = time.monotonic()
    name = pipeline if len(pipeline) <= _MAX_NAME else f"{pipeline[: _MAX_NAME - 1]}…"
    about = f"{name}, version {version}: {window.n_images:,} new answers, {baseline.n_images:,} held-out images"
    content = _drawn(
        TITLES[decision.verdict], about, baseline, window, signals, false_alarm_rate=false_alarm_rate, seed=seed
    )
    path = picture_path(check_id)
    store.write(path, content)
    log.info("drew %s, %.0f KB, in %.1f s", path, len(content) / 1000, time.monotonic() - started)
    return path


def _drawn(
    title: str,
    about: str,
    baseline: Baseline,
    window: WindowCounts,
    signals: Sequence[Signal],
    *,
    false_alarm_rate: float,
    seed: int,
) -> bytes:
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height = _HEIGHT + _BAR * len(signals)
    with rc_context({"font.family": "DejaVu Sans", "font.size": 8, "text.parse_math": False}):
        figure = Figure(figsize=(_WIDTH, height), dpi=_DPI, facecolor=_PAPER)
        FigureCanvasAgg(figure)
        figure.text(0.03, 1 - 0.28 / height, title, size=11, weight="bold", color=_INK)
        figure.text(0.03, 1 - 0.48 / height, about, color=_QUIET)
        upper, lower = _panels(figure, n_bars=len(signals))
        _draw_confidences(upper, baseline, window, false_alarm_rate=false_alarm_rate, seed=seed)
        _draw_signals(lower, signals)
        figure.savefig(content := io.BytesIO(), format="png")
    return _with_palette(content)


def _with_palette(content: io.BytesIO) -> bytes:
    """Return a picture as a PNG with a palette: there are few colours, and so it is a third as large."""
    from PIL import Image

    with Image.open(content) as image, io.BytesIO() as smaller:
        image.convert("RGB").quantize(_N_COLOURS).save(smaller, format="png", optimize=True)
        return smaller.getvalue()


def _panels(figure: "Figure", *, n_bars: int) -> tuple["Axes", "Axes"]:
    """Return two panels without frames, one below the other."""
    height = figure.get_figheight()
    left, width = 0.265, 0.7
    lower = figure.add_axes((left, 0.24 / height, width, _BAR * n_bars / height))
    upper = figure.add_axes((left, (0.82 + _BAR * n_bars) / height, width, 1.95 / height))
    for axes in (upper, lower):
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0, labelcolor=_QUIET, labelsize=8)
        axes.set_axisbelow(True)
    return upper, lower


def _draw_confidences(
    axes: "Axes", baseline: Baseline, window: WindowCounts, *, false_alarm_rate: float, seed: int
) -> None:
    """Draw how many answers are at most how sure.

    Shares of single bins are what a reader expects first. But in them the drift that is found lies within the band more
    often than not, as it is a little in each bin, and all in the same direction: that adds up in these lines, as it
    does in the distance.
    """
    expected = cumulated(baseline.counts, baseline.edges)
    found = cumulated(total_counts(window.counts_by_class, n_bins=len(baseline.edges) - 1), baseline.edges)
    band = chance_band(expected, found, false_alarm_rate=false_alarm_rate, seed=seed)
    places = np.arange(len(expected.edges))
    axes.fill_between(places, band.low, band.high, color=_BAND, linewidth=0)
    axes.plot(places, expected.shares, color=_BASELINE, linewidth=1.3, linestyle=_DASHED)
    axes.plot(places, found.shares, color=_WINDOW, linewidth=2)
    axes.set_xticks(places, [f"{edge:g}" if edge in _NAMED_EDGES else "" for edge in expected.edges])
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axes.set_xlim(np.flatnonzero(expected.counts + found.counts)[0] - 1, places[-1])
    axes.set_ylim(0, 1)
    axes.grid(color=_LINE, linewidth=0.5)
    axes.set_ylabel("answers at most\nso confident", color=_QUIET, size=8)
    axes.set_xlabel("confidence (further to the left: less confident)", color=_QUIET, size=8, labelpad=2)
    axes.legend(
        [axes.lines[1], axes.lines[0], axes.collections[0]],
        ["new answers", "baseline", f"{100 * (1 - false_alarm_rate):g} % of windows without drift"],
        loc="lower left",
        bbox_to_anchor=(-0.35, 0.99),
        ncols=3,
        columnspacing=1.2,
        handlelength=1.6,
        frameon=False,
        fontsize=8,
        labelcolor=_INK,
    )


def _draw_signals(axes: "Axes", signals: Sequence[Signal]) -> None:
    """Draw each signal's distance as a multiple of what it needs to speak."""
    for place, signal in enumerate(signals):
        length = min(signal.loudness, _MAX_TIMES)
        axes.barh(place, length, height=0.5, color=_WINDOW if signal.speaks else _SILENT)
        axes.annotate(
            f"{signal.loudness:.1f} times" if signal.loudness < 100 else f"{signal.loudness:,.0f} times",
            (length, place),
            xytext=(4, -0.5),
            textcoords="offset points",
            va="center",
            size=8,
            color=_INK if signal.speaks else _QUIET,
            bbox={"facecolor": _PAPER, "linewidth": 0, "pad": 0.8},
        )
    axes.axvline(1, color=_INK, linewidth=1)
    axes.set_xlim(0, 1.22 * _MAX_TIMES)
    axes.set_ylim(len(signals) - 0.5, -0.5)
    axes.set_yticks(range(len(signals)), [_named(signal) for signal in signals])
    axes.set_xticks([1, 2, 3, 4], ["threshold", "2 times", "3 times", "4 times"])


def _named(signal: Signal) -> str:
    name = _SIGNALS[signal.name]
    return f"{name}: {signal.measure.partition(',')[0]}" if signal.name == "images" else name
