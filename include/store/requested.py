"""What the store keeps of a check's requests for labels: a list, and a picture of the images in it."""

import csv
import logging

from include.catalog.forgotten import Forgotten
from include.catalog.label_lists import without
from include.errors import StoreError
from include.store.files import FileStore

log = logging.getLogger(__name__)

LABEL_REQUESTS = "label_requests"
"""The folder."""
_LIST, _SHEET = ".csv", ".png"


def list_path(check_id: str) -> str:
    """Return where the list of a check lies."""
    return f"{LABEL_REQUESTS}/{check_id}{_LIST}"


def sheet_path(check_id: str) -> str:
    """Return where the picture of a check's images lies."""
    return f"{LABEL_REQUESTS}/{check_id}{_SHEET}"


def delete_requested(store: FileStore, check_id: str) -> None:
    """Delete list and picture; the picture first, as the list says of what it is."""
    store.delete(sheet_path(check_id))
    store.delete(list_path(check_id))


def erase_from_requested(store: FileStore, forgotten: Forgotten) -> int:
    """Take all that was forgotten out of the lists, delete the pictures that showed it, and return how many lists.

    A picture without its list may show anything: it is deleted, too.

    Raises:
        StoreError: A file cannot be read, written or deleted.
    """
    names = {file.name for file in store.list_files(LABEL_REQUESTS) if not file.is_temporary}
    for name in sorted(names):
        if name.endswith(_SHEET) and name.removesuffix(_SHEET) + _LIST not in names:
            store.delete(name)
    lists = sorted(name for name in names if name.endswith(_LIST))
    return sum(_erase_from(store, name.removesuffix(_LIST), forgotten) for name in lists)


def _erase_from(store: FileStore, name: str, forgotten: Forgotten) -> bool:
    """Correct a list, given without its ending; return whether it named any of what was forgotten."""
    try:
        content = store.read(name + _LIST)
    except StoreError:
        if store.exists(name + _LIST):
            raise
        return False  # pruned meanwhile
    try:
        kept = without(content, lambda stage, path: bool(forgotten.at(stage, path)))
    except (ValueError, csv.Error):
        log.warning("%s is no list that could be read: it is deleted", name + _LIST)
        store.delete(name + _SHEET)
        store.delete(name + _LIST)
        return False
    if kept == content:
        return False
    store.delete(name + _SHEET)
    store.write(name + _LIST, kept)
    return True
