"""A version that answers images as they come: by what is known of them, and by its network for the rest."""

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from itertools import chain
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from include.errors import ArtefactError, ForgottenMeanwhileError, UnstorableFeaturesError
from include.images.preprocessing import preprocessing_digest
from include.models.batches import gathered, in_order
from include.store.backbone_features import ROWS_IN_FILE, BackboneId, FeatureReader, FeatureWriter, find_features
from include.store.batches import Batch
from include.store.files import FileStore
from include.store.findings import DecodedImages, in_chunks
from include.store.pixels import PixelReader
from include.store.preparation import LocatedImages, PreparedPart
from include.store.tensor_rows import RowLocation
from include.warehouse.session import Warehouse

if TYPE_CHECKING:  # torch, which a batch without images to answer does not need
    from include.models.answers import Predictions
    from include.models.prediction import Predictor
    from include.models.rescoring import FeatureAnswers

log = logging.getLogger(__name__)

CHUNK_IMAGES = 256
"""The most images that are handed to the network at once."""


class _Loaded(NamedTuple):
    predictor: "Predictor"
    seeing: "_Seeing | None"
    """None: features are not kept."""


class _Seeing(NamedTuple):
    """What answers by features."""

    backbone: BackboneId
    head: "FeatureAnswers"


class VersionAnswers:
    """The version of a batch, which is loaded in the background. A context manager.

    Args:
        warehouse: A session, not in a transaction.
        store: The pipeline's files.
        batch: What is answered.
        version: Who answers.
        work_path: Where this try of the task may put files below the work stage.
        keep_features: Whether stored features answer, and new ones are stored.
        afterwards: Calls a function in the background, after the warehouse has been told of the images so far.
        turn: A lock that whoever uses the session holds.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        store: FileStore,
        batch: Batch,
        version: int,
        *,
        work_path: str,
        keep_features: bool,
        afterwards: Callable[[Callable[[], None]], None],
        turn: AbstractContextManager[object],
    ) -> None:
        self._warehouse = warehouse
        self._store = store
        self._batch = batch
        self._version = version
        self._work_path = work_path
        self._keeps_features = keep_features
        self._afterwards = afterwards
        self._turn = turn
        self._n_seen_before = 0
        self._writer: FeatureWriter | None = None
        self._is_ready = False
        self._loading: Future[_Loaded] | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._loader = self._stack.enter_context(ThreadPoolExecutor(max_workers=1, thread_name_prefix="model"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def answers(self, part: PreparedPart) -> Iterator[tuple[LocatedImages | DecodedImages, "Predictions"]]:
        """Yield the images of a part, some at a time, with their answers.

        Raises:
            ArtefactError: The version or its files are not there, are not what the ledger says, or expect other pixels.
            ModelError: An answer is not a number.
        """
        if not part.n_images:
            return
        self._loading = self._loading or self._loader.submit(self._load)
        seen, locations, unseen = self._split(part.known)
        yield from self._answered_by_features(seen, locations)
        # As one stream: on its first images it is chosen how all of them are computed, and a few would not be enough.
        for images in in_chunks(chain(self._read(unseen), part.decoded), CHUNK_IMAGES):
            yield images, self._answer(images)
        self._publish()

    @property
    def _loaded(self) -> _Loaded:
        if self._loading is None:
            raise RuntimeError("the version is not being loaded: answer a part first")
        return self._loading.result()

    def _load(self) -> _Loaded:
        # They import torch, which takes seconds.
        from include.models.backbone import Backbone
        from include.models.prediction import Predictor
        from include.models.rescoring import FeatureAnswers
        from include.registry.artefacts import load_version

        with self._turn:
            model = load_version(self._warehouse, self._store, self._version)
        if model.card.preprocessing_digest != preprocessing_digest(self._batch.preprocessing):
            raise ArtefactError(
                f"version {self._version} was trained on other pixels than this batch is prepared as "
                f"({self._batch.size} px): run inference again"
            )
        seeing = _Seeing(Backbone.of_version(model).id, FeatureAnswers(model)) if self._keeps_features else None
        return _Loaded(Predictor(model), seeing)

    def _split(self, known: LocatedImages) -> tuple[LocatedImages, list[RowLocation], LocatedImages]:
        """Return the images of the store whose features are there, where these are, and the other images."""
        found: dict[str, RowLocation] = {}
        if self._keeps_features and known.keys and (seeing := self._loaded.seeing):
            with self._turn:
                found = find_features(
                    self._warehouse, self._store, seeing.backbone, known.contents, work_path=self._work_path
                )
        seen = [place for place, content in enumerate(known.contents) if content in found]
        unseen = [place for place, content in enumerate(known.contents) if content not in found]
        self._n_seen_before += len(seen)
        return known.subset(seen), [found[known.contents[place]] for place in seen], known.subset(unseen)

    def _answered_by_features(
        self, images: LocatedImages, locations: Sequence[RowLocation]
    ) -> Iterator[tuple[LocatedImages, "Predictions"]]:
        seeing = self._loaded.seeing if locations else None
        if seeing is None:
            return
        log.info("version %d has seen %d images before: its features answer them", self._version, len(locations))
        reader = FeatureReader(self._store, locations)
        for places in in_order(len(locations), batch_size=ROWS_IN_FILE):
            yield images.subset(places.tolist()), seeing.head.answer(reader.gather(places))

    def _read(self, known: LocatedImages) -> Iterator[DecodedImages]:
        """Yield images of the store, with their pixels."""
        if not known.keys:
            return
        batches = in_order(len(known.keys), batch_size=CHUNK_IMAGES)
        for places, pixels in zip(batches, gathered(PixelReader(self._store, known.locations), batches), strict=True):
            chunk = known.subset(places.tolist())
            yield DecodedImages(chunk.keys, pixels, chunk.looks, chunk.contents)

    def _answer(self, images: DecodedImages) -> "Predictions":
        """Answer images by the network, and take up what it sees in them."""
        predictor, seeing = self._loaded
        if not self._is_ready:
            n_images = self._batch.n_images - self._n_seen_before
            self._stack.enter_context(predictor.ready(n_images, images.pixels, keep_features=seeing is not None))
            self._is_ready = True
        features = self._seen(images) if self._keeps_features else None
        if seeing is None or features is None:
            return predictor.answer(images.pixels)
        self._writer = self._writer or FeatureWriter(self._store, seeing.backbone)
        self._writer.add(images.contents, features)
        return seeing.head.answer(features)

    def _seen(self, images: DecodedImages) -> NDArray[np.float16] | None:
        """Return what the network sees in images, None if that cannot be kept."""
        from include.models.embedding import as_stored

        try:
            return as_stored(self._loaded.predictor.see(images.pixels))
        except UnstorableFeaturesError as error:
            log.warning("nothing is kept for another version's answers: %s", error)
            self._keeps_features, self._writer = False, None
            return None

    def _publish(self) -> None:
        """Let FEATURES name what was taken up, after PIXELS has named the images."""
        if self._writer is not None:
            self._afterwards(partial(self._published, self._writer))
        self._writer = None

    def _published(self, writer: FeatureWriter) -> None:
        try:
            with self._turn:
                writer.publish(self._warehouse, work_path=self._work_path)
        except ForgottenMeanwhileError as error:
            log.warning("none of these features are kept: %s", error)
