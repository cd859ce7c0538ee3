"""The feature store: what a network's backbone sees in images, kept beside their pixels.

Features are the outputs of the penultimate layer, which the last one makes logits of: float16 [n, width], in files like
the segments of pixels (see `tensor_rows`). The table FEATURES says which content has which row of which file, for each
backbone. A file that is lost, torn or foreign costs a warning: what was in it is embedded again.
"""

import logging
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from include.errors import ForgottenMeanwhileError, MissingFeaturesError
from include.store.files import FileStore
from include.store.tensor_rows import RowFile, RowKind, RowLocation, RowReader, find_rows, write_rows_file
from include.warehouse.loading import LOADED_FEATURES, loaded_rows
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)

FEATURES = "features"
"""The folder of the files."""
ROWS_IN_FILE = 2048
"""The most images in one file, and in memory at once while they are written."""

_BACKBONE = "backbone_digest"
_KIND = RowKind(
    folder=FEATURES,
    tensor="features",
    dtype="F16",
    rows="features",
    allows=lambda shape: len(shape) == 2 and min(shape) > 0,
    describe=lambda shape: f"{shape[0]} numbers",
    missing=MissingFeaturesError,
)


class BackboneId(NamedTuple):
    """What features are of."""

    preprocessing_digest: str
    backbone_digest: str
    """Of all that leads from an image to its features (`include.models.backbone`)."""
    width: int
    """How many numbers describe an image."""


class _Place(NamedTuple):
    content_sha256: str
    segment: str
    segment_row: int


class _Count(NamedTuple):
    n_contents: int


class FeatureReader:
    """Features of images, read by their place.

    Args:
        store: Where the files are.
        locations: Where the features of each image are, at least one.

    Raises:
        MissingFeaturesError: A file is missing or torn.
        StoreError: A row is not in its file, or the features are of different widths.
    """

    def __init__(self, store: FileStore, locations: Sequence[RowLocation]) -> None:
        self._reader = RowReader(store, _KIND, locations)

    def __len__(self) -> int:
        return len(self._reader)

    @property
    def width(self) -> int:
        """How many numbers describe an image."""
        return self._reader.row_shape[0]

    def gather(self, indices: NDArray[np.int64]) -> NDArray[np.float16]:
        """Return the features of the images at these places, in this order: [len(indices), width].

        Raises:
            MissingFeaturesError: A file has become shorter since, or has gone.
            StoreError: It cannot be read.
        """
        features: NDArray[np.float16] = self._reader.gather(indices)
        return features


def find_features(
    warehouse: Warehouse, store: FileStore, backbone: BackboneId, contents: Iterable[str], *, work_path: str
) -> dict[str, RowLocation]:
    """Return where features lie, for those of some contents that have any.

    What is in a file that is lost, torn, or of another backbone or width counts as not there, with a warning.

    Args:
        warehouse: A session, not in a transaction.
        store: The pipeline's files.
        backbone: What they are to be of.
        contents: SHA-256 of images' files.
        work_path: Where the caller may put files below the work stage.

    Raises:
        StoreError: The store cannot be read.
    """
    rows = [(content, None, None) for content in sorted(set(contents))]
    if not rows:
        return {}
    with loaded_rows(warehouse, LOADED_FEATURES, rows, work_path=work_path):
        places = warehouse.fetch(
            "features/locate_loaded_features",
            _Place,
            preprocessing_digest=backbone.preprocessing_digest,
            backbone_digest=backbone.backbone_digest,
        )
    n_rows = {name: _n_rows(store, backbone, name) for name in sorted({place.segment for place in places})}
    return {
        place.content_sha256: RowLocation(place.segment, place.segment_row)
        for place in places
        if place.segment_row < n_rows[place.segment]
    }


def _n_rows(store: FileStore, backbone: BackboneId, name: str) -> int:
    """Return how many rows of a file can be used."""
    try:
        return _of_backbone(find_rows(store, _KIND, name), backbone).shape[0]
    except MissingFeaturesError as error:
        log.warning("%s", error)
        return 0


def _of_backbone(file: RowFile, backbone: BackboneId) -> RowFile:
    if file.row_shape != (backbone.width,):
        raise MissingFeaturesError(
            file.name, f"foreign (it holds {file.row_shape[0]} numbers an image, {backbone.width} are needed)"
        )
    if file.metadata.get(_BACKBONE) != backbone.backbone_digest:
        raise MissingFeaturesError(file.name, "foreign (it is of another network)")
    return file


def write_features(
    store: FileStore, backbone: BackboneId, features: NDArray[np.float16], *, content_digests: Sequence[str]
) -> str:
    """Write a file of features and return its name, which says what is in it.

    It is written again, if it is there: its age says how long nobody has needed it.

    Args:
        store: Where it is written.
        backbone: What they are of.
        features: [n, width], at least one image.
        content_digests: The SHA-256 of each image's file, in the order of the features.

    Raises:
        StoreError: It cannot be written.
    """
    if features.dtype != np.float16 or features.shape != (len(content_digests), backbone.width) or not len(features):
        raise ValueError(f"{len(content_digests)} digests do not go with features {features.dtype} {features.shape}")
    name = _KIND.name([backbone.backbone_digest, *content_digests])
    write_rows_file(store, _KIND, name, features, metadata={_BACKBONE: backbone.backbone_digest})
    return name


class FeatureWriter:
    """Takes up features as they come, writes them to files, and then lets FEATURES name all of them at once.

    Args:
        store: The pipeline's files.
        backbone: What the features are of.
    """

    def __init__(self, store: FileStore, backbone: BackboneId) -> None:
        self._store = store
        self._backbone = backbone
        self._buffer = np.empty((ROWS_IN_FILE, backbone.width), dtype=np.float16)
        self._waiting: list[str] = []
        self._locations: dict[str, RowLocation] = {}

    def add(self, contents: Sequence[str], features: NDArray[np.float16]) -> None:
        """Take up the features [n, width] of n contents; of equal ones the first is kept.

        Raises:
            StoreError: A file cannot be written.
        """
        for content, row in zip(contents, features, strict=True):
            if content in self._locations:
                continue
            self._buffer[len(self._waiting)] = row
            self._locations[content] = RowLocation("", len(self._waiting))
            self._waiting.append(content)
            if len(self._waiting) == ROWS_IN_FILE:
                self._flush()

    def publish(self, warehouse: Warehouse, *, work_path: str) -> None:
        """Let FEATURES name what was taken up.

        Args:
            warehouse: A session, not in a transaction.
            work_path: Where the caller may put files below the work stage.

        Raises:
            StoreError: A file cannot be written.
            ForgottenMeanwhileError: One of the images was forgotten on request meanwhile; what was written is deleted.
        """
        self._flush()
        if not self._locations:
            return
        rows = [(content, *location) for content, location in self._locations.items()]
        try:
            with loaded_rows(warehouse, LOADED_FEATURES, rows, work_path=work_path):
                warehouse.alone(lambda: self._merge(warehouse))
        except ForgottenMeanwhileError:
            for name in {location.segment for location in self._locations.values()}:
                self._store.delete(name)
            raise

    def _merge(self, warehouse: Warehouse) -> None:
        digest = self._backbone.preprocessing_digest
        # Whoever erases an image erases its pixels, in a transaction that is alone, too.
        [count] = warehouse.fetch("features/count_without_pixels", _Count, preprocessing_digest=digest)
        if count.n_contents:
            raise ForgottenMeanwhileError(
                f"{count.n_contents} of these images have no pixels any more, as they were forgotten on request or "
                "pruned meanwhile; try again"
            )
        warehouse.run(
            "features/merge_features",
            preprocessing_digest=digest,
            backbone_digest=self._backbone.backbone_digest,
        )

    def _flush(self) -> None:
        contents = self._waiting
        if not contents:
            return
        name = write_features(self._store, self._backbone, self._buffer[: len(contents)], content_digests=contents)
        self._locations.update((content, RowLocation(name, row)) for row, content in enumerate(contents))
        self._waiting = []
