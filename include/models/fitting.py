"""From a snapshot to a trained network, as a file of the store that the evaluation takes up."""

import logging
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np
import torch
from safetensors.torch import save

from include.config import PipelineConfig
from include.handover import Handover
from include.images.preprocessing import preprocessing_digest
from include.models.checkpoints import Checkpoints, TrainingIdentity
from include.models.compute import Compute, choose_compute
from include.models.conditions import TrainingConditions
from include.models.distributed import n_training_processes, train_on_several
from include.models.head import train_head
from include.models.network_features import Embedder
from include.models.start import TrainingStart, first_network, shortened
from include.models.training import TrainedModel, compute_of, seeded, share_of_each_class, train
from include.store.dataset import Dataset, read_dataset
from include.store.files import FileStore, sha256_of_bytes
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class FittedModel(Handover):
    """A reference to a trained network that was not evaluated yet."""

    snapshot_id: str
    weights_path: str
    """The safetensors file below the store's root, named by its digest."""
    n_training_images: int
    """The images that were really used."""
    seconds: float
    conditions: TrainingConditions | None = None
    """How and on what it was trained; None: a task of an older release has trained it."""

    @property
    def weights_sha256(self) -> str:
        """The digest of the weights, which names their file."""
        return PurePosixPath(self.weights_path).stem


def seed_of(snapshot_id: str) -> int:
    """Return the seed of everything random about a snapshot: the same data set is trained on in the same way."""
    return int(snapshot_id[:15], 16)


def fit_snapshot(
    warehouse: Warehouse,
    store: FileStore,
    config: PipelineConfig,
    *,
    snapshot_id: str,
    run_id: str,
    compute: Compute | None = None,
    start: TrainingStart | None = None,
    features: Embedder | None = None,
) -> FittedModel:
    """Train on a snapshot as the run's config says, from where an earlier try of the same run left off.

    Args:
        warehouse: A session.
        store: The pipeline's files, with the snapshot's pixels.
        config: The run's config.
        snapshot_id: The snapshot.
        run_id: The run that trains; the checkpoints are its own.
        compute: How to compute; by default as an earlier try did, or whatever is fastest.
        start: The version that the strategies `warm` and `head` start from. If it does not fit, or there is none,
            training is from scratch.
        features: What gives the features that `head` is fitted on; by default they are computed.

    Raises:
        SnapshotError: The snapshot's readable images do not make a data set.
        ModelError: The model cannot be built, or training diverged.
    """
    dataset = read_dataset(warehouse, store, snapshot_id=snapshot_id, preprocessing=config.preprocessing)
    start = _usable(start, config, dataset)
    strategy = config.model.strategy if start else "scratch"
    log.info(
        "training %s on %d images of %d classes, %d px, strategy %s",
        config.model.architecture,
        len(dataset.train.labels),
        len(dataset.classes),
        config.preprocessing.size,
        strategy,
    )
    if start and strategy == "head":
        trained = _train_head(start, dataset, config, seed=seed_of(snapshot_id), compute=compute, features=features)
    else:
        identity = _identity(config, dataset, snapshot_id=snapshot_id, start=start)
        checkpoints = Checkpoints(store=store, run_id=run_id, identity=identity)
        fit = _train_on_several if n_training_processes() > 1 else _train_alone
        trained = fit(dataset, checkpoints, compute=compute, start=start)
    weights = save(trained.model.state_dict())
    weights_path = f"fitted/{sha256_of_bytes(weights)}.safetensors"
    store.write(weights_path, weights)
    return FittedModel(
        snapshot_id=snapshot_id,
        weights_path=weights_path,
        n_training_images=trained.n_images,
        seconds=round(trained.seconds, 3),
        conditions=TrainingConditions.here(
            trained.compute,
            preprocessing_digest=preprocessing_digest(config.preprocessing),
            start=start.recorded(strategy) if start else None,
            n_processes=trained.n_processes,
        ),
    )


def _usable(start: TrainingStart | None, config: PipelineConfig, dataset: Dataset) -> TrainingStart | None:
    """Return what training can start from, or say why it is from scratch although another strategy was asked for."""
    strategy = config.model.strategy
    if strategy == "scratch":
        return None
    if start is None:
        log.info("strategy %s: there is no version to start from, training from scratch", strategy)
        return None
    if reason := start.unfit_for(config.model, config.preprocessing, dataset.classes):
        log.info("strategy %s: version %d is no start, training from scratch: %s", strategy, start.version, reason)
        return None
    log.info("starting from %s", start.recorded(strategy))
    return start


def _train_alone(
    dataset: Dataset, checkpoints: Checkpoints, *, compute: Compute | None, start: TrainingStart | None
) -> TrainedModel:
    identity = checkpoints.identity
    return train(
        images=dataset.train.images,
        labels=dataset.train.labels,
        validation=dataset.validation,
        classes=dataset.classes,
        architecture=identity.model.architecture,
        weights=identity.model.weights,
        settings=identity.training,
        seed=identity.seed,
        horizontal_flip=identity.training.horizontal_flip,
        compute=compute,
        checkpoints=checkpoints,
        start=start,
    )


def _train_on_several(
    dataset: Dataset, checkpoints: Checkpoints, *, compute: Compute | None, start: TrainingStart | None
) -> TrainedModel:
    identity = checkpoints.identity
    with seeded(identity.seed):
        network = first_network(identity.model, dataset.classes, start)
        example = dataset.train.images.gather(np.arange(min(identity.training.batch_size, len(dataset.train.labels))))
        compute = compute or compute_of(checkpoints.newest(network)) or choose_compute(network, example, training=True)
    return train_on_several(
        network, dataset, checkpoints=checkpoints, compute=compute, n_processes=n_training_processes()
    )


def _train_head(
    start: TrainingStart,
    dataset: Dataset,
    config: PipelineConfig,
    *,
    seed: int,
    compute: Compute | None,
    features: Embedder | None,
) -> TrainedModel:
    share, generator = config.training.downsample_to, torch.Generator().manual_seed(seed)
    known = start.loaded.card.classes
    with seeded(seed):
        network = start.network(dataset.classes)
    return train_head(
        network,
        training=dataset.train.subset(share_of_each_class(dataset.train.labels, share, generator)),
        validation=dataset.validation,
        new_classes=np.flatnonzero([label not in known for label in dataset.classes]),
        features=features,
        compute=compute,
    )


def _identity(
    config: PipelineConfig, dataset: Dataset, *, snapshot_id: str, start: TrainingStart | None
) -> TrainingIdentity:
    return TrainingIdentity(
        snapshot_id=snapshot_id,
        model=config.model,
        training=shortened(config.training) if start else config.training,
        preprocessing_digest=preprocessing_digest(config.preprocessing),
        classes=dataset.classes,
        n_images=len(dataset.train.labels),
        contents_sha256=sha256_of_bytes("\n".join(dataset.train.content_digests).encode()),
        seed=seed_of(snapshot_id),
        torch_version=str(torch.__version__),
        start=start.recorded(config.model.strategy) if start else None,
    )
