"""The images of a snapshot, with what is known of each: where its pixels lie, what it looks like, what is wrong."""

from typing import NamedTuple

from include.catalog.keys import ImageKey
from include.config_parts import PreprocessingConfig
from include.images.preprocessing import preprocessing_digest
from include.images.statistics import ImageStatistics
from include.store.pixels import PixelLocation
from include.warehouse.session import Warehouse


class SnapshotImage(NamedTuple):
    """An image of a snapshot."""

    stage: str
    relative_path: str
    etag: str
    content_sha256: str
    label: str
    split: str
    segment: str | None
    """None: it was never decoded in this way, is unreadable, or its pixels were pruned."""
    segment_row: int | None
    width: int | None
    height: int | None
    brightness: float | None
    contrast: float | None
    sharpness: float | None
    reason: str | None
    """Why it is in quarantine."""

    @property
    def key(self) -> ImageKey:
        """The version of the file that it is."""
        return ImageKey(self.stage, self.relative_path, self.etag)

    @property
    def location(self) -> PixelLocation | None:
        """Where its pixels lie."""
        if self.segment is None or self.segment_row is None:
            return None
        return PixelLocation(self.segment, self.segment_row)

    @property
    def statistics(self) -> ImageStatistics | None:
        """What it looks like, if it has pixels."""
        measured = (self.width, self.height, self.brightness, self.contrast, self.sharpness)
        return None if self.segment is None else ImageStatistics(*measured)  # type: ignore[arg-type]


def read_snapshot_images(
    warehouse: Warehouse, *, snapshot_id: str, preprocessing: PreprocessingConfig
) -> list[SnapshotImage]:
    """Return the images of a snapshot, in an order that is always the same; none if there is no such snapshot."""
    return warehouse.fetch(
        "snapshots/select_images",
        SnapshotImage,
        snapshot_id=snapshot_id,
        preprocessing_digest=preprocessing_digest(preprocessing),
    )
