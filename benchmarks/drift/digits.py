"""Whole runs of the DAGs on digits: which windows alarm, and what a check takes.

Several splits of the digits make a champion each: a baseline that is unlucky is unlucky for all of its windows.
"""

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from benchmarks.drift.digit_runs import N_WINDOWS, WINDOW, Kind, SplitRuns, result_file
from benchmarks.drift.table import Row, Value, median_seconds
from benchmarks.own_airflow import PASSWORD, USER, airflow_environment, run_python
from include.warehouse.embedded.server import running_server

ALARMS = "alarms of whole inference runs on digits"
SECONDS = "what a check takes in these runs"


def rows(folder: Path, *, n_splits: int) -> list[Row]:
    """Return the rows of the table.

    Args:
        folder: A new one, for pipelines, images and Airflow's home.
        n_splits: How many champions are trained.
    """
    folder.mkdir()
    runs = list(_run(folder, n_splits=n_splits))
    return [alarm_row(runs), seconds_row(runs)]


def alarm_row(runs: Sequence[SplitRuns]) -> Row:
    """Return how many windows of either kind alarmed."""
    n = N_WINDOWS * len(runs)
    sizes = ", ".join(str(of_split.n_baseline) for of_split in runs)
    return Row(
        measure=ALARMS,
        values=(
            _counted("clean windows", runs, "clean", reach=n // 20, better="lower"),
            _counted("turned windows", runs, "turned", reach=n, better="higher"),
        ),
        note=f"{len(runs)} champions, baselines of {sizes} images, windows of {WINDOW}",
    )


def seconds_row(runs: Sequence[SplitRuns]) -> Row:
    """Return what a check takes."""
    windows = [window for of_split in runs for window in of_split.windows]
    full = [window for window in windows if window.kind != "partial"]
    return Row(
        measure=SECONDS,
        values=(
            median_seconds("a full window, with the report", [one.seconds for one in full if one.is_first], reach=10),
            median_seconds(
                "with Evidently imported before", [one.seconds for one in full if not one.is_first], reach=1
            ),
            median_seconds(
                "a window that is not full", [one.seconds for one in windows if one.kind == "partial"], reach=0.5
            ),
        ),
        note=(
            "medians, with the range. The first check of its process, as each is under a scheduler, imports Evidently; "
            "that of a window that is not full counts in SQL, and needs neither torch nor Evidently"
        ),
    )


def _run(folder: Path, *, n_splits: int) -> Iterator[SplitRuns]:
    """Run the DAGs of each split, each in a process of its own, against one embedded warehouse."""
    with running_server(folder / "warehouse", user=USER, password=PASSWORD) as server:
        environment = airflow_environment(folder, host=server.host, port=server.port)
        run_python(["-m", "airflow", "db", "migrate"], environment)
        for split in range(n_splits):
            started = time.monotonic()
            arguments = ["-m", "benchmarks.drift.digit_runs", "--split", str(split), "--folder", str(folder)]
            run_python(arguments, environment)
            runs = SplitRuns.from_json(json.loads(result_file(folder, split).read_text(encoding="utf-8")))
            print(_story(runs, time.monotonic() - started), flush=True)
            yield runs


def _story(runs: SplitRuns, seconds: float) -> str:
    found = {kind: [window for window in runs.windows if window.kind == kind] for kind in ("clean", "turned")}
    alarms = ", ".join(f"{sum(one.alarms for one in of)} of {len(of)} {kind}" for kind, of in found.items())
    return f"split {runs.split}: accuracy {runs.accuracy:.3f}, alarms on {alarms} windows, in {seconds:.0f} s"


def _counted(
    name: str, runs: Sequence[SplitRuns], kind: Kind, *, reach: int, better: Literal["higher", "lower"]
) -> Value:
    alarms = [window.alarms for of_split in runs for window in of_split.windows if window.kind == kind]
    return Value(name=name, value=sum(alarms), unit="alarms", reach=reach, better=better, n=len(alarms))
