"""A version's answers to a batch of images, which are prepared and answered in one pass."""

import logging
import time
from threading import Lock

from include.catalog.forgotten import read_forgotten
from include.config_parts import StagesConfig
from include.errors import ArtefactError
from include.registry.answer_file import AnswerFile, Answers
from include.registry.version_answers import VersionAnswers
from include.store.batches import Batch
from include.store.files import FileStore
from include.store.preparation import Preparation
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)


def answer_batch(
    warehouse: Warehouse,
    store: FileStore,
    batch: Batch,
    *,
    stages: StagesConfig,
    run_id: str,
    work_path: str,
    keep_features: bool = True,
) -> Answers:
    """Classify the readable images of a batch with the version that it names, and prepare those that are not prepared.

    While some images go through the network, those behind them are fetched and decoded; the network is loaded while
    the first ones are. How much is in memory does not depend on how many images there are. Preprocessing, classes and
    temperature come from the version's card, never from the pipeline file.

    Args:
        warehouse: A session, not in a transaction.
        store: The pipeline's files.
        batch: The images, and the version that is to answer.
        stages: The pipeline's stages.
        run_id: The run that answers.
        work_path: Where this try of the task may put files below the work stage.
        keep_features: Whether images whose features are in the store are answered by these, and those of the others
            are kept there (`inference.keep_features`).

    Raises:
        ArtefactError: The version or its files are not there, are not what the ledger says, or expect other pixels.
        FetchError: See `Preparation.parts`.
    """
    started = time.monotonic()
    if batch.version is None:
        raise ArtefactError(f"batch {batch.path} names no version that is to answer it")
    turn = Lock()
    preparation = Preparation(warehouse, store, batch, stages=stages, run_id=run_id, work_path=work_path, turn=turn)
    with (
        AnswerFile(store, version=batch.version) as file,
        VersionAnswers(
            warehouse,
            store,
            batch,
            batch.version,
            work_path=work_path,
            keep_features=keep_features,
            afterwards=preparation.afterwards,
            turn=turn,
        ) as version,
    ):
        for part in preparation.parts():
            for images, predictions in version.answers(part):
                file.add(images, predictions)
        answers = file.finish(read_forgotten(warehouse))  # after the minutes that this took: the file names images
    log.info(
        "version %d answered %d of %d images in %.1f s (%d are quarantined or could not be fetched)",
        batch.version,
        answers.n_images,
        batch.n_images,
        time.monotonic() - started,
        batch.n_images - answers.n_images,
    )
    return answers
