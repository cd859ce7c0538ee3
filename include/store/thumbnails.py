"""Small pictures of images, which people look at: a JPEG file each, named by the content's digest."""

from include.errors import StoreError
from include.store.files import FileStore

THUMBNAILS = "thumbnails"
"""The folder. Names in it begin with the content's digest: so what is forgotten is found."""


def thumbnail_path(content_sha256: str) -> str:
    """Return where the thumbnail of a content lies."""
    return f"{THUMBNAILS}/{content_sha256}.jpg"


def read_thumbnail(store: FileStore, content_sha256: str) -> bytes | None:
    """Return the thumbnail of a content; None: there is none yet, or it cannot be read."""
    try:
        return store.read(thumbnail_path(content_sha256))
    except StoreError:
        return None
