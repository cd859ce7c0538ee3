"""A version and what training it again has come to, compared: the weights, and if they differ the accuracies.

No version is registered, the champion and the ledger stay as they are. The comparison is a row of REPRODUCTIONS.
"""

import json
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from include.config import PipelineConfig
from include.errors import ArtefactError
from include.handover import Handover
from include.models.architectures import build
from include.models.checkpoints import delete_checkpoints
from include.models.conditions import TrainingConditions
from include.models.fitting import FittedModel
from include.models.prediction import predict_logits
from include.registry.artefacts import load_version
from include.registry.comparison import fair_test
from include.registry.original import Original, read_original
from include.registry.training_again import UNRECORDED, conditions_of
from include.store.dataset import LabelledImages, read_dataset
from include.store.files import FileStore
from include.store.restoration import RestoredSnapshot
from include.warehouse.session import Warehouse

_UNEXPLAINED = "nothing that is recorded; another release of Driftgate, or of a library that torch uses, is left"


@dataclass(frozen=True, kw_only=True)
class Reproduction(Handover):
    """What training a version again has come to."""

    version: int
    same_weights: bool
    weights_sha256: str
    """Of the weights that training again has come to."""
    accuracy: float
    """Of those, on the test images; 0 to 1."""
    original_accuracy: float
    """Of the version, on the same images."""
    n_images: int
    """The test images."""
    conditions: TrainingConditions
    """How and on what it was trained again."""
    differences: tuple[str, ...]
    """What was not as it was when the version was trained; if the weights are others, that may explain it."""

    @property
    def sentence(self) -> str:
        """The comparison in a sentence."""
        if self.same_weights:
            return (
                f"version {self.version} is reproduced: training again gives the same weights (SHA-256 "
                f"{self.weights_sha256[:12]}…, test accuracy {self.accuracy:.3f})"
            )
        return (
            f"training version {self.version} again gives other weights: test accuracy {self.accuracy:.3f}, the "
            f"original's is {self.original_accuracy:.3f} ({self.accuracy - self.original_accuracy:+.3f}, on the same "
            f"{self.n_images} images). What may explain it: {'; '.join(self.differences) or _UNEXPLAINED}"
        )


class _Accuracies(NamedTuple):
    accuracy: float
    original: float
    n_images: int


class _Row(NamedTuple):
    version: int
    same_weights: bool
    weights_sha256: str
    accuracy: float
    original_accuracy: float
    n_images: int
    computed: str
    differences: str


def compare(
    warehouse: Warehouse,
    store: FileStore,
    config: PipelineConfig,
    fitted: FittedModel,
    restored: RestoredSnapshot,
    *,
    version: int,
    run_id: str,
) -> Reproduction:
    """Compare what training again came to with the version: the weights, and if they differ the accuracy.

    It is written once in a run; afterwards the run's checkpoints are deleted.

    Args:
        warehouse: A session, not in a transaction.
        store: The pipeline's files.
        config: The run's config.
        fitted: What training again left.
        restored: What it was trained on.
        version: The version.
        run_id: The run.

    Raises:
        SnapshotError: No test image is left.
        ArtefactError: Test images are lost, and the version's own files, which would have to answer those that are
            left, are not what the ledger says.
    """
    known = _read_reproduction(warehouse, run_id)
    if known is None:
        known = _compared(warehouse, store, config, fitted, restored, version=version)
        _insert(warehouse, known, run_id=run_id)
    delete_checkpoints(store, run_id=run_id)
    return known


def _compared(
    warehouse: Warehouse,
    store: FileStore,
    config: PipelineConfig,
    fitted: FittedModel,
    restored: RestoredSnapshot,
    *,
    version: int,
) -> Reproduction:
    original = read_original(warehouse, version)
    if fitted.conditions is None:
        raise ArtefactError(f"{fitted.weights_path} does not tell how it was trained: clear the task train")
    sha256 = fitted.weights_sha256
    same_weights = sha256 == original.weights_sha256
    if same_weights:
        accuracies = _Accuracies(original.accuracy, original.accuracy, original.n_test_images)
    else:
        accuracies = _measure(warehouse, store, config, fitted, original)
    return Reproduction(
        version=version,
        same_weights=same_weights,
        weights_sha256=sha256,
        accuracy=accuracies.accuracy,
        original_accuracy=accuracies.original,
        n_images=accuracies.n_images,
        conditions=fitted.conditions,
        differences=_differences(fitted.conditions, fitted.n_training_images, restored, original),
    )


def _measure(
    warehouse: Warehouse, store: FileStore, config: PipelineConfig, fitted: FittedModel, original: Original
) -> _Accuracies:
    """Measure on the test images of the original's evaluation, as far as they are there.

    The original's accuracy is the one that was measured then; if test images are lost, it answers those that are left.
    """
    dataset = read_dataset(warehouse, store, snapshot_id=original.snapshot_id, preprocessing=config.preprocessing)
    champion = original.champion_version
    test = fair_test(
        warehouse,
        dataset,
        snapshot_id=original.snapshot_id,
        champion_snapshot_id=read_original(warehouse, champion).snapshot_id if champion is not None else None,
    ).images
    weights = str(store.local_path(fitted.weights_path))
    model = build(config.model.architecture, n_classes=len(dataset.classes), weights=weights)
    accuracy = _share_right(predict_logits(model, test.images), test)
    if len(test.labels) == original.n_test_images:
        return _Accuracies(accuracy, original.accuracy, len(test.labels))
    theirs = load_version(warehouse, store, original.version).model
    return _Accuracies(accuracy, _share_right(predict_logits(theirs, test.images), test), len(test.labels))


def _share_right(logits: NDArray[np.float32], test: LabelledImages) -> float:
    return float((logits.argmax(axis=1) == test.labels).mean())


def _differences(
    now: TrainingConditions, n_training_images: int, restored: RestoredSnapshot, original: Original
) -> tuple[str, ...]:
    """Say what was not as it was when the version was trained, as far as that is known."""
    found = [restored.sentence] if restored.n_all_lost else []
    if n_training_images != original.n_training_images:
        found.append(f"trained on {n_training_images} images, then {original.n_training_images}")
    then = conditions_of(original)
    found += now.differences(then) if then is not None else [UNRECORDED]
    if now.compute.device == "cuda":
        found.append("on CUDA some sums are made in no fixed order, so that the same GPU may come to other weights")
    start = original.config.model.weights
    if start != "none":
        found.append(f"training starts from the weights {start}, which may be others by now")
    return tuple(found)


def _read_reproduction(warehouse: Warehouse, run_id: str) -> Reproduction | None:
    row = warehouse.fetch_one("reproduce/select_reproduction", _Row, run_id=run_id)
    if row is None:
        return None
    values = row._asdict()
    conditions = TrainingConditions.from_json(json.loads(values.pop("computed")))
    return Reproduction(**values | {"conditions": conditions, "differences": tuple(json.loads(row.differences))})


def _insert(warehouse: Warehouse, reproduction: Reproduction, *, run_id: str) -> None:
    values = reproduction.to_json()
    conditions, differences = values.pop("conditions"), values.pop("differences")
    warehouse.alone(
        lambda: warehouse.run(
            "reproduce/insert_reproduction",
            run_id=run_id,
            computed=json.dumps(conditions, sort_keys=True),
            differences=json.dumps(differences),
            **values,
        )
    )
