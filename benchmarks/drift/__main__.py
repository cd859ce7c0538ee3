"""What the drift check reaches: `python -m benchmarks.drift --dataset FOLDER`.

The folder is that of github.com/alexeygrigorev/clothing-dataset-small, laid out as train/<class>/* and new/<class>/*.
One half of its photos trains, the other is held out; what the networks answer there goes through the product's own
functions, from the temperature to the decision. Without the folder only what needs no photos is measured, and the other
rows stay as they were.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.drift import (
    digits,
    false_alarms,
    measuring_time,
    scenarios,
    shifted_rows,
    size_row,
    year_row,
)
from benchmarks.drift.networks import NETWORKS, Recordings, read_photos, record, write_labels
from benchmarks.drift.table import Row, as_markdown, write
from benchmarks.drift.trials import processes
from benchmarks.figures import RESULTS

MEASURES = (
    false_alarms.MEASURE,
    shifted_rows.ON_HARM,
    shifted_rows.ON_MILD,
    shifted_rows.ON_ESTIMATES,
    scenarios.MEASURE,
    year_row.MEASURE,
    size_row.MEASURE,
    measuring_time.MEASURE,
    digits.ALARMS,
    digits.SECONDS,
)
"""All rows, in their order."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure everything, and write the table."""
    options = _options(arguments)
    started, load = time.monotonic(), os.getloadavg()[0]
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="driftgate-bench-") as scratch:
        rows += _timed(lambda: [_size_row(Path(scratch) / "size")])  # first: a process begins with its parent's peak
        if options.dataset:
            folder = options.answers or Path(scratch) / "answers"
            rows += _garment_rows(options, folder)
        rows += _timed(lambda: [measuring_time.row(seed=options.seed)])
        if options.splits:
            rows += _timed(lambda: digits.rows(Path(scratch) / "digits", n_splits=options.splits))
    machine = f"{os.cpu_count()} cores, load {load:.1f} at the start; seed {options.seed}"
    rows = [replace(row, note=f"{row.note}. {machine}") for row in rows]
    print(as_markdown(write(rows, options.results, measures=MEASURES)))
    print(f"all of it took {(time.monotonic() - started) / 60:.1f} minutes")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drift", description=__doc__)
    parser.add_argument("--dataset", type=Path, help="the folder with the garments: train/<class>/* and new/<class>/*")
    parser.add_argument("--answers", type=Path, help="where the networks' answers are kept, and found the next time")
    parser.add_argument("--results", type=Path, default=RESULTS / "drift.json", help="the table (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of all draws (default: %(default)s)")
    for what, number, meaning in (
        ("baselines", 400, "baselines of windows without drift"),
        ("shifted", 14, "baselines of shifted windows"),
        ("scenarios", 24, "times each scenario is drawn"),
        ("years", 4, "simulated years"),
        ("splits", 2, "champions trained on digits"),
    ):
        parser.add_argument(f"--{what}", type=int, default=number, help=f"{meaning} (default: %(default)s)")
    return parser.parse_args(arguments)


def _size_row(folder: Path) -> Row:
    folder.mkdir()
    with processes(None) as pool:
        return size_row.row(pool, folder)


def _garment_rows(options: argparse.Namespace, folder: Path) -> list[Row]:
    """Return the rows that need photos."""
    _record_all(options.dataset, folder)
    known = Recordings(folder)
    with processes(folder) as pool:
        return [
            *_timed(lambda: [false_alarms.row(pool, n_baselines=options.baselines, seed=options.seed)]),
            *_timed(lambda: shifted_rows.rows(pool, known, n_baselines=options.shifted, seed=options.seed)),
            *_timed(lambda: [scenarios.row(pool, n_baselines=options.scenarios, seed=options.seed)]),
            *_timed(lambda: [year_row.row(pool, n_years=options.years, seed=options.seed)]),
        ]


def _record_all(dataset: Path, folder: Path) -> None:
    """Train all networks, two at a time, and write their answers down."""
    folder.mkdir(parents=True, exist_ok=True)
    photos = read_photos(dataset)
    write_labels(photos, folder)
    with processes(None) as pool:
        for story in pool.map(record, [photos] * len(NETWORKS), NETWORKS, [folder] * len(NETWORKS)):
            print(story, flush=True)


def _timed(measure: Callable[[], list[Row]]) -> list[Row]:
    """Return rows with the time that they took together."""
    started = time.monotonic()
    rows = measure()
    seconds = time.monotonic() - started
    print(f"{rows[0].measure}: {seconds:.0f} s", flush=True)
    return [replace(row, seconds=seconds) for row in rows]


if __name__ == "__main__":
    main()
