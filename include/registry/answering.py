"""A version's answers to a batch of images, as a file that the commit takes up."""

import json
import logging
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from include.catalog.forgotten import read_forgotten
from include.errors import ArtefactError
from include.images.preprocessing import preprocessing_digest
from include.models.baseline import rounded_features
from include.models.embedding import FeatureSource
from include.models.prediction import Predictions
from include.models.rescoring import answer_images
from include.registry.artefacts import load_version
from include.store.batches import Batch
from include.store.files import FileStore, sha256_of_file
from include.store.pixels import PixelReader
from include.store.preparation import LocatedImages, locate_batch
from include.warehouse.loading import LOADED_PREDICTIONS, write_rows
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)


class Answers(NamedTuple):
    """A reference to answers in the store."""

    path: str
    """A Parquet file with the columns of `LOADED_PREDICTIONS`, below the store's root."""
    n_images: int


def answer_batch(
    warehouse: Warehouse, store: FileStore, batch: Batch, *, work_path: str, keep_features: bool = True
) -> Answers:
    """Classify the readable images of a prepared batch with the version that it names.

    Preprocessing, classes and temperature come from that version's card, never from the pipeline file.

    Args:
        warehouse: A session, not in a transaction.
        store: The pipeline's files, with the batch's pixels.
        batch: The images, and the version that is to answer.
        work_path: Where this try of the task may put files below the work stage.
        keep_features: Whether images whose features are in the store are answered by these, and those of the others
            are kept there (`inference.keep_features`).

    Raises:
        ArtefactError: The version or its files are not there, are not what the ledger says, or expect other pixels.
    """
    started = time.monotonic()
    if batch.version is None:
        raise ArtefactError(f"batch {batch.path} names no version that is to answer it")
    model = load_version(warehouse, store, batch.version)
    if model.card.preprocessing_digest != preprocessing_digest(batch.preprocessing):
        raise ArtefactError(
            f"version {batch.version} was trained on other pixels than this batch was prepared as ({batch.size} px): "
            "run inference again"
        )
    located = locate_batch(warehouse, store, batch, work_path=work_path)
    source = FeatureSource(warehouse, store, work_path=work_path) if keep_features else None
    rows: list[tuple[object, ...]] = []
    if located.keys:
        answers = answer_images(model, located.contents, partial(_pixels_at, store, located), source=source)
        rows = _rows(batch.version, located, answers)
    forgotten = read_forgotten(warehouse)  # after the minutes that this took: the file names what it answers
    rows = [row for key, row in zip(located.keys, rows, strict=True) if not forgotten.covers(key, None)]
    path = _write(store, rows)
    seconds = time.monotonic() - started
    log.info(
        "version %d answered %d of %d images in %.1f s (%d are quarantined or could not be fetched)",
        batch.version,
        len(rows),
        batch.n_images,
        seconds,
        batch.n_images - len(rows),
    )
    return Answers(path, len(rows))


def _pixels_at(store: FileStore, located: LocatedImages, places: NDArray[np.int64]) -> PixelReader:
    return PixelReader(store, [located.locations[place] for place in places])


def _write(store: FileStore, rows: Sequence[tuple[object, ...]]) -> str:
    """Write answers to a file that is named by its digest, and return its name."""
    with tempfile.TemporaryDirectory(prefix="driftgate-") as folder:
        file = Path(folder) / "answers.parquet"
        write_rows(file, LOADED_PREDICTIONS, rows)
        path = f"answers/{sha256_of_file(file)}.parquet"
        store.write(path, file.read_bytes())
    return path


def _rows(version: int, located: LocatedImages, answers: Predictions) -> list[tuple[object, ...]]:
    now = datetime.now(UTC).replace(tzinfo=None)
    return [
        (*key, version, label, float(confidence), json.dumps(scores.tolist()), now, *look, _features(features))
        for key, look, label, confidence, scores, features in zip(
            located.keys,
            located.looks,
            answers.labels,
            answers.confidences,
            answers.scores,
            answers.features,
            strict=True,
        )
    ]


def _features(features: NDArray[np.float32]) -> str | None:
    """Return an image's features as JSON; None: the version gives none."""
    return json.dumps(rounded_features(features), separators=(",", ":")) if features.size else None
