"""What retraining takes after a tenth of new images: from scratch, from the champion's weights, or its head alone."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks.memory_runs import in_a_fork
from benchmarks.own_warehouse import OwnWarehouse, own_session, own_warehouse
from benchmarks.photos import LABEL_IN_STAGE, Photo, stage_photos
from include.catalog.runs import open_run
from include.catalog.snapshot import freeze_snapshot
from include.catalog.sync import sync_stage
from include.config import PipelineConfig
from include.config_parts import GateConfig, LabelsConfig, ModelConfig
from include.images.preprocess import read_digests
from include.images.preprocessing import preprocessing_digest
from include.models.architectures import build
from include.models.embedding import FeatureSource, StoredFeatures
from include.models.fitting import FittedModel, fit_snapshot
from include.models.prediction import predict_logits
from include.registry.promotion import pass_gate_and_promote
from include.registry.registration import evaluate_and_register
from include.store.batches import write_batches
from include.store.dataset import read_dataset
from include.store.files import FileStore
from include.store.preparation import prepare_batch
from include.warehouse.session import Warehouse

STRATEGIES = ("scratch", "warm", "head")
_NEW_EVERY = 11
"""One photo in so many is new: a tenth of those before."""


class Retrained(NamedTuple):
    """What one retraining came to."""

    strategy: str
    seconds: float
    accuracy: float
    """On the snapshot's test images."""


def has_strategies() -> bool:
    """Whether a pipeline can be told what its training starts from."""
    return "strategy" in ModelConfig.model_fields


def retrain_rounds(
    photos: Sequence[Photo], template: PipelineConfig, folder: Path, *, n_rounds: int
) -> list[list[Retrained]]:
    """Train a champion on nine tenths of the photos; then, with the rest, retrain by each strategy, again and again.

    Args:
        photos: All photos.
        template: A pipeline: its network, its images' size, and how it trains.
        folder: An empty one.
        n_rounds: How often.
    """
    first, rest = _parted(photos)
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
        stage_photos(first, stage, n_photos=len(first))
        in_a_fork(lambda: _train_champion(own, config))
        stage_photos(rest, folder / "rest", n_photos=len(rest))
        (folder / "rest" / "00").rename(stage / "new")
        snapshot_id: str = in_a_fork(lambda: _freeze(own, config, "retraining")).returned
        return [
            [
                in_a_fork(lambda of=strategy, n=number: _retrain(own, config, of, n, snapshot_id)).returned
                for strategy in STRATEGIES
            ]
            for number in range(n_rounds)
        ]


def _parted(photos: Sequence[Photo]) -> tuple[list[Photo], list[Photo]]:
    """Return the photos that come first, and the rest, which has some of all classes."""
    rest = photos[::_NEW_EVERY]
    return [photo for place, photo in enumerate(photos) if place % _NEW_EVERY], list(rest)


def _train_champion(own: OwnWarehouse, config: PipelineConfig) -> None:
    snapshot_id = _freeze(own, config, "first")
    with own_session(config, own.port) as warehouse:
        store = FileStore(config.store_url)
        fitted = fit_snapshot(warehouse, store, config, snapshot_id=snapshot_id, run_id="first")
        challenger = evaluate_and_register(warehouse, store, config, fitted, run_id="first", work_path="first/e")
        pass_gate_and_promote(warehouse, challenger, gate=config.gate, accept_vanished_classes=False, run_id="first")


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


def _retrain(own: OwnWarehouse, config: PipelineConfig, strategy: str, number: int, snapshot_id: str) -> Retrained:
    config = config.model_copy(update={"model": config.model.model_copy(update={"strategy": strategy})})
    run_id = f"{strategy} {number}"
    with own_session(config, own.port) as warehouse:
        open_run(warehouse, config, run_id=run_id, dag_id="bench_training", kind="training", reason=None)
        store = FileStore(config.store_url)
        started = time.monotonic()
        fitted = _fit(warehouse, store, config, snapshot_id=snapshot_id, run_id=run_id)
        seconds = time.monotonic() - started
        return Retrained(strategy, seconds, _accuracy(warehouse, store, config, fitted))


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


def _accuracy(warehouse: Warehouse, store: FileStore, config: PipelineConfig, fitted: FittedModel) -> float:
    dataset = read_dataset(warehouse, store, snapshot_id=fitted.snapshot_id, preprocessing=config.preprocessing)
    weights = str(store.local_path(fitted.weights_path))
    model = build(config.model.architecture, n_classes=len(dataset.classes), weights=weights)
    logits = predict_logits(model, dataset.test.images)
    return float((logits.argmax(axis=1) == dataset.test.labels).mean())
