"""A folder of images as a user has it: what is labelled, what is new, and what the images are like.

    train/<class>/*    labelled images
    new/<class>/*      new images; the classes are for measuring only, and may be left out: new/*

Without new/, a fifth of each class is held back as the new images. The folder is only ever read.
"""

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from include.catalog.broken import MIN_BAD_IMAGES
from include.catalog.snapshot import MIN_IMAGES_PER_CLASS
from include.commands.console import printable
from include.commands.local.digits import TURNED_FOLDER
from include.commands.new.headers import Headers, read_short_side
from include.commands.new.image_files import FoundImage, ImageFiles, is_litter
from include.config_parts import ImagesConfig
from include.errors import CommandError

HELD_BACK = 5
"""One of so many labelled images is held back where there are no new ones."""
_SEED = 0
_SAMPLE = 500
"""How many headers are read, the same number of each class, but no fewer than `_SAMPLE_OF_CLASS`."""
_SAMPLE_OF_CLASS = 10
_LAYOUT = "expected are train/<class>/* and, if there are new images, new/*"
_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class ImageFolder:
    """What was found."""

    root: Path
    training: tuple[FoundImage, ...]
    """Sorted; the first folder of a path is the class."""
    new: tuple[FoundImage, ...]
    """Sorted."""
    is_held_back: bool
    """Whether the new images are a fifth of the labelled ones."""
    headers: Headers
    """Of some of the labelled images; at least one can be read."""
    n_left_out: int
    """Files that are no images or cannot be opened, whose names are no text, or that lie in no class."""

    @property
    def n_by_class(self) -> Mapping[str, int]:
        """How many labelled images each class has, sorted."""
        return dict(sorted(Counter(str(image.first_folder) for image in self.training).items()))

    @property
    def truth(self) -> dict[str, str]:
        """The class of each new image whose folder tells it, by its path; the pipeline never sees it."""
        classes = self.n_by_class
        return {image.path: folder for image in self.new if (folder := image.first_folder) and folder in classes}


def read_image_folder(root: Path) -> ImageFolder:
    """Find out what a folder holds; of some hundred images the headers are read.

    Raises:
        CommandError: It is not there, does not have the layout, or holds too little to train on.
    """
    _refuse_other_layouts(root)
    finds = ImageFiles(root / "train", follows_links=True)
    by_class = finds.by_class()
    _refuse_few_classes(root / "train", by_class)
    n_of_class = max(_SAMPLE_OF_CLASS, _SAMPLE // len(by_class))
    sides = {image: side for images in by_class.values() for image, side in _sampled(images, n_of_class).items()}
    _refuse_small_classes(root / "train", by_class, sides)
    labelled = [image for images in by_class.values() for image in images]
    n_left_out = finds.n_left_out + len(finds.images) - len(labelled)
    is_held_back = not (root / "new").is_dir()
    if is_held_back:
        new = _held_back(root / "train", by_class, sides)
        labelled = sorted(set(labelled) - set(new))
    else:
        arriving = ImageFiles(root / "new", follows_links=True)
        new, n_left_out = arriving.images, n_left_out + arriving.n_left_out
        sides |= _sampled(new, _SAMPLE)
        _refuse_no_images(root / "new", new)
    source = root / ("train" if is_held_back else "new")
    _refuse_turned_folder(source, new)
    _refuse_broken_images(source, Headers.of(_looked_at(new, sides)))
    headers = Headers.of(_looked_at(labelled, sides))
    _refuse_broken_images(root / "train", headers)
    return ImageFolder(
        root=root,
        training=tuple(labelled),
        new=tuple(sorted(new)),
        is_held_back=is_held_back,
        headers=headers,
        n_left_out=n_left_out,
    )


def _refuse_other_layouts(root: Path) -> None:
    if not root.is_dir():
        raise CommandError(f"{printable(str(root))} is {'no folder' if root.exists() else 'not there'}: {_LAYOUT}")
    if not (root / "train").is_dir():
        folders = sorted(printable(e.name) for e in root.iterdir() if e.is_dir() and not is_litter(e.name))
        more = ", …" if len(folders) > _SHOWN else ""
        there = f"there are {', '.join(folders[:_SHOWN])}{more}; " if folders else ""
        raise CommandError(f"{printable(str(root))} has no folder train: {there}{_LAYOUT}")


def _refuse_few_classes(train: Path, by_class: Mapping[str, Sequence[FoundImage]]) -> None:
    if not any(by_class.values()):
        lacking = "image in its folders" if by_class else "folders"
        raise CommandError(f"{printable(str(train))} has no {lacking}: {_LAYOUT}")
    if len(by_class) == 1:
        (only,) = by_class
        raise CommandError(
            f"{printable(str(train))} has one class only, {printable(only)}: a classifier needs two, a folder each"
        )


def _refuse_no_images(folder: Path, new: Sequence[FoundImage]) -> None:
    if not new:
        raise CommandError(
            f"{printable(str(folder))} has no image: put some there, or remove it, and a fifth of train is held back"
        )


def _refuse_turned_folder(folder: Path, new: Sequence[FoundImage]) -> None:
    """Refuse new images in a folder of the stage that gets others, which would be mixed up with them."""
    if any(image.first_folder == TURNED_FOLDER for image in new):
        raise CommandError(
            f"{printable(str(folder / TURNED_FOLDER))} has the name of the folder in which the demo puts its turned "
            "images: give it another one"
        )


def _sampled(images: Sequence[FoundImage], n: int) -> dict[FoundImage, int | None]:
    """Return the shorter side of some images, always the same ones; None where the header cannot be read."""
    sample = random.Random(_SEED).sample(images, min(n, len(images)))  # noqa: S311  nothing is secret
    return {image: read_short_side(image.source) for image in sample}


def _refuse_small_classes(
    train: Path, by_class: Mapping[str, Sequence[FoundImage]], sides: Mapping[FoundImage, int | None]
) -> None:
    """Refuse classes that cannot be trained, validated and tested on."""
    small = {}
    for label, images in by_class.items():
        n_sampled = sum(image in sides for image in images)
        n_unreadable = sum(sides.get(image, 0) is None for image in images)
        n_readable = len(images) - n_unreadable if n_unreadable < n_sampled else 0
        if n_readable < MIN_IMAGES_PER_CLASS:
            small[label] = n_readable
    if small:
        from include.images.decode import FORMATS

        listed = ", ".join(f"{printable(label)} has {n}" for label, n in list(small.items())[:_SHOWN])
        raise CommandError(
            f"{printable(str(train))}: each class needs at least {MIN_IMAGES_PER_CLASS} images that can be read "
            f"({', '.join(FORMATS)}), {listed}{', …' if len(small) > _SHOWN else ''}: add some, or remove the folder"
        )


def _held_back(
    train: Path, by_class: Mapping[str, Sequence[FoundImage]], sides: Mapping[FoundImage, int | None]
) -> list[FoundImage]:
    """Return a fifth of each class, always the same; of images that cannot be read a fifth, too."""
    held: list[FoundImage] = []
    for images in by_class.values():
        unreadable = [image for image in images if sides.get(image, 0) is None]
        for part in (unreadable, sorted(set(images) - set(unreadable))):
            held += random.Random(_SEED).sample(part, len(part) // HELD_BACK)  # noqa: S311  nothing is secret
    if not held:
        raise CommandError(
            f"{printable(str(train))}: no class has {HELD_BACK} images, of which one could be held back as new: add "
            "some, or a folder new beside it"
        )
    return held


def _looked_at(
    images: Iterable[FoundImage], sides: Mapping[FoundImage, int | None]
) -> Iterator[tuple[str, int | None]]:
    return ((image.path, sides[image]) for image in images if image in sides)


def _refuse_broken_images(folder: Path, headers: Headers) -> None:
    """Refuse at once what the pipeline would refuse after a while."""
    n_bad, allowed = len(headers.unreadable), ImagesConfig().max_bad_fraction
    if n_bad >= MIN_BAD_IMAGES and n_bad > allowed * headers.n:
        raise CommandError(
            f"{printable(str(folder))}: {n_bad} of the {headers.n} images that were looked at cannot be read, as "
            f"{printable(headers.unreadable[0])}: remove them, at most {allowed:.0%} may be broken"
        )
