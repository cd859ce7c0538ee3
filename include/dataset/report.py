"""The report of a data set: what was found in it, as figures; `page` shows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from include.dataset.advice import Advice, Found, advise
from include.dataset.classes import Balance, ClassRow, balance_of, class_rows
from include.dataset.duplicates import Group, near_duplicates, same_files
from include.dataset.images import NEW, LookedAt
from include.dataset.outliers import Outliers, find_outliers


class UnreadableFile(NamedTuple):
    """A file that cannot be decoded."""

    path: str
    side: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class DatasetReport:
    """What was found in a data set. Places are those of its images."""

    n_labelled: int
    """Readable or not."""
    n_new: int
    n_compared: int
    """How many different images near-duplicates were looked for among."""
    n_contents: int
    """How many different readable images there are."""
    classes: Sequence[ClassRow]
    """The largest first."""
    balance: Balance | None
    """None: nothing has a class."""
    same: Sequence[Group]
    near: Sequence[Group]
    outliers: Sequence[Outliers]
    unreadable: Sequence[UnreadableFile]
    advice: Sequence[Advice]

    @property
    def n_images(self) -> int:
        """How many images there are, readable or not."""
        return self.n_labelled + self.n_new

    def to_json(self) -> dict[str, object]:
        """Return the figures for programs, without what only a person looks at."""
        return {
            "n_labelled": self.n_labelled,
            "n_new": self.n_new,
            "n_unreadable": len(self.unreadable),
            "n_copies": sum(len(group.places) - 1 for group in self.same),
            "n_near_duplicates": sum(len(group.places) - 1 for group in self.near),
            "classes": {row.label: row.n_images for row in self.classes},
            "imbalance": None if self.balance is None else self.balance._asdict(),
            "outliers": {outliers.title: len(outliers.places) for outliers in self.outliers},
            "advice": [advice._asdict() for advice in self.advice],
        }


def report_on(found: LookedAt) -> DatasetReport:
    """Return the report of a data set."""
    images = found.images
    classes = class_rows(images)
    n_readable = sum(row.n_images for row in classes)
    balance = balance_of(classes) if n_readable else None
    same, near = same_files(images), near_duplicates(images, found.fingerprints)
    outliers = find_outliers(images)
    unreadable = [
        UnreadableFile(image.path, image.side, image.reason or "its pixels are no longer in the store")
        for image in images
        if image.statistics is None
    ]
    n_new = sum(image.side == NEW for image in images)
    readable = {image.content_sha256 for image in images if image.statistics is not None}
    compared = {images[place].content_sha256 for place in found.fingerprints.places}
    return DatasetReport(
        n_labelled=len(images) - n_new,
        n_new=n_new,
        n_compared=len(compared),
        n_contents=len(readable),
        classes=classes,
        balance=balance,
        same=same,
        near=near,
        outliers=outliers,
        unreadable=unreadable,
        advice=advise(Found(len(images), len(unreadable), classes, balance, same, near, outliers)),
    )
