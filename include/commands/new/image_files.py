"""The image files below a folder of a user's; the folder is only ever read."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from include.commands.new.headers import starts_like_an_image

_SUFFIXES = frozenset(
    {".avif", ".bmp", ".dib", ".gif", ".heic", ".heif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".png", ".tif"}
    | {".tiff", ".webp"}
)
"""Those of images; of unsupported formats too, of which the pipeline then says that they cannot be read."""
_LITTER = frozenset({"thumbs.db", "desktop.ini", "__macosx", "@eadir", "icon\r"})
"""What operating systems leave in folders, besides hidden files."""


class FoundImage(NamedTuple):
    """An image of the user's."""

    path: str
    """In its stage: below the folder."""
    source: Path

    @property
    def first_folder(self) -> str | None:
        """The first folder of its path; None if it lies in none."""
        folder, slash, _ = self.path.partition("/")
        return folder if slash else None


class ImageFiles:
    """The images below a folder, and how many files were left out.

    Args:
        folder: Where they are looked for.
        follows_links: Whether symbolic links are what they lead to; a stage lists none of them.

    Raises:
        OSError: A folder may not be read.
    """

    def __init__(self, folder: Path, *, follows_links: bool) -> None:
        self.folder = folder
        self.images: list[FoundImage] = []
        self.n_left_out = 0
        """No images, not to be opened, or names that are no text."""
        self.n_links = 0
        """Symbolic links that were not followed."""
        self._follows_links = follows_links
        for file in self._files():
            path = str(file.relative_to(folder))
            if _goes_along(file):
                self.images.append(FoundImage(path, file))
            else:
                self.n_left_out += 1

    def by_class(self) -> dict[str, list[FoundImage]]:
        """Return the images of each folder, sorted; an empty one is there, too."""
        folders = sorted(entry.name for entry in self.folder.iterdir() if entry.is_dir() and not is_litter(entry.name))
        found: dict[str, list[FoundImage]] = {folder: [] for folder in folders}
        for image in sorted(self.images):
            if image.first_folder is not None:
                found[image.first_folder].append(image)
        return found

    def _files(self) -> Iterator[Path]:
        """Yield all files but litter. Links to folders may be followed, but each folder is entered once."""
        entered: set[tuple[int, int]] = set()
        for parent, folders, names in os.walk(self.folder, followlinks=self._follows_links, onerror=_refuse):
            status = Path(parent).stat()
            if (status.st_dev, status.st_ino) in entered:
                folders.clear()
                continue
            entered.add((status.st_dev, status.st_ino))
            folders[:] = self._entered(parent, folders)
            yield from (Path(parent, name) for name in self._entered(parent, names))

    def _entered(self, parent: str, names: list[str]) -> list[str]:
        """Return the names that are looked at, sorted; the links among the others are counted."""
        shown = sorted(name for name in names if not is_litter(name))
        if self._follows_links:
            return shown
        followed = [name for name in shown if not Path(parent, name).is_symlink()]
        self.n_links += len(shown) - len(followed)
        return followed


def is_litter(name: str) -> bool:
    """Whether a file or folder is hidden, or something that an operating system has left."""
    return name.startswith(".") or name.casefold() in _LITTER


def _goes_along(file: Path) -> bool:
    """Say whether a file is an image by its name or its first bytes; a broken one is, and is quarantined later."""
    try:
        str(file).encode()
    except UnicodeEncodeError:
        return False
    if not file.is_file() or not os.access(file, os.R_OK):
        return False
    return file.suffix.lower() in _SUFFIXES or starts_like_an_image(file)


def _refuse(error: OSError) -> None:
    raise error
