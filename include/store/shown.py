"""What the status page has read and keeps to show again."""

from include.store.files import FileStore

SHOWN = "status"
"""The folder of the store."""


def erase_shown(store: FileStore) -> int:
    """Delete all of it, which may name any image, and return how many files that were: it is read anew."""
    files = store.list_files(SHOWN)
    for file in files:
        store.delete(file.name)
    return len(files)
