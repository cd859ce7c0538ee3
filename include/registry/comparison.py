"""Challenger and champion on the same test images, neither's training images among them."""

import logging
from typing import NamedTuple

import numpy as np

from include.config import PipelineConfig
from include.errors import SnapshotError
from include.images.preprocessing import preprocessing_digest
from include.models.artefact import LoadedModel
from include.models.embedding import FeatureSource
from include.models.evidence import ChampionAnswers
from include.models.prediction import Predictor
from include.models.rescoring import answer_images
from include.registry.artefacts import load_version
from include.registry.ledger import read_champion
from include.store.batches import write_batches
from include.store.dataset import Dataset, LabelledImages
from include.store.files import FileStore
from include.store.pixels import PixelReader
from include.store.preparation import locate_batch, prepare_batch
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)


class LoadedChampion(NamedTuple):
    """The champion, ready to answer."""

    version: int
    event_seq: int
    model: LoadedModel


class FairTest(NamedTuple):
    """The test images of a challenger's data set that neither model was trained on."""

    images: LabelledImages
    truth: tuple[str, ...]
    """The class of each."""
    n_left_out: int
    """The test images that one of the two was trained on."""


class _Content(NamedTuple):
    content_sha256: str


def load_champion(warehouse: Warehouse, store: FileStore) -> LoadedChampion | None:
    """Return the champion; None: there is none yet.

    Raises:
        ArtefactError: Its files are not what the ledger says.
    """
    champion = read_champion(warehouse)
    if champion is None:
        return None
    return LoadedChampion(champion.version, champion.event_seq, load_version(warehouse, store, champion.version))


def fair_test(
    warehouse: Warehouse, dataset: Dataset, *, snapshot_id: str, champion_snapshot_id: str | None
) -> FairTest:
    """Return the test side without the images that the challenger or the champion was trained on.

    Args:
        warehouse: A session.
        dataset: The challenger's data set.
        snapshot_id: The snapshot that it is.
        champion_snapshot_id: What the champion was trained on; None: there is none.

    Raises:
        SnapshotError: None is left.
    """
    trained_on = {
        row.content_sha256
        for row in warehouse.fetch(
            "snapshots/select_trained_on",
            _Content,
            snapshot_id=snapshot_id,
            champion_snapshot_id=champion_snapshot_id or snapshot_id,
        )
    }
    test = dataset.test
    fair = np.array([place for place, digest in enumerate(test.content_digests) if digest not in trained_on], np.int64)
    n_left_out = len(test.labels) - len(fair)
    if not len(fair):
        raise SnapshotError(
            f"challenger or champion was trained on each of the {n_left_out} test images of snapshot "
            f"{snapshot_id[:12]}: add labelled images"
        )
    if n_left_out:
        log.warning("%d of %d test images are left out: a model was trained on them", n_left_out, len(test.labels))
    images = test.subset(fair)
    return FairTest(images, tuple(dataset.classes[label] for label in images.labels), n_left_out)


def ask_champion(
    warehouse: Warehouse,
    store: FileStore,
    champion: LoadedChampion,
    test: FairTest,
    *,
    config: PipelineConfig,
    run_id: str,
    work_path: str,
) -> ChampionAnswers:
    """Let the champion answer the test images of its classes, with its own preprocessing, classes and temperature.

    Args:
        warehouse: A session, not in a transaction.
        store: The pipeline's files, with the challenger's pixels.
        champion: The champion.
        test: The test images.
        config: The run's config: how the challenger's pixels were made, and where the images lie.
        run_id: The run that decodes them.
        work_path: Where this try of the task may put files below the work stage.

    Raises:
        FetchError: The champion needs other pixels, and not one of the images could be fetched.
    """
    card = champion.model.card
    if card.preprocessing_digest != preprocessing_digest(card.preprocessing):
        log.warning("version %d needs pixels that this release does not make any more", champion.version)
        return ChampionAnswers(champion.version, card.classes, [None] * len(test.truth), is_obsolete=True)
    known = set(card.classes)
    asked = np.array([place for place, label in enumerate(test.truth) if label in known], dtype=np.int64)
    source = test.images.subset(asked)
    if not len(asked):
        labels: tuple[str, ...] = ()
    elif card.preprocessing_digest == preprocessing_digest(config.preprocessing):
        # Kept, so that the next challenger's champion has seen them already.
        features = FeatureSource(warehouse, store, work_path=work_path) if config.inference.keep_features else None
        labels = answer_images(
            champion.model, source.content_digests, lambda places: source.subset(places).images, source=features
        ).labels
    else:
        [batch] = write_batches(store, [source.keys], preprocessing=card.preprocessing, version=champion.version)
        prepare_batch(warehouse, store, batch, stages=config.stages, run_id=run_id, work_path=work_path)
        located = locate_batch(warehouse, store, batch, work_path=work_path)
        place_of = {key: int(place) for key, place in zip(source.keys, asked, strict=True)}
        asked = np.array([place_of[key] for key in located.keys], dtype=np.int64)
        labels = Predictor(champion.model).predict(PixelReader(store, located.locations)).labels if len(asked) else ()
    answers: list[str | None] = [None] * len(test.truth)
    for place, label in zip(asked, labels, strict=True):
        answers[place] = label
    return ChampionAnswers(champion.version, card.classes, answers)
