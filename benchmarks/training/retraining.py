"""What retraining takes after a tenth of new images: from scratch, from the champion's weights, or its head alone."""

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from torch import nn

from benchmarks.memory_runs import in_a_fork
from benchmarks.own_warehouse import OwnWarehouse, own_session, own_warehouse
from benchmarks.photos import LABEL_IN_STAGE, Photo, stage_photos
from include.catalog.runs import open_run
from include.catalog.snapshot import freeze_snapshot
from include.catalog.sync import sync_stage
from include.config import PipelineConfig
from include.config_parts import GateConfig, LabelsConfig
from include.images.preprocess import read_digests
from include.images.preprocessing import preprocessing_digest
from include.models.architectures import build
from include.models.embedding import FeatureSource, StoredFeatures
from include.models.fitting import FittedModel, fit_snapshot
from include.models.prediction import predict_logits
from include.registry.artefacts import load_version
from include.registry.promotion import pass_gate_and_promote
from include.registry.registration import evaluate_and_register
from include.store.batches import write_batches
from include.store.dataset import Dataset, read_dataset
from include.store.files import FileStore
from include.store.preparation import prepare_batch
from include.warehouse.session import Warehouse

STRATEGIES = ("scratch", "warm", "head")
_NEW_EVERY = 11
"""One photo in so many is new: a tenth of those before."""
_FIRST, _SECOND = "before", "after"
"""The snapshots without the new photos, and with them."""


class Retrained(NamedTuple):
    """What one retraining came to."""

    seconds: float
    accuracy: float
    """On the test images of the snapshot that has the new photos."""


class Round(NamedTuple):
    """A champion, and what it was retrained to."""

    champion_accuracy: float
    """On the same test images, before any retraining."""
    unseen_head_seconds: float
    """Strategy `head` on the snapshot without the new photos: all of its images go through the backbone."""
    by_strategy: Mapping[str, Retrained]


def retrain_rounds(
    photos: Sequence[Photo], template: PipelineConfig, folder: Path, *, n_rounds: int
) -> Iterator[Round]:
    """Train a champion on ten elevenths of the photos; then, with the rest, retrain by each strategy.

    Other photos are new in each round, so that each has a champion, splits and a seed of its own.

    Args:
        photos: All photos.
        template: A pipeline: its network, its images' size, and how it trains.
        folder: An empty one.
        n_rounds: How often.
    """
    for number in range(n_rounds):
        of_round = folder / str(number)
        of_round.mkdir()
        yield _retrain_each_way(photos, template, of_round, number)


def _retrain_each_way(photos: Sequence[Photo], template: PipelineConfig, folder: Path, number: int) -> Round:
    old = [photo for place, photo in enumerate(photos) if place % _NEW_EVERY != number]
    new = list(photos[number::_NEW_EVERY])
    stage = folder / "train"
    with own_warehouse(folder, urls="file") as own:
        config = own.config.model_copy(
            update={
                "preprocessing": template.preprocessing,
                "model": template.model,
                "training": template.training,
                "labels": LabelsConfig(from_path=LABEL_IN_STAGE),
                "gate": GateConfig(min_accuracy=0.0, min_recall=0.0),
            }
        )
        stage_photos(old, stage, n_photos=len(old))
        first: str = in_a_fork(lambda: _freeze(own, config, _FIRST)).returned
        version: int = in_a_fork(lambda: _train_champion(own, config, first)).returned
        unseen: Retrained = in_a_fork(lambda: _retrain(own, config, "head", first)).returned
        stage_photos(new, folder / "new", n_photos=len(new))
        (folder / "new" / "00").rename(stage / "new")
        second: str = in_a_fork(lambda: _freeze(own, config, _SECOND)).returned
        return Round(
            in_a_fork(lambda: _champion_accuracy(own, config, second, version)).returned,
            unseen.seconds,
            {
                strategy: in_a_fork(lambda of=strategy: _retrain(own, config, of, second)).returned
                for strategy in STRATEGIES
            },
        )


def _train_champion(own: OwnWarehouse, config: PipelineConfig, snapshot_id: str) -> int:
    with own_session(config, own.port) as warehouse:
        store = FileStore(config.store_url)
        fitted = fit_snapshot(warehouse, store, config, snapshot_id=snapshot_id, run_id=_FIRST)
        challenger = evaluate_and_register(warehouse, store, config, fitted, run_id=_FIRST, work_path=f"{_FIRST}/e")
        pass_gate_and_promote(warehouse, challenger, gate=config.gate, accept_vanished_classes=False, run_id=_FIRST)
        return challenger.version


def _freeze(own: OwnWarehouse, config: PipelineConfig, run_id: str) -> str:
    """Open a run, freeze a snapshot, and decode what was not decoded yet."""
    with own_session(config, own.port) as warehouse:
        store = FileStore(config.store_url)
        open_run(warehouse, config, run_id=run_id, dag_id="bench_training", kind="training", reason=None)
        sync_stage(warehouse, config.stages.training, labels=config.labels, accept_removals=False)
        frozen = freeze_snapshot(warehouse, config, run_id=run_id, work_path=f"{run_id}/f", read_digests=read_digests)
        [batch] = write_batches(store, [frozen.keys], preprocessing=config.preprocessing, version=None)
        prepare_batch(warehouse, store, batch, stages=config.stages, run_id=run_id, work_path=f"{run_id}/p")
        return frozen.snapshot_id


def _retrain(own: OwnWarehouse, config: PipelineConfig, strategy: str, snapshot_id: str) -> Retrained:
    config = config.model_copy(update={"model": config.model.model_copy(update={"strategy": strategy})})
    run_id = f"{strategy} {snapshot_id}"
    with own_session(config, own.port) as warehouse:
        open_run(warehouse, config, run_id=run_id, dag_id="bench_training", kind="training", reason=None)
        store = FileStore(config.store_url)
        started = time.monotonic()
        fitted = _fit(warehouse, store, config, snapshot_id=snapshot_id, run_id=run_id)
        seconds = time.monotonic() - started
        dataset = read_dataset(warehouse, store, snapshot_id=snapshot_id, preprocessing=config.preprocessing)
        weights = str(store.local_path(fitted.weights_path))
        model = build(config.model.architecture, n_classes=len(dataset.classes), weights=weights)
        return Retrained(seconds, _accuracy(model, dataset))


def _fit(
    warehouse: Warehouse, store: FileStore, config: PipelineConfig, *, snapshot_id: str, run_id: str
) -> FittedModel:
    """Do what the task `train` does."""
    from include.registry.champion_start import start_of_run

    start = start_of_run(warehouse, store, config, run_id=run_id)
    features = None
    if config.model.strategy == "head":
        features = StoredFeatures(
            FeatureSource(warehouse, store, work_path="bench/features"),
            architecture=config.model.architecture,
            preprocessing_digest=preprocessing_digest(config.preprocessing),
        )
    return fit_snapshot(
        warehouse, store, config, snapshot_id=snapshot_id, run_id=run_id, start=start, features=features
    )


def _champion_accuracy(own: OwnWarehouse, config: PipelineConfig, snapshot_id: str, version: int) -> float:
    with own_session(config, own.port) as warehouse:
        store = FileStore(config.store_url)
        dataset = read_dataset(warehouse, store, snapshot_id=snapshot_id, preprocessing=config.preprocessing)
        return _accuracy(load_version(warehouse, store, version).model, dataset)


def _accuracy(model: nn.Module, dataset: Dataset) -> float:
    logits = predict_logits(model, dataset.test.images)
    return float((logits.argmax(axis=1) == dataset.test.labels).mean())
