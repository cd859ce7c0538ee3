"""The folders of the demo's two stages, filled with a user's images."""

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from include.commands.console import printable
from include.commands.new.image_files import FoundImage
from include.errors import CommandError, UnreadableImageError

_JPEG_QUALITY = 92


def place_images(images: Iterable[FoundImage], folder: Path) -> int:
    """Make images files of a stage, under their own paths: hard links, so that they take no room, or else copies.

    Args:
        images: What to place; the files stay as they are.
        folder: The folder of the stage.

    Returns:
        How many were copied.

    Raises:
        CommandError: One can be neither linked nor copied.
    """
    folder.mkdir(parents=True, exist_ok=True)
    n_copied = 0
    for image in images:
        target = folder / image.path
        target.parent.mkdir(parents=True, exist_ok=True)
        source = image.source.resolve()  # what a symbolic link leads to, which a stage would not follow
        try:
            os.link(source, target)
        except OSError:  # another file system, or the file of another user
            _copy(source, target)
            n_copied += 1
    return n_copied


def place_turned(
    images: Sequence[FoundImage], folder: Path, *, name: Callable[[int], str], longest_side: int
) -> dict[str, str]:
    """Make copies of images that are turned by 90° files of a stage; those that cannot be decoded are left out.

    Args:
        images: What to turn.
        folder: The folder of the stage.
        name: The path in the stage of the copy of the image at a place, a JPEG file; there must be none yet.
        longest_side: The longest side of a copy, in pixels.

    Returns:
        The path of each image that was turned, by the path of its copy.
    """
    from include.commands.local.pictures import upright

    def turn(position: int) -> str | None:
        target = folder / name(position)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            picture = upright(images[position].source, longest_side=longest_side)
        except UnreadableImageError:
            return None
        with target.open("xb") as file:  # never over a file that is there, which may be a link to the user's own
            picture.rotate(90, expand=True).save(file, "JPEG", quality=_JPEG_QUALITY)
        return name(position)

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        turned = list(threads.map(turn, range(len(images))))
    return {path: image.path for path, image in zip(turned, images, strict=True) if path is not None}


def _copy(source: Path, target: Path) -> None:
    try:
        shutil.copyfile(source, target)
    except OSError as error:
        failed = f"{printable(str(source))} cannot be copied to {printable(str(target))}"
        raise CommandError(f"{failed} ({error.strerror})") from error
