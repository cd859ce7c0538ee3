"""A version's answers to a batch of images, which are prepared and answered in one pass."""

import logging
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np

from include.catalog.forgotten import read_forgotten
from include.config_parts import StagesConfig
from include.errors import ArtefactError
from include.images.preprocessing import preprocessing_digest
from include.models.batches import gathered
from include.registry.answer_file import AnswerFile, Answers
from include.store.batches import Batch
from include.store.files import FileStore
from include.store.findings import DecodedImages, in_chunks
from include.store.pixels import PixelReader, row_bytes
from include.store.preparation import LocatedImages, Preparation
from include.warehouse.session import Warehouse

if TYPE_CHECKING:  # torch, which a batch without images to answer does not need
    from include.models.prediction import Predictions, Predictor

log = logging.getLogger(__name__)

CHUNK_BYTES = 10 * 2**20
"""About how many pixels go through the model at once."""
CHUNK_IMAGES = 256
"""The most images that do."""


def answer_batch(
    warehouse: Warehouse, store: FileStore, batch: Batch, *, stages: StagesConfig, run_id: str, work_path: str
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
        _Answering(warehouse, store, batch, batch.version, turn=turn) as answering,
    ):
        for part in preparation.parts():
            if part.n_images:
                answering.start()
            # A version whose features of the known images are stored needs neither their pixels nor its backbone.
            for images in answering.read(part.known):
                file.add(images, answering.answer(images))
            for images in in_chunks(part.decoded, answering.n_chunk):
                file.add(images, answering.answer(images))
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


class _Answering:
    """The version of a batch, which is loaded in the background. A context manager.

    Args:
        warehouse: A session.
        store: The pipeline's files.
        batch: What is answered.
        version: Who answers.
        turn: A lock that whoever uses the session holds.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        store: FileStore,
        batch: Batch,
        version: int,
        *,
        turn: AbstractContextManager[object],
    ) -> None:
        self._warehouse = warehouse
        self._store = store
        self._batch = batch
        self._version = version
        self._turn = turn
        self.n_chunk = max(1, min(CHUNK_IMAGES, CHUNK_BYTES // row_bytes(batch.size)))
        self._loading: Future[Predictor] | None = None
        self._predictor: Predictor | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._loader = self._stack.enter_context(ThreadPoolExecutor(max_workers=1, thread_name_prefix="model"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def start(self) -> "Future[Predictor]":
        """Begin to load the version, if that has not begun."""
        self._loading = self._loading or self._loader.submit(self._load)
        return self._loading

    def read(self, known: LocatedImages) -> Iterator[DecodedImages]:
        """Yield images of the store, with their pixels."""
        if not known.keys:
            return
        starts = range(0, len(known.keys), self.n_chunk)
        places = [np.arange(start, min(start + self.n_chunk, len(known.keys)), dtype=np.int64) for start in starts]
        for start, pixels in zip(starts, gathered(PixelReader(self._store, known.locations), places), strict=True):
            chunk = slice(start, start + len(pixels))
            yield DecodedImages(known.keys[chunk], pixels, known.looks[chunk])

    def answer(self, images: DecodedImages) -> "Predictions":
        """Return the version's answers."""
        if self._predictor is None:
            self._predictor = self.start().result()
            self._stack.enter_context(self._predictor.ready(self._batch.n_images, images.pixels))
        return self._predictor.answer(images.pixels)

    def _load(self) -> "Predictor":
        # They import torch, which takes seconds.
        from include.models.prediction import Predictor
        from include.registry.artefacts import load_version

        with self._turn:
            model = load_version(self._warehouse, self._store, self._version)
        if model.card.preprocessing_digest != preprocessing_digest(self._batch.preprocessing):
            raise ArtefactError(
                f"version {self._version} was trained on other pixels than this batch is prepared as "
                f"({self._batch.size} px): run inference again"
            )
        return Predictor(model)
