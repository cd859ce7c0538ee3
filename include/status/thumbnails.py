"""Thumbnails of images, made once from the pixel store: a file that somebody uploaded is never decoded for them."""

import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

from include.errors import StoreError
from include.images.thumbnail import as_jpeg, fitted
from include.store.files import FileStore
from include.store.pixels import PixelLocation, read_image
from include.store.thumbnails import thumbnail_path
from include.warehouse.session import Warehouse

log = logging.getLogger(__name__)

SIDE = 320
"""Of the square that a thumbnail fits into, in pixels: a page shows it half as wide, sharp on a telephone, too."""
_N_AT_ONCE = 8
"""Reading from a remote store is mostly waiting."""


class _Located(NamedTuple):
    content_sha256: str
    segment: str
    segment_row: int
    width: int
    height: int


def make_thumbnails(warehouse: Warehouse, store: FileStore, contents: Sequence[str]) -> dict[str, bytes]:
    """Make the thumbnails that are not in the store yet, and return those.

    Args:
        warehouse: A session, not in a transaction.
        store: The pipeline's files.
        contents: The SHA-256 of each image's file.

    Returns:
        The JPEG of each, by content. One whose pixels are not in the store has none, and neither has one that was
        forgotten on request.
    """
    missing = sorted({content for content in contents if not store.exists(thumbnail_path(content))})
    if not missing:
        return {}
    started = time.monotonic()
    located = warehouse.fetch("gallery/select_pixels", _Located, contents=missing)
    with ThreadPoolExecutor(_N_AT_ONCE, thread_name_prefix="thumbnails") as pool:
        drawn = list(pool.map(partial(_drawn, store), located))
    made = {row.content_sha256: jpeg for row, jpeg in zip(located, drawn, strict=True) if jpeg is not None}
    for content in _forgotten_meanwhile(warehouse, made):
        store.delete(thumbnail_path(content))
        del made[content]
    log.info("made %d of %d thumbnails in %.1f s", len(made), len(missing), time.monotonic() - started)
    return made


def _drawn(store: FileStore, row: _Located) -> bytes | None:
    """Draw a thumbnail and keep it; None: its pixels cannot be read."""
    try:
        pixels = read_image(store, PixelLocation(row.segment, row.segment_row))
    except StoreError as error:
        log.warning("no thumbnail of %s…: %s", row.content_sha256[:12], error)
        return None
    jpeg = as_jpeg(fitted(pixels, proportions=row.width / row.height, side=SIDE))
    try:
        store.write(thumbnail_path(row.content_sha256), jpeg)
    except StoreError as error:
        log.warning("a thumbnail is not kept: %s", error)
    return jpeg


def _forgotten_meanwhile(warehouse: Warehouse, made: dict[str, bytes]) -> set[str]:
    """Return the contents that lost their pixels while they were drawn: who had them forgotten saw no thumbnail yet."""
    if not made:
        return set()
    located = warehouse.fetch("gallery/select_pixels", _Located, contents=sorted(made))
    return set(made) - {row.content_sha256 for row in located}
