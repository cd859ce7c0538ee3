"""From a trained network to a registered version: calibrated, measured, uploaded, entered into the ledger."""

import logging
import tempfile
from pathlib import Path

from include.config import PipelineConfig
from include.images.preprocessing import preprocessing_digest
from include.models.architectures import build
from include.models.artefact import save
from include.models.calibration import fit_temperature
from include.models.confusion_matrix import confusion_matrix_png
from include.models.evaluation import Evaluation, evaluate
from include.models.fitting import FittedModel
from include.models.prediction import predict_logits
from include.registry.artefacts import CONFUSION_MATRIX_FILE, upload_model
from include.registry.challenger import Challenger
from include.registry.ledger import champion_event_seq, register
from include.store.dataset import read_dataset
from include.store.files import FileStore
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)


def evaluate_and_register(
    warehouse: Warehouse, store: FileStore, config: PipelineConfig, fitted: FittedModel, *, run_id: str
) -> Challenger:
    """Fit the temperature on the validation images, measure on the test images, upload and register.

    Args:
        warehouse: A session, not in a transaction.
        store: The pipeline's files, with the snapshot's pixels and the weights.
        config: The run's config.
        fitted: What training left.
        run_id: The run that trained.

    Raises:
        SnapshotError: There are no images to validate or test on.
        ArtefactError: The files could not be read back as they were uploaded.
    """
    event_seq = champion_event_seq(warehouse)
    dataset = read_dataset(warehouse, store, snapshot_id=fitted.snapshot_id, preprocessing=config.preprocessing)
    model = build(
        config.model.architecture,
        n_classes=len(dataset.classes),
        weights=str(store.local_path(fitted.weights_path)),
    )
    temperature = fit_temperature(predict_logits(model, dataset.validation.images), dataset.validation.labels)
    evaluation = evaluate(
        predict_logits(model, dataset.test.images),
        dataset.test.labels,
        temperature=temperature,
        classes=dataset.classes,
    )
    with tempfile.TemporaryDirectory(prefix="driftgate-") as folder:
        saved = save(
            Path(folder),
            model,
            architecture=config.model.architecture,
            classes=dataset.classes,
            preprocessing=config.preprocessing,
            preprocessing_digest=preprocessing_digest(config.preprocessing),
            temperature=temperature,
            snapshot_id=fitted.snapshot_id,
        )
        _draw(evaluation, saved.folder / CONFUSION_MATRIX_FILE, name=config.name)
        path = upload_model(warehouse, saved.folder, sha256=saved.card_sha256)
    version = register(
        warehouse,
        config=config,
        snapshot_id=fitted.snapshot_id,
        metrics={
            **evaluation.as_metrics(),
            "n_training_images": fitted.n_training_images,
            "n_validation_images": len(dataset.validation.labels),
            "training_seconds": fitted.seconds,
            "weights_sha256": saved.weights_sha256,
        },
        n_training_images=fitted.n_training_images,
        artifact_path=path,
        sha256=saved.card_sha256,
        temperature=temperature,
        run_id=run_id,
    )
    return Challenger(
        version=version,
        accuracy=evaluation.accuracy,
        n_test_images=evaluation.n_images,
        champion_event_seq=event_seq,
    )


def _draw(evaluation: Evaluation, path: Path, *, name: str) -> None:
    title = f"{name}: accuracy {evaluation.accuracy:.3f} on {evaluation.n_images} test images"
    path.write_bytes(confusion_matrix_png(evaluation.confusion_matrix, classes=evaluation.classes, title=title))
