"""What a version says of images that another one has answered. Its answers are looked at and not kept."""

import logging
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from include.catalog.keys import ImageKey
from include.config import PipelineConfig
from include.drift.statistics.window import MAX_FEATURES, WindowCounts
from include.errors import FetchError, ModelError
from include.models.baseline import STATISTIC_EDGES, count_confidences, evenly_spread
from include.registry.ledger import read_version
from include.store.batches import Batch, write_batches
from include.store.files import FileStore
from include.store.findings import ImageLook
from include.store.pixels import PixelReader, is_whole
from include.store.preparation import LocatedImages, locate_batch, prepare_batch
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)

MAX_IMAGES = 2048
"""The most images that are answered again: enough for the narrowest threshold."""


class SecondAnswers(NamedTuple):
    """A version's answers to those of the images that can be read, in a fixed order."""

    keys: tuple[ImageKey, ...]
    labels: tuple[str, ...]
    confidences: NDArray[np.float32]
    """[n]."""
    features: NDArray[np.float32]
    """[n, n_features]; [n, 0]: the version gives none."""
    looks: tuple[ImageLook, ...]
    """What each image looks like, prepared for this version."""
    classes: tuple[str, ...]
    """Of the version."""

    def of(self, places: Sequence[int]) -> "SecondAnswers":
        """Return some of them.

        Args:
            places: Which, in increasing order.
        """
        return SecondAnswers(
            keys=tuple(self.keys[place] for place in places),
            labels=tuple(self.labels[place] for place in places),
            confidences=self.confidences[list(places)],
            features=self.features[list(places)],
            looks=tuple(self.looks[place] for place in places),
            classes=self.classes,
        )

    @property
    def counts(self) -> WindowCounts:
        """The answers as a window, in the bins of `CONFIDENCE_EDGES` and `STATISTIC_EDGES`."""
        return WindowCounts(
            counts_by_class=count_confidences(self.confidences, self.labels, classes=self.classes),
            image_statistics={
                name: _binned([getattr(look, name) for look in self.looks], edges)
                for name, edges in STATISTIC_EDGES.items()
            },
            features=self.features[evenly_spread(len(self.keys), at_most=MAX_FEATURES)],
        )


def ask_version(
    warehouse: Warehouse,
    store: FileStore,
    config: PipelineConfig,
    keys: Sequence[ImageKey],
    *,
    version: int,
    run_id: str,
    work_path: str,
) -> SecondAnswers | None:
    """Let a version answer images, prepared as its card says.

    What cannot be fetched or decoded is left out.

    Args:
        warehouse: A session, not in a transaction.
        store: The pipeline's files.
        config: The run's config.
        keys: The images, at most `MAX_IMAGES`.
        version: The version that is asked.
        run_id: The run that asks.
        work_path: Where this try of the task may put files below the work stage.

    Returns:
        None: none of the images can be read any more, or the version cannot answer; the log says why.

    Raises:
        ArtefactError: There is no such version.
    """
    started = time.monotonic()
    preprocessing = read_version(warehouse, version).config.preprocessing
    if not keys:
        return None
    [batch] = write_batches(store, [sorted(keys)], preprocessing=preprocessing, version=version)
    try:
        prepare_batch(warehouse, store, batch, stages=config.stages, run_id=run_id, work_path=work_path)
    except FetchError as error:
        log.warning("the images of the window that are not prepared for version %d are left out: %s", version, error)
    located = _readable(warehouse, store, batch, work_path=work_path)
    if not located.keys:
        log.warning("version %d is not asked: none of %d images of the window can be read", version, len(keys))
        return None
    try:
        answers = _answer(warehouse, store, located, version=version)
    except ModelError as error:
        log.warning("version %d cannot answer: %s", version, error)
        return None
    seconds = time.monotonic() - started
    log.info("version %d answered %d of %d images in %.1f s", version, len(located.keys), len(keys), seconds)
    return answers


def _readable(warehouse: Warehouse, store: FileStore, batch: Batch, *, work_path: str) -> LocatedImages:
    """Return where the pixels lie; those of a lost segment, whose images could not be fetched again, lie nowhere."""
    located = locate_batch(warehouse, store, batch, work_path=work_path)
    whole = {segment for segment in {location.segment for location in located.locations} if is_whole(store, segment)}
    places = [place for place, location in enumerate(located.locations) if location.segment in whole]
    return LocatedImages(
        keys=tuple(located.keys[place] for place in places),
        locations=tuple(located.locations[place] for place in places),
        looks=tuple(located.looks[place] for place in places),
        contents=tuple(located.contents[place] for place in places),
    )


def _answer(warehouse: Warehouse, store: FileStore, located: LocatedImages, *, version: int) -> SecondAnswers:
    # These import torch, which a check does without as long as it has nobody to ask.
    from include.models.prediction import Predictor
    from include.registry.artefacts import load_version

    model = load_version(warehouse, store, version)
    answers = Predictor(model).predict(PixelReader(store, located.locations))
    return SecondAnswers(
        keys=located.keys,
        labels=answers.labels,
        confidences=answers.confidences,
        features=answers.features,
        looks=located.looks,
        classes=model.card.classes,
    )


def _binned(values: Sequence[float], edges: Sequence[float]) -> tuple[int, ...]:
    """Count values in bins; what lies above the last edge, or on it, is in the last bin."""
    bins = np.minimum(np.searchsorted(edges, values, side="right"), len(edges) - 1) - 1
    return tuple(np.bincount(bins, minlength=len(edges) - 1).tolist())
