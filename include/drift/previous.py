"""What the previous version says of the window that the champion is not at home with."""

import logging
import time
from collections.abc import Sequence
from typing import NamedTuple

from include.catalog.keys import ImageKey
from include.config import PipelineConfig
from include.errors import FetchError, ModelError
from include.models.baseline import count_confidences
from include.registry.ledger import read_version
from include.store.batches import Batch, write_batches
from include.store.files import FileStore
from include.store.pixels import PixelLocation, PixelReader, is_whole
from include.store.preparation import SEGMENT_IMAGES, locate_batch, prepare_batch
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)

MAX_IMAGES = SEGMENT_IMAGES
"""The most images of a window that are answered again: all in one segment, enough for the narrowest threshold."""


class WindowRange(NamedTuple):
    """The answers that a check looks at."""

    version: int
    """The champion that gave them."""
    first_commit_seq: int
    last_commit_seq: int


def previous_on_window(
    warehouse: Warehouse,
    store: FileStore,
    config: PipelineConfig,
    *,
    version: int,
    window: WindowRange,
    run_id: str,
    work_path: str,
) -> dict[str, tuple[int, ...]]:
    """Return how another version answers the images of a window, as counts; its answers are not kept.

    The images are prepared as that version's card says, as far as they are not. What cannot be fetched or decoded is
    left out. Of a large window a sample is taken, the same one in each try.

    Args:
        warehouse: A session, not in a transaction.
        store: The pipeline's files.
        config: The run's config.
        version: The version that is asked.
        window: The images, by the champion's answers to them.
        run_id: The run that asks.
        work_path: Where this try of the task may put files below the work stage.

    Returns:
        For every class of that version the images that are given it, in each bin of `CONFIDENCE_EDGES`. Empty: none of
        the images can be read any more, or the version cannot answer (the log says why); it is then no version to go
        back to.

    Raises:
        ArtefactError: There is no such version.
    """
    started = time.monotonic()
    preprocessing = read_version(warehouse, version).config.preprocessing
    keys = _window_keys(warehouse, window)
    if not keys:
        return {}
    [batch] = write_batches(store, [keys], preprocessing=preprocessing, version=version)
    try:
        prepare_batch(warehouse, store, batch, stages=config.stages, run_id=run_id, work_path=work_path)
    except FetchError as error:
        log.warning("the images of the window that are not prepared for version %d are left out: %s", version, error)
    locations = _readable(warehouse, store, batch, work_path=work_path)
    if not locations:
        log.warning("version %d is not asked: none of %d images of the window can be read", version, len(keys))
        return {}
    try:
        counts = _answer(warehouse, store, locations, version=version)
    except ModelError as error:
        log.warning("version %d cannot answer: %s", version, error)
        return {}
    seconds = time.monotonic() - started
    log.info("version %d answered %d of %d images in %.1f s", version, len(locations), len(keys), seconds)
    return counts


def _window_keys(warehouse: Warehouse, window: WindowRange) -> list[ImageKey]:
    keys = warehouse.fetch("drift/select_window_keys", ImageKey, n_images=MAX_IMAGES, **window._asdict())
    return sorted(keys)


def _readable(warehouse: Warehouse, store: FileStore, batch: Batch, *, work_path: str) -> list[PixelLocation]:
    """Return where the pixels lie; those of a lost segment, whose images could not be fetched again, lie nowhere."""
    locations = locate_batch(warehouse, store, batch, work_path=work_path).locations
    whole = {segment for segment in {location.segment for location in locations} if is_whole(store, segment)}
    return [location for location in locations if location.segment in whole]


def _answer(
    warehouse: Warehouse, store: FileStore, locations: Sequence[PixelLocation], *, version: int
) -> dict[str, tuple[int, ...]]:
    # These import torch, which a check does without as long as it has nobody to ask.
    from include.models.prediction import Predictor
    from include.registry.artefacts import load_version

    model = load_version(warehouse, store, version)
    answers = Predictor(model).predict(PixelReader(store, locations))
    return count_confidences(answers.confidences, answers.labels, classes=model.card.classes)
