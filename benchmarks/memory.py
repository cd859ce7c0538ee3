"""How much memory each task takes with many images: `python -m benchmarks.memory`.

The images of two stages, as many each, go through a training run and an inference run, each task in a process of its
own. Linux only: it reads /proc.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import RESULTS, Figure, as_markdown, write
from benchmarks.memory_runs import SIZE, TaskCost, result_file
from benchmarks.own_airflow import PASSWORD, USER, airflow_environment, run_python
from include.warehouse.embedded.server import Urls, running_server

_REACH_GIB = 2.0
_GIB = 2**30


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the DAGs, and write the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("-n", "--images", type=int, default=100_000, help="images in each stage (default: %(default)s)")
    parser.add_argument(
        "--urls",
        choices=("file", "signed"),
        default="file",
        help="how tasks read images: from their folder, or through the embedded warehouse, which takes minutes more "
        "(default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    machine = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start, {options.urls} URLs"
    with tempfile.TemporaryDirectory(prefix="driftgate-bench-") as folder:
        costs = task_costs(Path(folder), n_images=options.images, urls=options.urls)
    figures = figures_of(costs, n_images=options.images, machine=machine)
    write(figures, RESULTS / "memory.json")
    print(as_markdown(figures))


def task_costs(folder: Path, *, n_images: int, urls: Urls) -> list[TaskCost]:
    """Run the DAGs on so many images against an embedded warehouse, and return what each task took."""
    with running_server(folder / "warehouse", user=USER, password=PASSWORD, urls=urls) as server:
        environment = airflow_environment(folder, host=server.host, port=server.port)
        run_python(["-m", "airflow", "db", "migrate"], environment)
        arguments = ["--images", str(n_images), "--folder", str(folder)]
        run_python(["-m", "benchmarks.memory_runs", *arguments], environment)
    costs = json.loads(result_file(folder).read_text(encoding="utf-8"))
    return [TaskCost.from_json(cost) for cost in costs]


def figures_of(costs: Sequence[TaskCost], *, n_images: int, machine: str) -> list[Figure]:
    """Return the table: the task that takes most, then all of them in the order in which they ran."""
    steps = list(dict.fromkeys((cost.run, cost.task_id) for cost in costs))
    of_steps = [
        _figure(f"{run}: {task_id}", [cost for cost in costs if (cost.run, cost.task_id) == (run, task_id)])
        for run, task_id in steps
    ]
    largest = max(costs, key=lambda cost: cost.resident)
    return [
        _figure(
            f"peak memory of any task, {n_images:,} images of {SIZE} px in each stage",
            [largest],
            note=f"{largest.task_id} of the {largest.run}; pages of files count, as those of libraries; {machine}",
        ),
        *of_steps,
    ]


def _figure(measure: str, costs: Sequence[TaskCost], *, note: str = "") -> Figure:
    peaks = [cost.resident / _GIB for cost in costs]
    anonymous = max(cost.anonymous for cost in costs) / _GIB
    took = f"{anonymous:.2f} GiB without pages of files; {', '.join(f'{cost.seconds:.0f}' for cost in costs)} s"
    return Figure(
        measure=measure,
        value=round(max(peaks), 4),
        unit="GiB",
        reach=_REACH_GIB,
        better="lower",
        n=len(peaks),
        spread=round(max(peaks) - min(peaks), 4),
        note="; ".join(filter(None, (took, note))),
    )


if __name__ == "__main__":
    main()
