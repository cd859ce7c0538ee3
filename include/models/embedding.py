"""What a backbone sees in images: from the feature store as far as it is there, from the network for the rest."""

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import nn

from include.errors import ForgottenMeanwhileError, UnstorableFeaturesError
from include.models.backbone import Backbone
from include.models.prediction import predict_outputs
from include.store.backbone_features import FeatureReader, FeatureWriter, find_features
from include.store.dataset import LabelledImages
from include.store.files import FileStore
from include.store.pixels import ImageSource
from include.store.tensor_rows import RowLocation
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)

_AT_ONCE = 2048
"""Images whose stored features are in memory at a time."""

Places = NDArray[np.int64]
See = Callable[[Places, NDArray[np.float16]], None]
"""Takes the features [b, width] of the images at some places [b]."""


class FeatureSource:
    """Features of any images of a pipeline; no image goes through the same backbone twice.

    Args:
        warehouse: A session, not in a transaction.
        store: The pipeline's files.
        work_path: Where this try of the task may put files below the work stage.
    """

    def __init__(self, warehouse: Warehouse, store: FileStore, *, work_path: str) -> None:
        self._warehouse = warehouse
        self._store = store
        self._work_path = work_path

    def embed(self, backbone: Backbone, images: LabelledImages) -> NDArray[np.float16]:
        """Return the features [n, width] of one side of a data set, in its order: two bytes a number in memory.

        Raises:
            As `visit`.
        """
        features = np.empty((len(images.content_digests), backbone.id.width), dtype=np.float16)

        def see(places: Places, seen: NDArray[np.float16]) -> None:
            features[places] = seen

        self.visit(backbone, images.content_digests, lambda places: images.subset(places).images, see)
        return features

    def visit(
        self, backbone: Backbone, contents: Sequence[str], images_at: Callable[[Places], ImageSource], see: See
    ) -> None:
        """Show the features of all images, block by block: first what the store holds, then what the network says.

        What goes through the network is written to the store and then named in FEATURES, all of it at once. Whoever is
        interrupted has left files without a name, which the next try writes again.

        Args:
            backbone: What looks at them. Its network is left in evaluation mode.
            contents: The SHA-256 of each image's file.
            images_at: Gives the images at these places of `contents`; it is asked for those that are missing.
            see: Is given each place once.

        Raises:
            UnstorableFeaturesError: A feature is no finite float16.
            MissingFeaturesError: A file of features has gone meanwhile; try again.
            StoreError: A file cannot be read or written.
        """
        started = time.monotonic()
        known = find_features(self._warehouse, self._store, backbone.id, contents, work_path=self._work_path)
        self._see_known(contents, known, see)
        missing: dict[str, list[int]] = defaultdict(list)
        for place, content in enumerate(contents):
            if content not in known:
                missing[content].append(place)
        if missing:
            self._see_missing(backbone, missing, images_at, see)
        n_images, n_missing = len(contents), len(missing)
        log.info("saw %d images, %d of them anew, in %.1f s", n_images, n_missing, time.monotonic() - started)

    def _see_known(self, contents: Sequence[str], known: Mapping[str, RowLocation], see: See) -> None:
        places = np.array([place for place, content in enumerate(contents) if content in known], dtype=np.int64)
        if not len(places):
            return
        reader = FeatureReader(self._store, [known[contents[place]] for place in places])
        for start in range(0, len(places), _AT_ONCE):
            block = np.arange(start, min(start + _AT_ONCE, len(places)), dtype=np.int64)
            see(places[block], reader.gather(block))

    def _see_missing(
        self,
        backbone: Backbone,
        missing: Mapping[str, Sequence[int]],
        images_at: Callable[[Places], ImageSource],
        see: See,
    ) -> None:
        """Send each content that is missing, given with its places, through the network once."""
        contents = list(missing)
        writer = FeatureWriter(self._store, backbone.id)
        n_seen = 0

        def keep(outputs: NDArray[np.float32]) -> NDArray[np.float32]:
            nonlocal n_seen
            features, batch = as_stored(outputs), contents[n_seen : n_seen + len(outputs)]
            n_seen += len(batch)
            writer.add(batch, features)
            rows = [row for row, content in enumerate(batch) for _ in missing[content]]
            see(np.array([place for content in batch for place in missing[content]], dtype=np.int64), features[rows])
            return outputs[:, :0]

        images = images_at(np.array([places[0] for places in missing.values()], dtype=np.int64))
        predict_outputs(backbone.model, images, reduce=keep, normalisation=backbone.normalisation)
        try:
            writer.publish(self._warehouse, work_path=self._work_path)
        except ForgottenMeanwhileError as error:
            log.warning("none of these features are kept: %s", error)


class StoredFeatures:
    """A `FeatureSource` for images that are all prepared in one way, and networks of one architecture.

    Args:
        source: Where features come from and go to.
        architecture: The networks'.
        preprocessing_digest: The images'.
    """

    def __init__(self, source: FeatureSource, *, architecture: str, preprocessing_digest: str) -> None:
        self._source = source
        self._architecture = architecture
        self._preprocessing_digest = preprocessing_digest

    def embed(self, model: nn.Module, images: LabelledImages) -> NDArray[np.float16]:
        """Return what goes into a model's last linear layer, [n_images, n_outputs]; see `FeatureSource.visit`."""
        backbone = Backbone.of(model, architecture=self._architecture, preprocessing_digest=self._preprocessing_digest)
        return self._source.embed(backbone, images)


def as_stored(outputs: NDArray[np.float32]) -> NDArray[np.float16]:
    """Return the penultimate layer's outputs [n, width] as the feature store keeps them.

    Raises:
        UnstorableFeaturesError: One is not a number, or too large.
    """
    with np.errstate(over="ignore"):
        features = outputs.astype(np.float16)
    if not np.isfinite(features).all():
        raise UnstorableFeaturesError(
            "what the network's penultimate layer says of some images is no number or beyond float16 "
            f"({np.finfo(np.float16).max:g}): it cannot be kept"
        )
    return features
