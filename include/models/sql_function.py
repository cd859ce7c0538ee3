"""The handler of the function that SQL calls: scoped URLs in, answers out.

It runs inside the warehouse, from a zip of this project and the files of one version, with the packages that the
function names and nothing else: no Airflow, no configuration, no connection. What it imports is what the tasks use, so
a file has the same pixels, and the pixels the same answer, here and there.
"""

import re
import sys
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from snowflake.snowpark.files import SnowflakeFile

from include.errors import ArtefactError, UnreadableImageError
from include.images.decode import decode
from include.images.limits import MAX_BYTES
from include.models.answers import calibrated
from include.models.artefact import LoadedModel, load
from include.models.network import FromPixels, SplitNetwork, as_tensor

MAX_BATCH: Final = 64
"""Images in one call: Snowflake ends a call after three minutes, which so many take on no network and no warehouse."""

_PREFIX = re.compile(r"v(?P<version>\d+)_(?P<card_sha256>[0-9a-f]{64})_")


class _Unread(NamedTuple):
    """Why there is no answer to a file."""

    reason: str


def classify(batch: pd.DataFrame) -> pd.Series:
    """Answer files.

    Args:
        batch: The arguments of each row: a scoped URL, or null, and the prefix of the model's files.

    Returns:
        For each row an object with `label`, `confidence` and `version`; with `version` and `error`, if the file is not
        there or is no image that can be decoded: one bad file must not end a query over all. Null for null.

    Raises:
        ArtefactError: The model's files are not those that the function was made for.
    """
    folder = Path(sys._xoptions["snowflake_import_directory"])
    answers: list[dict[str, Any] | None] = [None] * len(batch)
    for prefix, rows in batch.groupby(1).groups.items():
        places = batch.index.get_indexer(rows)
        classifier = load_classifier(folder, str(prefix))
        for place, answer in zip(places, classifier.answers(list(batch[0].loc[rows])), strict=True):
            answers[place] = answer
    return pd.Series(answers, dtype=object)


# Read by Snowflake; the decorator that sets them is in a module that is nowhere else.
classify._sf_vectorized_input = pd.DataFrame  # type: ignore[attr-defined]
classify._sf_max_batch_size = MAX_BATCH  # type: ignore[attr-defined]


@cache
def load_classifier(folder: Path, prefix: str) -> "Classifier":
    """Load a model, once for a process.

    Args:
        folder: Where its files are.
        prefix: What their names begin with.

    Raises:
        ArtefactError: There are no such files, or they are not what the prefix says.
    """
    found = _PREFIX.fullmatch(prefix)
    if not found:
        raise ArtefactError(f"{prefix!r} does not name the files of a model: v<version>_<SHA-256 of its card>_")
    return Classifier(load(folder, sha256=found["card_sha256"], prefix=prefix), version=int(found["version"]))


class Classifier:
    """A version, ready to answer."""

    def __init__(self, loaded: LoadedModel, *, version: int) -> None:
        card = loaded.card
        self._card = card
        self._version = version
        self._network = FromPixels(SplitNetwork(loaded.model), card.normalisation).eval()

    def answers(self, urls: list[str | None]) -> list[dict[str, Any] | None]:
        """Return for each URL what `classify` does."""
        read = [None if url is None else self._read(url) for url in urls]
        pixels = [image for image in read if isinstance(image, np.ndarray)]
        classified = iter(self._classified(np.stack(pixels)) if pixels else ())
        return [
            {"version": self._version, "error": image.reason}
            if isinstance(image, _Unread)
            else (None if image is None else next(classified))
            for image in read
        ]

    def _read(self, url: str) -> NDArray[np.uint8] | _Unread:
        """Return the pixels of a file, [size, size, 3]."""
        preprocessing = self._card.preprocessing
        try:
            with SnowflakeFile.open(url, "rb") as file:
                content = bytes(file.read(MAX_BYTES + 1))
        except Exception as error:  # noqa: BLE001 - which types Snowflake raises for a file that is gone is not documented
            return _Unread(f"cannot be read: {error}")
        try:
            return decode(content, size=preprocessing.size, jpeg_detail=preprocessing.jpeg_detail).pixels
        except UnreadableImageError as error:
            return _Unread(str(error))

    def _classified(self, pixels: NDArray[np.uint8]) -> list[dict[str, Any]]:
        with torch.no_grad():
            logits, _ = self._network(as_tensor(pixels))
        predictions = calibrated(self._card, logits.numpy(), features=None)
        return [
            {"label": label, "confidence": float(confidence), "version": self._version}
            for label, confidence in zip(predictions.labels, predictions.confidences, strict=True)
        ]
