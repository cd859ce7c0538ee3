"""How often the drift check alarms, and what it takes: `python -m benchmarks.drift`.

Whole inference runs of the project on clean and on turned digits, over several splits of the digits: a baseline that is
unlucky is unlucky for all of its windows. Then windows without images, drawn from the champions' real held-out
confidences: enough of them to tell thresholds apart.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from math import sqrt
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.drift_runs import N_WINDOWS, WINDOW, Kind, SplitRuns, result_file
from benchmarks.figures import RESULTS, Figure, as_markdown, figure_of, write
from benchmarks.own_airflow import PASSWORD, USER, airflow_environment, run_python
from include.config_parts import DriftConfig
from include.drift.histograms import wasserstein_distances
from include.drift.thresholds import compare_confidences
from include.drift.verdict import is_drift
from include.models.baseline import Baseline
from include.warehouse.embedded.server import running_server

_FIXED = 0.1
"""The threshold that Evidently has for Wasserstein-1 in standard deviations of the baseline."""
_N_RESAMPLES = 4_000
_LARGE_WINDOW = 200_000


def main(arguments: Sequence[str] | None = None) -> None:
    """Run everything, and write the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drift", description=__doc__)
    parser.add_argument("--splits", type=int, default=4, help="champions to train (default: %(default)s)")
    parser.add_argument("--simulated", type=int, default=400, help="windows a champion (default: %(default)s)")
    options = parser.parse_args(arguments)
    machine = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start"
    with tempfile.TemporaryDirectory(prefix="driftgate-bench-") as folder:
        runs = list(real_runs(Path(folder), n_splits=options.splits))
    figures = [
        *alarm_figures(runs, machine=machine),
        *seconds_figures(runs),
        simulated_figure(runs, n_windows=options.simulated),
    ]
    write(figures, RESULTS / "drift.json")
    print(as_markdown(figures))


def real_runs(folder: Path, *, n_splits: int) -> Iterator[SplitRuns]:
    """Run the DAGs of each split, each in a process of its own, against one embedded warehouse."""
    with running_server(folder / "warehouse", user=USER, password=PASSWORD) as server:
        environment = airflow_environment(folder, host=server.host, port=server.port)
        run_python(["-m", "airflow", "db", "migrate"], environment)
        for split in range(n_splits):
            started = time.monotonic()
            run_python(["-m", "benchmarks.drift_runs", "--split", str(split), "--folder", str(folder)], environment)
            runs = SplitRuns.from_json(json.loads(result_file(folder, split).read_text(encoding="utf-8")))
            print(_story(runs, time.monotonic() - started), flush=True)
            yield runs


def _story(runs: SplitRuns, seconds: float) -> str:
    found = {kind: [w for w in runs.windows if w.kind == kind] for kind in ("clean", "turned")}
    alarms = ", ".join(f"{sum(w.alarms for w in of)} of {len(of)} {kind}" for kind, of in found.items())
    return f"split {runs.split}: accuracy {runs.accuracy:.3f}, alarms on {alarms} windows, in {seconds:.0f} s"


def alarm_figures(runs: Sequence[SplitRuns], *, machine: str) -> list[Figure]:
    """Return how many windows of either kind alarmed."""
    n = N_WINDOWS * len(runs)
    sizes = ", ".join(str(_baseline(of_split).n_images) for of_split in runs)
    note = f"{len(runs)} champions, baselines of {sizes} images, windows of {WINDOW}; {machine}"
    return [
        _counted(
            "alarms on clean windows, whole inference runs", runs, "clean", reach=n // 20, better="lower", note=note
        ),
        _counted("alarms on turned windows, whole inference runs", runs, "turned", reach=n, better="higher"),
    ]


def _counted(
    measure: str,
    runs: Sequence[SplitRuns],
    kind: Kind,
    *,
    reach: int,
    better: Literal["higher", "lower"],
    note: str = "",
) -> Figure:
    alarms = [[window.alarms for window in of_split.windows if window.kind == kind] for of_split in runs]
    counts = [sum(of_split) for of_split in alarms]
    return Figure(
        measure=measure,
        value=sum(counts),
        unit="alarms",
        reach=reach,
        better=better,
        n=sum(map(len, alarms)),
        spread=max(counts) - min(counts),
        note=note or f"by champion: {', '.join(map(str, counts))}",
    )


def seconds_figures(runs: Sequence[SplitRuns]) -> list[Figure]:
    """Return what a check and its threshold take."""
    windows = [window for of_split in runs for window in of_split.windows]
    full = [window for window in windows if window.kind != "partial"]
    return [
        figure_of(
            "check of a full window, with the report",
            [window.seconds for window in full if window.is_first],
            unit="s",
            better="lower",
            reach=10,
            note="the first in its process, as it always is under a scheduler: it imports Evidently",
        ),
        figure_of(
            "check of a full window, with Evidently imported before",
            [window.seconds for window in full if not window.is_first],
            unit="s",
            better="lower",
            reach=1,
        ),
        figure_of(
            "check of a window that is not full",
            [window.seconds for window in windows if window.kind == "partial"],
            unit="s",
            better="lower",
            reach=0.5,
            note="counts in SQL; neither torch nor Evidently is needed",
        ),
        figure_of(
            "threshold and p-value of the confidences",
            [_compare_seconds(_baseline(of_split), n) for of_split in runs for n in (WINDOW, _LARGE_WINDOW)],
            unit="s",
            better="lower",
            reach=0.2,
            note=f"windows of {WINDOW} and of {_LARGE_WINDOW:,} answers",
        ),
    ]


def _compare_seconds(baseline: Baseline, n_images: int) -> float:
    window = _drawn(baseline, n_images, np.random.default_rng(0))
    started = time.monotonic()
    compare_confidences(baseline, window.counts_by_class, false_alarm_rate=0.01, seed=0)
    return time.monotonic() - started


class _Simulated(NamedTuple):
    """Which of the simulated windows of a champion alarmed, none of which has drifted: [n_windows] each."""

    ours: NDArray[np.bool_]
    fixed: NDArray[np.bool_]
    baseline_alone: NDArray[np.bool_]
    window_alone: NDArray[np.bool_]


def simulated_figure(runs: Sequence[SplitRuns], *, n_windows: int) -> Figure:
    """Return how often windows without drift alarm: baselines and windows drawn from real held-out confidences."""
    with ProcessPoolExecutor() as pool:
        of_champions = list(pool.map(_simulate, map(_baseline, runs), [n_windows] * len(runs), range(len(runs))))
    ours, *others = (_share(np.concatenate(of_rule)) for of_rule in zip(*of_champions, strict=True))
    shares = [float(champion.ours.mean()) for champion in of_champions]
    peers = (f"a fixed {_FIXED}", "both sides drawn from the baseline alone", "only windows drawn from the baseline")
    against = "; ".join(f"{peer}: {share}" for peer, share in zip(peers, others, strict=True))
    return Figure(
        measure=f"false alarms on windows of {WINDOW} without drift, simulated",
        value=round(float(np.mean(shares)), 4),
        unit="share",
        reach=0.015,
        better="lower",
        n=n_windows * len(runs),
        spread=round(max(shares) - min(shares), 4),
        against=against,
        note=f"drift.false_alarm_rate is {DriftConfig().false_alarm_rate}: {ours}; {against}",
    )


def _simulate(held_out: Baseline, n_windows: int, seed: int) -> _Simulated:
    """Take a champion's held-out confidences for the truth, and draw a baseline and a window for each try from it."""
    rng = np.random.default_rng(seed)
    drift = DriftConfig()
    alarms = []
    for _ in range(n_windows):
        baseline, window = _drawn(held_out, held_out.n_images, rng), _drawn(held_out, WINDOW, rng)
        comparison = compare_confidences(
            baseline,
            window.counts_by_class,
            false_alarm_rate=drift.false_alarm_rate,
            seed=int(rng.integers(2**32)),
        )
        thresholds = _thresholds_of_baseline_alone(baseline, false_alarm_rate=drift.false_alarm_rate, rng=rng)
        distance, floor = comparison.distance, drift.min_distance
        others = [distance >= _FIXED, *(distance > max(threshold, floor) for threshold in thresholds)]
        alarms.append([is_drift(comparison, drift), *others])
    return _Simulated(*np.array(alarms, dtype=np.bool_).T)


def _thresholds_of_baseline_alone(
    baseline: Baseline, *, false_alarm_rate: float, rng: np.random.Generator
) -> tuple[float, float]:
    """Return thresholds that take the baseline for the truth: one draws it again with the window, one leaves it be."""
    counts = np.asarray(baseline.counts)
    windows = rng.multinomial(WINDOW, counts / counts.sum(), _N_RESAMPLES)
    baselines = rng.multinomial(counts.sum(), counts / counts.sum(), _N_RESAMPLES)
    both = wasserstein_distances(baselines, windows, baseline.edges)
    windows_only = wasserstein_distances(counts[np.newaxis], windows, baseline.edges)
    return float(np.quantile(both, 1 - false_alarm_rate)), float(np.quantile(windows_only, 1 - false_alarm_rate))


def _drawn(held_out: Baseline, n_images: int, rng: np.random.Generator) -> Baseline:
    """Draw answers from a baseline, as a baseline."""
    labels = list(held_out.counts_by_class)
    cells = np.array([held_out.counts_by_class[label] for label in labels])
    drawn = rng.multinomial(n_images, cells.ravel() / cells.sum()).reshape(cells.shape)
    counts = {label: tuple(of_class.tolist()) for label, of_class in zip(labels, drawn, strict=True)}
    return Baseline(edges=held_out.edges, counts_by_class=counts, image_statistics={})


def _baseline(runs: SplitRuns) -> Baseline:
    return Baseline(edges=runs.edges, counts_by_class=runs.counts_by_class, image_statistics={})


def _share(alarms: NDArray[np.bool_]) -> str:
    """Return a share with its 95 % interval (Wilson, 1927)."""
    n, share, z = len(alarms), float(alarms.mean()), 1.96
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return f"{share:.1%} ({middle - half:.1%} to {middle + half:.1%})"


if __name__ == "__main__":
    main()
