"""From a trained network to a registered version: calibrated, measured, compared, uploaded, entered into the ledger."""

import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch import nn

from include.config import PipelineConfig
from include.images.preprocessing import preprocessing_digest
from include.models.architectures import build
from include.models.artefact import save
from include.models.backbone import Backbone, backbone_digest
from include.models.baseline import Baseline, build_baseline
from include.models.calibration import fit_temperature, softmax
from include.models.checkpoints import delete_checkpoints
from include.models.confusion_matrix import confusion_matrix_png
from include.models.embedding import FeatureSource
from include.models.evaluation import Evaluation, evaluate
from include.models.evidence import PairedEvidence, pair_answers
from include.models.features import FeatureProjection, fitting_places
from include.models.fitting import FittedModel
from include.models.prediction import Outputs, predict_outputs
from include.models.rescoring import Reduce, outputs_with_features
from include.registry.artefacts import CONFUSION_MATRIX_FILE, upload_model
from include.registry.baselines import count_undecodable, held_out_statistics
from include.registry.challenger import EVIDENCE, Challenger, read_evidence
from include.registry.comparison import LoadedChampion, ask_champion, fair_test, load_champion
from include.registry.ledger import NO_CHAMPION_SEQ, register
from include.registry.original import CONDITIONS
from include.store.dataset import LabelledImages, read_dataset
from include.store.files import FileStore
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)


class _Measured(NamedTuple):
    """A network with all that its held-out images say about it."""

    model: nn.Module
    classes: tuple[str, ...]
    temperature: float
    projection: FeatureProjection
    evaluation: Evaluation
    evidence: PairedEvidence
    baseline: Baseline
    n_validation_images: int


class _VersionNumber(NamedTuple):
    version: int


def evaluate_and_register(
    warehouse: Warehouse, store: FileStore, config: PipelineConfig, fitted: FittedModel, *, run_id: str, work_path: str
) -> Challenger:
    """Calibrate on the validation images, measure and compare on the test images, upload and register.

    The same network is measured and registered once in a run, and then the run's checkpoints are deleted.

    Args:
        warehouse: A session, not in a transaction.
        store: The pipeline's files, with the snapshot's pixels and the weights.
        config: The run's config.
        fitted: What training left.
        run_id: The run that trained.
        work_path: Where this try of the task may put files below the work stage.

    Raises:
        SnapshotError: There are no images to validate or test on.
        ArtefactError: The files could not be read back as they were uploaded, or the champion's are not there.
        FetchError: The champion needs other pixels, and not one of the test images could be fetched.
    """
    known = warehouse.fetch_one(
        "registry/select_evaluated", _VersionNumber, run_id=run_id, fitted_path=fitted.weights_path
    )
    if known is not None:
        log.info("version %d was registered by an earlier try", known.version)
        delete_checkpoints(store, run_id=run_id)
        return _challenger(warehouse, known.version)
    measured = _measure(warehouse, store, config, fitted, run_id=run_id, work_path=work_path)
    with tempfile.TemporaryDirectory(prefix="driftgate-") as folder:
        saved = save(
            Path(folder),
            measured.model,
            architecture=config.model.architecture,
            classes=measured.classes,
            preprocessing=config.preprocessing,
            preprocessing_digest=preprocessing_digest(config.preprocessing),
            temperature=measured.temperature,
            snapshot_id=fitted.snapshot_id,
            projection=measured.projection,
        )
        _draw(measured.evaluation, saved.folder / CONFUSION_MATRIX_FILE, name=config.name)
        path = upload_model(warehouse, saved.folder, sha256=saved.card_sha256)
    version = register(
        warehouse,
        config=config,
        snapshot_id=fitted.snapshot_id,
        metrics={
            **measured.evaluation.as_metrics(),
            EVIDENCE: measured.evidence.to_json(),
            "n_training_images": fitted.n_training_images,
            "n_validation_images": measured.n_validation_images,
            "training_seconds": fitted.seconds,
            "fitted_path": fitted.weights_path,
            "weights_sha256": saved.weights_sha256,
            "backbone_digest": backbone_digest(
                measured.model,
                architecture=config.model.architecture,
                preprocessing_digest=preprocessing_digest(config.preprocessing),
            ),
            CONDITIONS: fitted.conditions.to_json() if fitted.conditions else None,
        },
        n_training_images=fitted.n_training_images,
        artifact_path=path,
        sha256=saved.card_sha256,
        temperature=measured.temperature,
        baseline=measured.baseline,
        run_id=run_id,
    )
    delete_checkpoints(store, run_id=run_id)
    return _challenger(warehouse, version)


def _challenger(warehouse: Warehouse, version: int) -> Challenger:
    """Return a version with the champion that its stored evidence names."""
    evidence = read_evidence(warehouse, version)
    return Challenger(version=version, champion_event_seq=evidence.champion_event_seq)


def _measure(
    warehouse: Warehouse, store: FileStore, config: PipelineConfig, fitted: FittedModel, *, run_id: str, work_path: str
) -> _Measured:
    champion = load_champion(warehouse, store)
    dataset = read_dataset(warehouse, store, snapshot_id=fitted.snapshot_id, preprocessing=config.preprocessing)
    test = fair_test(
        warehouse,
        dataset,
        snapshot_id=fitted.snapshot_id,
        champion_snapshot_id=champion.model.card.snapshot_id if champion else None,
    )
    model = build(
        config.model.architecture,
        n_classes=len(dataset.classes),
        weights=str(store.local_path(fitted.weights_path)),
    )
    ask = _way_to_ask(warehouse, store, config, model, champion, work_path=work_path)
    # Fitted on training images: neither the baseline's nor a window's are then nearer to the projection.
    fitted_on = dataset.train.subset(fitting_places(len(dataset.train.labels)))
    projection = FeatureProjection.fit(ask(fitted_on, lambda outputs: outputs).features)
    validation = ask(dataset.validation, projection.project)
    temperature = fit_temperature(validation.logits, dataset.validation.labels)
    tested = ask(test.images, projection.project)
    evaluation = evaluate(tested.logits, test.images.labels, temperature=temperature, classes=dataset.classes)
    answers = [dataset.classes[place] for place in tested.logits.argmax(axis=1)]
    theirs = None
    if champion is not None:
        theirs = ask_champion(warehouse, store, champion, test, config=config, run_id=run_id, work_path=work_path)
    evidence = pair_answers(
        test.truth,
        answers,
        classes=dataset.classes,
        n_left_out=test.n_left_out,
        champion=theirs,
        champion_event_seq=champion.event_seq if champion else NO_CHAMPION_SEQ,
    )
    logits = np.concatenate([validation.logits, tested.logits])
    baseline = build_baseline(
        softmax(logits, temperature=temperature).astype(np.float32),
        np.concatenate([dataset.validation.labels, test.images.labels]),
        classes=dataset.classes,
        features=np.concatenate([validation.features, tested.features]),
        image_statistics=held_out_statistics(
            warehouse,
            snapshot_id=fitted.snapshot_id,
            preprocessing_digest=preprocessing_digest(config.preprocessing),
        ),
        n_undecodable=count_undecodable(warehouse, snapshot_id=fitted.snapshot_id),
    )
    return _Measured(
        model, dataset.classes, temperature, projection, evaluation, evidence, baseline, len(dataset.validation.labels)
    )


def _way_to_ask(
    warehouse: Warehouse,
    store: FileStore,
    config: PipelineConfig,
    model: nn.Module,
    champion: LoadedChampion | None,
    *,
    work_path: str,
) -> Callable[[LabelledImages, Reduce], Outputs]:
    """Return how a network is asked about images: by features, if it sees what the champion sees."""
    backbone = Backbone.of(
        model,
        architecture=config.model.architecture,
        preprocessing_digest=preprocessing_digest(config.preprocessing),
    )
    is_known = champion is not None and Backbone.of_version(champion.model).id == backbone.id
    if not (is_known and config.inference.keep_features):
        return lambda images, reduce: predict_outputs(model, images.images, reduce=reduce)
    source = FeatureSource(warehouse, store, work_path=work_path)
    return lambda images, reduce: outputs_with_features(source, backbone, images, reduce=reduce)


def _draw(evaluation: Evaluation, path: Path, *, name: str) -> None:
    title = f"{name}: accuracy {evaluation.accuracy:.3f} on {evaluation.n_images} test images"
    path.write_bytes(confusion_matrix_png(evaluation.confusion_matrix, classes=evaluation.classes, title=title))
