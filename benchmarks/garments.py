"""What the demo reaches on a folder of garments: `python -m benchmarks.garments --dataset FOLDER`.

The folder is that of github.com/alexeygrigorev/clothing-dataset-small (3,068 labelled photos of ten garments, CC0),
laid out as train/<class>/* and new/<class>/*. What has to be reached was chosen for it and for a machine of two cores
that does nothing else: the load at the start is written down with the figures.
"""

import argparse
import os
from collections.abc import Sequence
from typing import Any

from benchmarks.demo import add_ports, run_demos
from benchmarks.figures import RESULTS, Figure, as_markdown, figure_of, write

_REACH_ACCURACY = 0.75
_REACH_TRAINING_S = 180.0
_REACH_INFERENCE_S = 60.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the demo on the garments and write the figures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.garments", description=__doc__)
    parser.add_argument("--dataset", help="the folder with the garments: train/<class>/* and new/<class>/*")
    parser.add_argument("-n", "--runs", type=int, default=3, help="how often to run the demo (default: %(default)s)")
    parser.add_argument("--note", default="", help="what else to write down, as 'another test ran beside it'")
    add_ports(parser)
    options = parser.parse_args(arguments)
    if not options.dataset:
        parser.error("which folder? make bench-garments DATASET=path/to/garments, or --dataset path/to/garments")
    load = os.getloadavg()[0]
    summaries = run_demos(options, "--dataset", options.dataset)
    note = "; ".join(filter(None, [f"{os.cpu_count()} cores, load {load:.1f} at the start", options.note]))
    figures = figures_of(summaries, note=note)
    write(figures, RESULTS / "garments.json")
    print(as_markdown(figures))


def figures_of(summaries: Sequence[dict[str, Any]], *, note: str) -> list[Figure]:
    """Return the table of several runs' summaries."""
    found = [summary["dataset"] for summary in summaries]
    n_train, n_new = found[0]["n_train"], found[0]["n_new"]
    accuracies = {
        "test_accuracy": (
            "test accuracy on garments, from random weights at 96 px",
            f"{n_train} labelled images; the same images, seed and arithmetic give the same weights",
        ),
        "new_accuracy": (
            "accuracy on the new garments",
            f"{n_new} images that nothing else uses; without an answer: wrong. Turned by 90°: "
            + ", ".join(_turned(summary) for summary in summaries),
        ),
    }
    seconds = {
        "train_seconds": ("training on the garments (the task train)", _REACH_TRAINING_S),
        "inference_seconds": (f"inference of {n_new} new garments, the whole run in the scheduler", _REACH_INFERENCE_S),
    }
    return [
        *(
            figure_of(
                measure,
                [one[key] for one in found],
                unit="share",
                better="higher",
                reach=_REACH_ACCURACY,
                note=explained,
            )
            for key, (measure, explained) in accuracies.items()
        ),
        *(
            figure_of(measure, [one[key] for one in found], unit="s", better="lower", reach=reach, note=note)
            for key, (measure, reach) in seconds.items()
        ),
    ]


def _turned(summary: dict[str, Any]) -> str:
    return f"{summary['accuracies']['turned_before']:.3f}, {summary['verdicts'][-1]}"


if __name__ == "__main__":
    main()
