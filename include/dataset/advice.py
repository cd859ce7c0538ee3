"""What is worth knowing of a data set before it is trained on, in words, with what to do about it."""

import math
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

from include.catalog.broken import MIN_BAD_IMAGES
from include.catalog.snapshot import MIN_IMAGES_PER_CLASS
from include.config_parts import ImagesConfig
from include.dataset.classes import Balance, ClassRow
from include.dataset.duplicates import Group
from include.dataset.images import NEW
from include.dataset.outliers import Outliers
from include.printable import printable

Level = Literal["problem", "notice", "fine"]

_UNEVEN = 5.0
"""From how many times as many images on the largest class of all makes the smallest one suffer."""
_SHOWN = 3


class Advice(NamedTuple):
    """Something that was found, or was not."""

    level: Level
    """problem: training refuses it, or its figures will mislead; notice: look at it; fine: nothing to do."""
    title: str
    text: str


class Found(NamedTuple):
    """What advice is drawn from."""

    n_images: int
    """Labelled or new, readable or not."""
    n_unreadable: int
    classes: Sequence[ClassRow]
    balance: Balance | None
    same: Sequence[Group]
    near: Sequence[Group]
    outliers: Sequence[Outliers]


def advise(found: Found) -> tuple[Advice, ...]:
    """Return all advice, problems first."""
    order = {"problem": 0, "notice": 1, "fine": 2}
    given = [*_of_classes(found), *_of_unreadable(found), *_of_copies(found), *_of_looks(found)]
    return tuple(sorted(given, key=lambda advice: order[advice.level]))


def _of_classes(found: Found) -> Iterator[Advice]:
    if not found.classes or found.balance is None:
        return
    small = [row for row in found.classes if row.n_images < MIN_IMAGES_PER_CLASS]
    if small:
        yield Advice(
            "problem",
            f"{_count(len(small), 'class', 'classes')} with fewer than {MIN_IMAGES_PER_CLASS} readable images",
            f"Training refuses them ({_named([row.label for row in small])}): add images, or remove the folders.",
        )
    ratio = found.balance.ratio
    largest, smallest = found.classes[0], found.classes[-1]
    if ratio >= _UNEVEN and math.isfinite(ratio):
        yield Advice(
            "notice",
            "Uneven classes",
            f"{_named([largest.label])} has {ratio:.0f} times as many images as {_named([smallest.label])}. Rare "
            "classes are learnt worse, and few test images say little about them: add images of the rare ones.",
        )
    elif not small:
        sizes = f"{smallest.n_images:,} to {largest.n_images:,} images each"
        yield Advice("fine", "Even enough classes", f"{len(found.classes):,} classes with {sizes}.")


def _of_unreadable(found: Found) -> Iterator[Advice]:
    n, allowed = found.n_unreadable, ImagesConfig().max_bad_fraction
    if not n:
        yield Advice("fine", "Every file can be read", f"{found.n_images:,} images were decoded.")
    elif n >= MIN_BAD_IMAGES and n > allowed * found.n_images:
        yield Advice(
            "problem",
            f"{n:,} of {found.n_images:,} files cannot be read",
            f"With more than {allowed:.0%} of them broken, runs stop as BROKEN_IMAGES: repair or remove them.",
        )
    else:
        yield Advice(
            "notice",
            f"{_count(n, 'file')} cannot be read",
            "They are left out and stand in QUARANTINE: repair or remove them when you have time.",
        )


def _of_copies(found: Found) -> Iterator[Advice]:
    groups = [*found.same, *found.near]
    if not groups:
        yield Advice("fine", "No copies", "No picture was found twice.")
        return
    torn = sum(len(group.labels) > 1 for group in groups)
    if torn:
        yield Advice(
            "problem",
            f"{_count(torn, 'picture')} in more than one class",
            "A classifier cannot be right about them: decide for one class, and remove the other copies.",
        )
    leaking = sum(len(set(group.sides) - {NEW}) > 1 for group in found.near)
    if leaking:
        yield Advice(
            "problem",
            f"{_count(leaking, 'picture')} on more than one side",
            "What is tested was trained on in another file, so the accuracy will look better than it is: keep one "
            "copy, or let split.group keep what belongs together on one side.",
        )
    known = sum(NEW in group.sides and len(group.sides) > 1 for group in groups)
    if known:
        yield Advice(
            "notice",
            f"{_count(known, 'new image is', 'new images are')} among the labelled ones",
            "Answers to them say nothing about how well the classifier does on images that it has not seen.",
        )
    if not (torn or leaking or known):
        more = sum(len(group.places) - 1 for group in groups)
        yield Advice("notice", f"{_count(more, 'copy', 'copies')}", "They count several times: one of each is enough.")


def _of_looks(found: Found) -> Iterator[Advice]:
    if not found.outliers:
        yield Advice(
            "fine", "No unusual images", "None is far darker, brighter, flatter or more blurred than the rest."
        )
        return
    n = len({place for outliers in found.outliers for place in outliers.places})
    listed = ", ".join(f"{len(outliers.places):,} {outliers.title.lower()}" for outliers in found.outliers)
    yield Advice(
        "notice",
        f"{_count(n, 'image looks', 'images look')} unlike the rest",
        f"{listed[0].upper()}{listed[1:]}: look whether they are what they should be.",
    )


def _count(n: int, one: str, many: str | None = None) -> str:
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def _named(labels: Sequence[str]) -> str:
    shown = ", ".join(printable(label) for label in labels[:_SHOWN])
    return f"{shown}, …" if len(labels) > _SHOWN else shown
