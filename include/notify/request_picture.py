"""The picture of the images that people are asked to label, for a mail."""

import logging

from include.errors import StoreError
from include.notify.mail import Picture
from include.store.files import FileStore
from include.store.requested import list_path, sheet_path

log = logging.getLogger(__name__)


def request_picture(store: FileStore, check_id: str, *, n_requested: int) -> Picture | None:
    """Return the picture; None: it is not there any more, because an image in it was forgotten.

    Args:
        store: The pipeline's files.
        check_id: The check that asks.
        n_requested: The images that it asks about.
    """
    from include.drift.labels.sheet import LAYOUT, RequestFiles

    path = sheet_path(check_id)
    try:
        content = store.read(path)
    except StoreError as error:
        log.warning("the mail does not show the images: %s", error)
        return None
    n_shown = min(n_requested, LAYOUT.n_in_section)
    files = RequestFiles(list_path(check_id), path, content, n_shown, n_requested)
    return Picture(name=path.rpartition("/")[2], content=content, description=files.caption)
