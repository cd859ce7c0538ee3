"""What people had erased: the catalog keeps digests of it, so that nothing takes it up again.

An image is forgotten if it is the version, or has the content, that was erased at its place (stage and path), or if it
has the content of an image that was erased without keeping its copies, wherever it lies. While it is staged, it has a
row in QUARANTINE, which keeps it from being decoded, answered and trained on.
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from include.catalog.keys import ImageKey
from include.errors import ForgottenMeanwhileError
from include.warehouse.session import Warehouse

REASON = "forgotten on request"
"""What QUARANTINE says of such an image."""


class ForgottenVersion(NamedTuple):
    """A row of FORGOTTEN: a version of an image that was erased."""

    place_sha256: str
    etag: str
    content_sha256: str | None
    """None: the image had never been read."""
    copies_kept: bool
    """Whether images with the same content at other places are used on."""
    run_id: str
    """The request, in RUNS."""
    forgotten_at: datetime
    is_unfinished: bool
    """Whether the request was interrupted, or is under way."""


class Forgotten:
    """The images that were erased.

    Args:
        versions: All rows of FORGOTTEN.
    """

    def __init__(self, versions: Sequence[ForgottenVersion]) -> None:
        self.versions = tuple(versions)
        self._etags = {(version.place_sha256, version.etag) for version in versions}
        self._contents = {(version.place_sha256, version.content_sha256) for version in versions}
        self._anywhere = {version.content_sha256 for version in versions if not version.copies_kept} - {None}

    def covers(self, key: ImageKey, content_sha256: str | None) -> bool:
        """Whether an image was erased, under this key or as this content (None: not known)."""
        if not self.versions:
            return False
        place = place_sha256(key.stage, key.relative_path)
        return (
            (place, key.etag) in self._etags
            or content_sha256 in self._anywhere
            or (content_sha256 is not None and (place, content_sha256) in self._contents)
        )

    def at(self, stage: str, relative_path: str) -> tuple[ForgottenVersion, ...]:
        """Return the versions that were erased at a place, in the order of the requests."""
        place = place_sha256(stage, relative_path)
        return tuple(version for version in self.versions if version.place_sha256 == place)


def place_sha256(stage: str, relative_path: str) -> str:
    """Return the digest that stands for a place; a stage's name has no slash."""
    return hashlib.sha256(f"{stage}/{relative_path}".encode()).hexdigest()


def read_forgotten(warehouse: Warehouse) -> Forgotten:
    """Return what was erased, all of it: few people ask."""
    return Forgotten(warehouse.fetch("retention/select_forgotten", ForgottenVersion))


def quarantine_forgotten(warehouse: Warehouse) -> None:
    """Quarantine the live images that were erased; to be called in a transaction that is alone."""
    if read_forgotten(warehouse).versions:
        warehouse.run("retention/quarantine_forgotten", reason=REASON)


def refuse_forgotten(warehouse: Warehouse, images: Iterable[tuple[ImageKey, str | None]]) -> None:
    """Stop a transaction that is alone from writing images, given with their content, that were erased meanwhile.

    Raises:
        ForgottenMeanwhileError: One of them was.
    """
    forgotten = read_forgotten(warehouse)
    n_erased = sum(forgotten.covers(key, content) for key, content in images) if forgotten.versions else 0
    if n_erased:
        raise ForgottenMeanwhileError(f"{n_erased} of these images were forgotten on request meanwhile; try again")
