"""What people get who are asked for labels: a picture of the images and a list to fill in, both in the store."""

import io
import logging
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from include.catalog.forgotten import read_forgotten
from include.catalog.label_lists import write_list
from include.catalog.requested import LabelRequest
from include.config import PipelineConfig
from include.errors import FetchError, ForgottenMeanwhileError
from include.images.contact_sheet import Cell, Layout, Section, draw_sheet
from include.images.preprocessing import preprocessing_digest
from include.images.thumbnail import fitted
from include.registry.ledger import read_version
from include.store.batches import write_batches
from include.store.files import FileStore
from include.store.pixels import PixelLocation, PixelReader, is_whole
from include.store.preparation import prepare_batch
from include.store.requested import delete_requested, list_path, sheet_path
from include.warehouse.session import Warehouse

if TYPE_CHECKING:  # a quarter of a second to import
    from PIL import Image

log = logging.getLogger(__name__)

LAYOUT = Layout(picture=136, cell=150, text=17, line=22, n_lines=2, columns=6, rows=20)
"""A mail shows it a little more than half as wide: the words are then as large as its own small print."""


class RequestFiles(NamedTuple):
    """Where the store has them."""

    list_path: str
    """The CSV file."""
    sheet_path: str
    """The PNG file."""
    sheet: bytes
    n_shown: int
    """Of the images."""
    n_requested: int

    @property
    def caption(self) -> str:
        """What the picture shows, in a sentence."""
        more = self.n_requested - self.n_shown
        unseen = f"; {more:,} more are in the list alone" if more else ""
        return f"{self.n_shown:,} images to label, each with its number, the confidence and the predicted class{unseen}"


class _Located(NamedTuple):
    place: int
    segment: str
    segment_row: int
    width: int
    height: int


def write_requests(
    warehouse: Warehouse,
    store: FileStore,
    config: PipelineConfig,
    requests: Sequence[LabelRequest],
    *,
    run_id: str,
    work_path: str,
) -> RequestFiles:
    """Write the list of what a check has asked for, and draw its images.

    They are shown as the version sees them, in their own proportions; those that are not in the pixel store any more
    are put there. One that cannot be read leaves a grey place: it is no reason to ask for nothing.

    Args:
        warehouse: A session, not in a transaction.
        store: The pipeline's files.
        config: The run's config.
        requests: All requests of one check, at least one.
        run_id: The run that asks.
        work_path: Where this try of the task may put files below the work stage.

    Raises:
        ForgottenMeanwhileError: One of them was forgotten while it was drawn; nothing of it is left.
    """
    started = time.monotonic()
    check_id = requests[0].check_id
    shown = requests[: LAYOUT.n_in_section]
    pictures = _pictures(warehouse, store, config, shown, run_id=run_id, work_path=work_path)
    sheet = _sheet(config.name, shown, pictures, n_requested=len(requests))
    # The list first: where there is a picture, there is a list that says of what.
    store.write(list_path(check_id), write_list(requests))
    store.write(sheet_path(check_id), sheet)
    forgotten = read_forgotten(warehouse)
    if any(forgotten.covers(request.key, None) for request in requests):
        delete_requested(store, check_id)
        raise ForgottenMeanwhileError(f"an image of the requests of check {check_id} was forgotten; try again")
    log.info("drew %d of %d requested images in %.1f s", len(pictures), len(requests), time.monotonic() - started)
    return RequestFiles(list_path(check_id), sheet_path(check_id), sheet, len(shown), len(requests))


def _pictures(
    warehouse: Warehouse,
    store: FileStore,
    config: PipelineConfig,
    requests: Sequence[LabelRequest],
    *,
    run_id: str,
    work_path: str,
) -> dict[int, "Image.Image"]:
    """Return the picture of each image that can be read, by its number."""
    version = requests[0].version
    preprocessing = read_version(warehouse, version).config.preprocessing
    keys = sorted(request.key for request in requests)
    [batch] = write_batches(store, [keys], preprocessing=preprocessing, version=version)
    try:
        prepare_batch(warehouse, store, batch, stages=config.stages, run_id=run_id, work_path=work_path)
    except FetchError as error:
        log.warning("requested images whose pixels are not there are not shown: %s", error)
    located = warehouse.fetch(
        "labels/select_request_pixels",
        _Located,
        check_id=requests[0].check_id,
        preprocessing_digest=preprocessing_digest(preprocessing),
    )
    whole = {segment for segment in {row.segment for row in located} if is_whole(store, segment)}
    last = requests[-1].place
    readable = [row for row in located if row.segment in whole and row.place <= last]
    if not readable:
        return {}
    reader = PixelReader(store, [PixelLocation(row.segment, row.segment_row) for row in readable])
    return {
        row.place: fitted(
            reader.gather(np.array([position]))[0], proportions=row.width / row.height, side=LAYOUT.picture
        )
        for position, row in enumerate(readable)
    }


def _sheet(
    pipeline: str, requests: Sequence[LabelRequest], pictures: Mapping[int, "Image.Image"], *, n_requested: int
) -> bytes:
    cells = [
        Cell(pictures.get(request.place), (f"{request.place}  ({request.confidence:.0%})", request.type))
        for request in requests
    ]
    caption = f"number, confidence, predicted class; the list: {list_path(requests[0].check_id)}"
    if n_requested > len(requests):
        caption = f"the first {len(requests)} of {n_requested:,}; {caption}"
    title = f"{pipeline}: what do these images show?"
    with io.BytesIO() as content:
        draw_sheet([Section(caption, cells)], title=title, layout=LAYOUT).save(content, "PNG", optimize=True)
        return content.getvalue()
