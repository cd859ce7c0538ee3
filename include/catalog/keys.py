"""What names an image."""

from typing import NamedTuple


class ImageKey(NamedTuple):
    """One version of one staged file."""

    stage: str
    relative_path: str
    etag: str
