"""What training takes: `python -m benchmarks.training`, to a given accuracy from random weights, and retraining.

Driftgate and torchvision's reference training loop train in turn, on the same photos. Measure on a machine that does
nothing else: the load at the start is written down with the figures.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

import torch  # noqa: F401 - each fork of this process would import it anew
import yaml

from benchmarks.figures import RESULTS, Figure, as_markdown, figure_of, write
from benchmarks.photos import Photo, generate_photos, read_photos, spread
from benchmarks.training.retraining import Retrained, Round, retrain_rounds
from benchmarks.training.time_to_accuracy import Race, race, split
from include.config import PROJECT_ROOT, PipelineConfig

_TEMPLATE = PROJECT_ROOT / "pipelines" / "clothing.yaml"
_TARGET = 0.75
_N_GENERATED = 1_200
_QUICK_PHOTOS = 120
_REACH_SHARE = 0.4
_REACHES = {"warm": 1 / 4, "head": 1 / 20}
_MAX_POINTS = 1.0
_PARTS = ("race", "retraining")
_RACE_TITLE = "time from JPEG files"


def main(arguments: Sequence[str] | None = None) -> None:
    """Train and write the figures."""
    options = _options(arguments)
    machine = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start"
    config = PipelineConfig.model_validate(yaml.safe_load(_TEMPLATE.read_text(encoding="utf-8")))
    n_rounds, target = options.runs, options.target
    if options.quick:
        config = config.with_training({"n_epochs": 1})
        n_rounds, target = 1, 0.0
    with tempfile.TemporaryDirectory(prefix="driftgate-bench-") as name:
        folder = Path(name)
        photos = _photos(options, folder)
        figures = _those_before(options)
        if "race" in options.parts:
            parts, races = split(photos), []
            for seed in range(n_rounds):
                races.append(race(parts, config, folder, target=target, seed=seed))
                print(f"seed {seed}: {races[-1]}", flush=True)
            figures.insert(0, _race_figure(races, target=target, machine=machine))
        if "retraining" in options.parts:
            (folder / "retraining").mkdir()
            figures += _retraining_figures(
                list(retrain_rounds(photos, config, folder / "retraining", n_rounds=n_rounds)), machine=machine
            )
    remarks = ["The photos are generated: give --dataset FOLDER for real ones."] if options.dataset is None else []
    write(figures, options.results / "training.json", remarks=remarks)
    print(as_markdown(figures, remarks=remarks))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training", description=__doc__)
    parser.add_argument("--dataset", type=Path, help="folders of JPEGs, named by their class (default: generated ones)")
    parser.add_argument("--quick", action="store_true", help="a smoke run: one epoch on few photos")
    parser.add_argument("-n", "--runs", type=int, default=3, help="how many seeds (default: %(default)s)")
    parser.add_argument("--target", type=float, default=_TARGET, help="the test accuracy (default: %(default)s)")
    parser.add_argument(
        "--parts", nargs="+", choices=_PARTS, default=_PARTS, help="which; the figures of the others stay as they are"
    )
    parser.add_argument("--results", type=Path, default=RESULTS, help="where the figures go (default: %(default)s)")
    return parser.parse_args(arguments)


def _those_before(options: argparse.Namespace) -> list[Figure]:
    """Return what a run before has found of the part that is not measured in this one."""
    file = options.results / "training.json"
    if len(options.parts) == len(_PARTS) or not file.is_file():
        return []
    before = [Figure(**row) for row in json.loads(file.read_text(encoding="utf-8"))]
    return [figure for figure in before if figure.measure.startswith(_RACE_TITLE) is ("race" not in options.parts)]


def _photos(options: argparse.Namespace, folder: Path) -> list[Photo]:
    if options.dataset is None:
        return generate_photos(folder / "generated", n_photos=_QUICK_PHOTOS if options.quick else _N_GENERATED)
    photos = read_photos(options.dataset)
    return spread(photos, _QUICK_PHOTOS) if options.quick else photos


def _race_figure(races: Sequence[Race], *, target: float, machine: str) -> Figure:
    ours, reference = [one.ours for one in races], [one.reference for one in races]
    gave_up = [one for one in reference if not one.is_reached]
    missed = [one for one in ours if not one.is_reached]
    note = [
        f"{median(one.seconds for one in ours):.1f} s in {median(one.n_epochs for one in ours):.0f} epochs against "
        f"{median(one.seconds for one in reference):.1f} s in {median(one.n_epochs for one in reference):.0f}",
    ]
    if gave_up:
        best = max(one.accuracy for one in gave_up)
        note.append(f"at most: the reference was ended at {best:.3f} in {len(gave_up)} of {len(races)} runs")
    if missed:
        note.append(f"not reached by Driftgate in {len(missed)} runs, but {min(one.accuracy for one in missed):.3f}")
    return figure_of(
        f"{_RACE_TITLE} to {target:g} test accuracy, from random weights",
        [one.share for one in races],
        unit="share",
        better="lower",
        reach=_REACH_SHARE,
        against="torchvision's reference training loop, same network and split",
        note="; ".join([*note, machine]),
    )


def _retraining_figures(rounds: Sequence[Round], *, machine: str) -> list[Figure]:
    scratch = [one.by_strategy["scratch"] for one in rounds]
    figures = []
    for strategy, reach in _REACHES.items():
        retrained = [one.by_strategy[strategy] for one in rounds]
        seconds = [one.seconds for one in retrained]
        title = f"retraining with strategy {strategy}"
        figures.append(_time_figure(f"{title} after 10 % new images", seconds, scratch, reach, machine=machine))
        figures.append(
            figure_of(
                f"{title}: accuracy lost",
                [100 * (whole.accuracy - part.accuracy) for part, whole in zip(retrained, scratch, strict=True)],
                unit="points",
                better="lower",
                reach=_MAX_POINTS,
                against="strategy scratch",
                note=f"{_listed(one.accuracy for one in retrained)} instead of "
                f"{_listed(one.accuracy for one in scratch)} on the test images; the champion had "
                f"{_listed(one.champion_accuracy for one in rounds)}",
            )
        )
    unseen = [one.unseen_head_seconds for one in rounds]
    title = "strategy head where each image has to go through the backbone"
    return [*figures, _time_figure(title, unseen, scratch, machine=machine)]


def _time_figure(
    measure: str,
    seconds: Sequence[float],
    scratch: Sequence[Retrained],
    reach: float | None = None,
    *,
    machine: str,
) -> Figure:
    return figure_of(
        measure,
        [one / whole.seconds for one, whole in zip(seconds, scratch, strict=True)],
        unit="share",
        better="lower",
        reach=reach,
        against="strategy scratch",
        note=f"{median(seconds):.1f} s against {median(one.seconds for one in scratch):.1f} s, decoding left out; "
        f"{machine}",
    )


def _listed(accuracies: Iterable[float]) -> str:
    return ", ".join(f"{accuracy:.3f}" for accuracy in accuracies)


if __name__ == "__main__":
    main()
