"""The images that people were asked to label: rows of LABEL_REQUESTS."""

from datetime import datetime
from typing import Literal, NamedTuple

from include.catalog.keys import ImageKey
from include.warehouse.session import Warehouse

RequestKind = Literal["random", "informative"]
"""How an image was picked; the SOURCE of its label."""

RANDOM: RequestKind = "random"
"""A sample of the window: what its labels say is true of the window."""
INFORMATIVE: RequestKind = "informative"
"""One that the version is unsure of or has seen nothing like: more is wrong among these than in the window, so their
labels are trained on and never measured with."""


class LabelRequest(NamedTuple):
    """An image that people were asked to label."""

    check_id: str
    """The drift check that asked."""
    stage: str
    relative_path: str
    etag: str
    version: int
    """The champion that was checked; the answer is its own."""
    kind: RequestKind
    type: str
    """The predicted class."""
    confidence: float
    novelty: float | None
    """How far it is from the images that the version was accepted on; 1: as far as those from each other."""
    place: int
    """Its number in the check's list, from 1 on."""
    requested_at: datetime
    """UTC."""
    is_live: bool
    """Whether this version of the file is still there."""

    @property
    def key(self) -> ImageKey:
        """What names the image."""
        return ImageKey(self.stage, self.relative_path, self.etag)


def read_requests(warehouse: Warehouse, check_id: str) -> list[LabelRequest]:
    """Return what a check has asked people to label, in the order of the list; nothing if it has not asked."""
    return warehouse.fetch("labels/select_requests", LabelRequest, check_id=check_id)


def open_requests(warehouse: Warehouse) -> list[LabelRequest]:
    """Return the requests that wait for a label: those of the latest check first, each in the order of its list."""
    return warehouse.fetch("labels/select_open_requests", LabelRequest)
