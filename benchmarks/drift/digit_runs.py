"""Real runs of the digits' DAGs on windows with and without drift: what `digits` counts.

A split of the 1,797 digits makes a champion and its baseline; the digits that it has not seen make windows. Each split
is a pipeline of its own and runs in a process of its own, which writes what the checks said as JSON. The environment
names the warehouse and an Airflow home whose database is migrated:
`python -m benchmarks.drift.digit_runs --split 0 --folder FOLDER`.
"""

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml

from benchmarks.own_airflow import Dags
from include.config import PIPELINES_VARIABLE, PROJECT_ROOT, PipelineConfig
from include.handover import Handover

N_TRAINING = 900
WINDOW = 200
PARTIAL = 100
"""Too few for a verdict."""
N_WINDOWS = 5
"""Of either kind, for each split."""
_SIDE = 32

Kind = Literal["clean", "turned", "partial"]


@dataclass(frozen=True, kw_only=True)
class CheckedWindow(Handover):
    """What a run's check said, and how long the task took."""

    kind: Kind
    is_first: bool
    """Whether it is the first one of its process: its check imports Evidently, as each one under a scheduler does."""
    verdict: str
    n_images: int
    seconds: float

    @property
    def alarms(self) -> bool:
        """Whether the check said that something has to be done."""
        return self.verdict in {"MODEL_REGRESSION", "DATA_DRIFT", "CONCEPT_DRIFT", "BROKEN_IMAGES"}


@dataclass(frozen=True, kw_only=True)
class SplitRuns(Handover):
    """The runs on one split of the digits."""

    split: int
    accuracy: float
    """Of the champion, on its test images."""
    n_baseline: int
    """Its held-out images."""
    windows: tuple[CheckedWindow, ...]


def result_file(folder: Path, split: int) -> Path:
    """Return where the runs of a split are written down."""
    return folder / f"{split}.json"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a split's DAGs, and write down what the checks said."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.drift.digit_runs", description=__doc__)
    parser.add_argument("--split", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args(arguments)
    runs = run_split(options.folder, options.split)
    result_file(options.folder, options.split).write_text(json.dumps(runs.to_json()), encoding="utf-8")


def run_split(folder: Path, split: int) -> SplitRuns:
    """Train a champion, and classify windows of digits that it has not seen, clean ones and turned ones in turns."""
    from driftgate.hooks import WarehouseHook
    from include.registry.baselines import read_baseline
    from include.registry.ledger import read_champion
    from include.warehouse.setup import run_setup

    config = _pipeline(folder, split)
    digits = _Digits(split)
    digits.write_training(folder / config.name / "train")
    with WarehouseHook.for_pipeline(config).session() as warehouse:
        run_setup(warehouse, config)
        dags = Dags(config.name)
        dags.run("training")
        champion = read_champion(warehouse)
        baseline = read_baseline(warehouse, champion.version) if champion else None
        if champion is None or baseline is None:
            raise RuntimeError(f"split {split}: no version became champion, or it has no baseline")
        kinds: tuple[Kind, ...] = (*(("clean", "turned") * N_WINDOWS), "partial")
        windows = []
        for number, kind in enumerate(kinds):
            digits.write_window(folder / config.name / "new" / f"{number:02d}", kind)
            windows.append(_checked(warehouse, dags.run("inference"), kind, is_first=number == 0))
    return SplitRuns(
        split=split,
        accuracy=champion.metrics["accuracy"],
        n_baseline=baseline.n_images,
        windows=tuple(windows),
    )


def _pipeline(folder: Path, split: int) -> PipelineConfig:
    """Write a pipeline file like pipelines/digits.yaml, with folders of its own, that retrains nothing."""
    content = yaml.safe_load((PROJECT_ROOT / "pipelines" / "digits.yaml").read_text(encoding="utf-8"))
    name = f"digits_{split}"
    for stage, of_name in (("training", "train"), ("incoming", "new")):
        (folder / name / of_name).mkdir(parents=True)
        content["stages"][stage]["url"] = f"file://{folder / name / of_name}/"
    content |= {
        "name": name,
        "schedule": None,
        "store": {"url": str(folder / "store")},
        "drift": {"window": WINDOW},
        "retraining": {"mode": "alert_only"},
    }
    pipelines = folder / name / "pipelines"
    pipelines.mkdir()
    (pipelines / f"{name}.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    os.environ[PIPELINES_VARIABLE] = str(pipelines)
    return PipelineConfig.model_validate(content)


class _Digits:
    """The digits in an order of the split's own."""

    def __init__(self, split: int) -> None:
        from sklearn.datasets import load_digits

        digits = load_digits()
        self._images = np.round(digits.images * (255 / 16)).astype(np.uint8)
        self._labels = digits.target
        self._rng = np.random.default_rng(split)
        order = self._rng.permutation(len(self._images))
        self._training, self._unseen = order[:N_TRAINING], order[N_TRAINING:]

    def write_training(self, folder: Path) -> None:
        for index in self._training:
            self._write(index, folder / str(self._labels[index]) / f"{index:04d}.png")

    def write_window(self, folder: Path, kind: Kind) -> None:
        n_images = PARTIAL if kind == "partial" else WINDOW
        for index in self._rng.choice(self._unseen, n_images, replace=False):
            self._write(index, folder / f"{index:04d}.png", is_turned=kind == "turned")

    def _write(self, index: int, path: Path, *, is_turned: bool = False) -> None:
        from PIL import Image

        path.parent.mkdir(parents=True, exist_ok=True)
        levels = np.rot90(self._images[index]) if is_turned else self._images[index]
        Image.fromarray(np.ascontiguousarray(levels)).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC).save(path)


def _checked(warehouse: Any, run: Any, kind: Kind, *, is_first: bool) -> CheckedWindow:
    from include.catalog.runs import run_id_of
    from include.drift.checks import latest_check

    check = latest_check(warehouse)
    if check is None or check.run_id != run_id_of(run.dag_id, run.run_id):
        raise RuntimeError(f"run {run.run_id} has no check")
    [task] = [ti for ti in run.get_task_instances() if ti.task_id == "check_drift"]
    return CheckedWindow(
        kind=kind,
        is_first=is_first,
        verdict=check.verdict,
        n_images=check.n_images,
        seconds=(task.end_date - task.start_date).total_seconds(),
    )


if __name__ == "__main__":
    main()
