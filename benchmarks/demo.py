"""What the demo takes and reaches: `python -m benchmarks.demo`, which runs `./driftgate demo` and reads its summary.

A state of its own keeps the user's demo as it is. Measure on a machine that does nothing else: the load at the start
is written down with the figures.
"""

import argparse
import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
COMMAND = ROOT / "driftgate"

_REACH_ACCURACY = 0.97
_STEPS = {
    "pictures": ("write the pictures", 10.0),
    "start": ("start the warehouse and Airflow", 37.0),
    "setup": ("set the pipeline up", 10.0),
    "train": ("training run, 8 tasks", 80.0),
    "infer": ("inference run, 5 tasks", 38.0),
    "answers": ("read the answers", 5.0),
}
"""Each step, and its part of the three minutes that the whole may take, in seconds."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One row of the table."""

    measure: str
    value: float
    unit: str
    reach: float
    """What it has to reach."""
    better: Literal["higher", "lower"]
    n: int
    """How many runs it is the median of."""
    spread: float
    """The largest minus the smallest."""
    against: str | None = None
    note: str = ""

    @property
    def is_reached(self) -> bool:
        """Whether it is as good as it has to be."""
        return self.value >= self.reach if self.better == "higher" else self.value <= self.reach


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the demo and write the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.demo", description=__doc__)
    parser.add_argument("-n", "--runs", type=int, default=1, help="how often to run the demo (default: %(default)s)")
    parser.add_argument("--airflow-port", type=int, default=18180)
    parser.add_argument("--warehouse-port", type=int, default=18865)
    options = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    summaries = []
    with tempfile.TemporaryDirectory(prefix="driftgate-bench-") as folder:
        environment = {**os.environ, "DRIFTGATE_STATE": folder}
        ports = ["--airflow-port", str(options.airflow_port), "--warehouse-port", str(options.warehouse_port)]
        for run in range(1, options.runs + 1):
            print(f"run {run} of {options.runs}")
            try:
                subprocess.run([COMMAND, "demo", *ports], env=environment, check=True)
                summaries.append(json.loads((Path(folder) / "demo" / "summary.json").read_text(encoding="utf-8")))
            finally:
                subprocess.run([COMMAND, "down", "--demo"], env=environment, check=True)
    figures = figures_of(summaries, note=f"{os.cpu_count()} cores, load {load:.1f} at the start")
    write(figures, RESULTS / "demo.json")
    print(as_markdown(figures))


def figures_of(summaries: Sequence[dict[str, Any]], *, note: str) -> list[Figure]:
    """Return the table of several runs' summaries."""
    steps = [
        _figure(f"of it: {title}", [s["seconds"][step] for s in summaries], unit="s", better="lower", reach=reach)
        for step, (title, reach) in _STEPS.items()
    ]
    total = _figure(
        "demo, from nothing to the answers",
        [s["seconds"]["total"] for s in summaries],
        unit="s",
        better="lower",
        reach=sum(reach for _, reach in _STEPS.values()),
        note=note,
    )
    accuracies = [
        _figure(
            "test accuracy on digits",
            [s["accuracies"]["test"] for s in summaries],
            unit="share",
            better="higher",
            reach=_REACH_ACCURACY,
        ),
        _figure(
            "accuracy on the new digits",
            [s["accuracies"]["new_images"] for s in summaries],
            unit="share",
            better="higher",
            reach=_REACH_ACCURACY,
            note="not used by the pipeline; an image without an answer counts as wrong",
        ),
    ]
    return [total, *steps, *accuracies]


def write(figures: Sequence[Figure], target: Path) -> None:
    """Write the figures as JSON, and the table beside it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps([asdict(figure) for figure in figures], indent=2) + "\n", encoding="utf-8")
    target.with_suffix(".md").write_text(as_markdown(figures) + "\n", encoding="utf-8")


def as_markdown(figures: Sequence[Figure]) -> str:
    """Return the table in Markdown."""
    lines = ["| measure | value | has to reach | reached | runs | spread | note |", "|---|---|---|---|---|---|---|"]
    for figure in figures:
        sign = "≥" if figure.better == "higher" else "≤"
        lines.append(
            f"| {figure.measure} | {figure.value:.3g} {figure.unit} | {sign} {figure.reach:g} {figure.unit} | "
            f"{'yes' if figure.is_reached else '**no**'} | {figure.n} | {figure.spread:.2g} | {figure.note} |"
        )
    return "\n".join(lines)


def _figure(
    measure: str,
    values: Sequence[float],
    *,
    unit: str,
    better: Literal["higher", "lower"],
    reach: float,
    note: str = "",
) -> Figure:
    return Figure(
        measure=measure,
        value=round(statistics.median(values), 4),
        unit=unit,
        reach=reach,
        better=better,
        n=len(values),
        spread=round(max(values) - min(values), 4),
        note=note,
    )


if __name__ == "__main__":
    main()
