"""What the demo takes and reaches: `python -m benchmarks.demo`, which runs `./driftgate demo` and reads its summary.

A state of its own keeps the user's demo as it is. Measure on a machine that does nothing else: the load at the start
is written down with the figures.
"""

import argparse
import json
import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.figures import RESULTS, Figure, as_markdown, figure_of, write

COMMAND = Path(__file__).resolve().parent.parent / "driftgate"

_REACH_ACCURACY = 0.97
_REACH_TOTAL = 360.0
_REACH_MAIL = 15.0
_STEPS = {
    "pictures": ("write the pictures", 5.0),
    "start": ("start the warehouse, the mail catcher and Airflow", 35.0),
    "setup": ("set the pipeline up", 10.0),
    "train": ("training run: the first champion", 44.0),
    "infer": ("inference run: 200 images, STABLE", 26.0),
    "drift": ("inference run: 397 turned images, drift", 26.0),
    "labels": ("397 labels, and the inference run that asks for a retraining", 26.0),
    "retrain": ("training run that the check has started", 44.0),
    "cured": ("inference run: 200 new images, 397 answered anew", 26.0),
    "refused": ("training run on 2 % of the images, refused", 44.0),
    "rollback": ("rollback run", 26.0),
    "rescored": ("inference run that the rollback has started: 200 images", 26.0),
    "answers": ("read the answers", 5.0),
}
"""Each step, and what it may take, in seconds; all of it together may take `_REACH_TOTAL`."""
_SMALL_TASKS = ("open_run", "plan", "promote", "announce")
"""Tasks whose work is a few statements: what they take is what any task takes."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the demo and write the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.demo", description=__doc__)
    parser.add_argument("-n", "--runs", type=int, default=1, help="how often to run the demo (default: %(default)s)")
    add_ports(parser)
    options = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    summaries = run_demos(options)
    figures = figures_of(summaries, note=f"{os.cpu_count()} cores, load {load:.1f} at the start")
    write(figures, RESULTS / "demo.json")
    print(as_markdown(figures))


def add_ports(parser: argparse.ArgumentParser) -> None:
    """Add the options for the demo's ports, which are others than those of the user's demo."""
    parser.add_argument("--airflow-port", type=int, default=18180)
    parser.add_argument("--warehouse-port", type=int, default=18865)
    parser.add_argument("--mail-port", type=int, default=18125)


def run_demos(options: argparse.Namespace, *arguments: str) -> list[dict[str, Any]]:
    """Run the demo so many times, in a state of its own, and return its summaries.

    Args:
        options: `runs` and the ports.
        arguments: More of the demo's options.
    """
    summaries = []
    with tempfile.TemporaryDirectory(prefix="driftgate-bench-") as folder:
        environment = {**os.environ, "DRIFTGATE_STATE": folder}
        ports = [
            *("--airflow-port", str(options.airflow_port)),
            *("--warehouse-port", str(options.warehouse_port)),
            *("--mail-port", str(options.mail_port)),
        ]
        for run in range(1, options.runs + 1):
            print(f"run {run} of {options.runs}")
            try:
                subprocess.run([COMMAND, "demo", *ports, *arguments], env=environment, check=True)
                summaries.append(json.loads((Path(folder) / "demo" / "summary.json").read_text(encoding="utf-8")))
            finally:
                subprocess.run([COMMAND, "down", "--demo"], env=environment, check=True)
    return summaries


def figures_of(summaries: Sequence[dict[str, Any]], *, note: str) -> list[Figure]:
    """Return the table of several runs' summaries."""
    steps = [
        figure_of(f"of it: {title}", [s["seconds"][step] for s in summaries], unit="s", better="lower", reach=reach)
        for step, (title, reach) in _STEPS.items()
    ]
    total = figure_of(
        "demo, from nothing to the answers after the rollback",
        [s["seconds"]["total"] for s in summaries],
        unit="s",
        better="lower",
        reach=_REACH_TOTAL,
        note=note,
    )
    accuracies = [
        figure_of(
            "test accuracy on digits",
            [s["accuracies"]["test"] for s in summaries],
            unit="share",
            better="higher",
            reach=_REACH_ACCURACY,
        ),
        figure_of(
            "accuracy on the new digits",
            [s["accuracies"]["new_images"] for s in summaries],
            unit="share",
            better="higher",
            reach=_REACH_ACCURACY,
            note="not used by the pipeline; an image without an answer counts as wrong",
        ),
        figure_of(
            "accuracy on the turned digits, after the retraining",
            [s["accuracies"]["turned_after"] for s in summaries],
            unit="share",
            better="higher",
            reach=_REACH_ACCURACY - 0.02,
            note="before it: " + ", ".join(f"{s['accuracies']['turned_before']:.3f}" for s in summaries),
        ),
    ]
    small = [
        task["seconds"]
        for summary in summaries
        for tasks in summary["tasks"].values()
        for task in tasks
        if task["task_id"] in _SMALL_TASKS
    ]
    overheads = [
        figure_of(
            f"a warm task ({', '.join(_SMALL_TASKS)})",
            small,
            unit="s",
            better="lower",
            reach=0.2,
            note="0.2 s is a task that does nothing; these open a session of the connector and run statements",
        ),
        figure_of(
            "a hop from task to task",
            [seconds for summary in summaries for seconds in summary["hop_seconds"].values()],
            unit="s",
            better="lower",
            reach=0.25,
            note="a run's time that no task was running, by its tasks",
        ),
    ]
    told = figure_of(
        "from the end of a drift check to its mail",
        [seconds for summary in summaries for seconds in summary["mail_seconds"].values()],
        unit="s",
        better="lower",
        reach=_REACH_MAIL,
        note="through the real scheduler and a local SMTP server; in between, the task that acts on the verdict",
    )
    return [total, *steps, *overheads, told, *accuracies]


if __name__ == "__main__":
    main()
