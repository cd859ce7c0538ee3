"""The images that are worth a look: those a version is least sure of, has seen nothing like, or has just misread.

It names images, so it is read anew each time and kept nowhere: what is forgotten on request is gone from it at once.
That is cheap, as it looks at the newest answers alone, which lie together in the order of their numbers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import numpy as np

from include.drift.labels.novelty import read_novelties
from include.warehouse.session import Warehouse

GalleryOrder = Literal["unsure", "novel", "misread"]
"""Least confidence first; farthest from what the version was accepted on first; most recently found wrong first."""

PAGE_SIZE = 24
N_LOOKED_AT: Mapping[GalleryOrder, int] = {"unsure": 20_000, "novel": 4_000, "misread": 20_000}
"""How many of the newest answers (of the latest labels, for those misread) are looked at."""
_MAX_CLASSES = 200
_MAX_VERSIONS = 50
_MAX_BASELINES = 5
"""The most versions, of those that answered last, whose answers are told to be novel."""


@dataclass(frozen=True, kw_only=True)
class GalleryFilter:
    """Which images are wanted."""

    order: GalleryOrder = "unsure"
    class_name: str | None = None
    """Of the answers; of those misread, or of the labels. None: any."""
    version: int | None = None
    """Whose answers; None: any version's, of each image the newest."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """An image, and the answer for which it is shown."""

    place: int
    """Its number in the gallery, from 1 on."""
    relative_path: str
    content_sha256: str | None
    """What its thumbnail is named by; None: nobody has read it yet."""
    version: int
    class_name: str
    """What the version answered."""
    confidence: float | None
    """None: it is no number."""
    answered_at: datetime
    label: str | None
    """What people say that it shows; None: they have not said."""
    novelty: float | None
    """How far it is from what the version was accepted on; 1: as far as that from each other. None: not measured."""
    is_gone: bool
    """Whether its file is no longer in the stage."""

    @property
    def is_misread(self) -> bool:
        """Whether people say that it shows something else."""
        return self.label is not None and self.label != self.class_name


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """A page of images."""

    wanted: GalleryFilter
    page: int
    """From 1 on."""
    n_found: int
    """Images on all pages."""
    pictures: tuple[Picture, ...]

    @property
    def n_pages(self) -> int:
        """At least one."""
        return max(1, -(-self.n_found // PAGE_SIZE))


@dataclass(frozen=True, kw_only=True)
class GalleryChoices:
    """By what the gallery can be filtered."""

    classes: tuple[str, ...]
    """The most frequent of the newest answers, in the alphabet's order."""
    versions: tuple[int, ...]
    """Those that were champion, the latest first."""


class Neighbours(NamedTuple):
    """The images before and after a place of the gallery; None: there is none."""

    previous: Picture | None
    following: Picture | None


class _Found(NamedTuple):
    commit_seq: int
    n_found: int


class _Features(NamedTuple):
    commit_seq: int
    version: int
    features: str | None


class _PictureRow(NamedTuple):
    commit_seq: int
    relative_path: str
    version: int
    type: str
    confidence: float
    pred_timestamp: datetime
    label: str | None
    content_sha256: str | None
    is_gone: bool


class _ClassRow(NamedTuple):
    class_name: str


class _VersionRow(NamedTuple):
    version: int


class _Ranked(NamedTuple):
    """Answers in the gallery's order."""

    commit_seqs: tuple[int, ...]
    """Some of them."""
    novelties: Mapping[int, float]
    """By the answer's number, where it was measured."""
    n_found: int


def read_gallery(warehouse: Warehouse, wanted: GalleryFilter, *, page: int = 1) -> Gallery:
    """Return a page of the gallery.

    Args:
        warehouse: A session on the pipeline's schema.
        wanted: Which images.
        page: From 1 on; instead of one behind the last, the first is returned: labels and answers may have gone.
    """
    skipped = (page - 1) * PAGE_SIZE
    ranked = _rank(warehouse, wanted, n_skipped=skipped, n_pictures=PAGE_SIZE)
    if page > 1 and not ranked.commit_seqs:
        return read_gallery(warehouse, wanted)
    pictures = _read_pictures(warehouse, ranked, first_place=skipped + 1)
    return Gallery(wanted=wanted, page=page, n_found=ranked.n_found, pictures=pictures)


def read_choices(warehouse: Warehouse) -> GalleryChoices:
    """Return by what the gallery can be filtered."""
    classes = warehouse.fetch(
        "gallery/select_classes", _ClassRow, n_looked_at=N_LOOKED_AT["unsure"], n_classes=_MAX_CLASSES
    )
    versions = warehouse.fetch("gallery/select_versions", _VersionRow, n_versions=_MAX_VERSIONS)
    return GalleryChoices(
        classes=tuple(sorted(row.class_name for row in classes)), versions=tuple(row.version for row in versions)
    )


def read_neighbours(warehouse: Warehouse, wanted: GalleryFilter, *, place: int) -> Neighbours:
    """Return what is before and after a place of the gallery, as it is now."""
    first = max(1, place - 1)
    ranked = _rank(warehouse, wanted, n_skipped=first - 1, n_pictures=place - first + 2)
    at = {picture.place: picture for picture in _read_pictures(warehouse, ranked, first_place=first)}
    return Neighbours(at.get(place - 1), at.get(place + 1))


def _rank(warehouse: Warehouse, wanted: GalleryFilter, *, n_skipped: int, n_pictures: int) -> _Ranked:
    bound: dict[str, Any] = {
        "class_name": wanted.class_name,
        "version": wanted.version,
        "n_looked_at": N_LOOKED_AT[wanted.order],
    }
    if wanted.order == "novel":
        return _rank_by_novelty(warehouse, bound, slice(n_skipped, n_skipped + n_pictures))
    found = warehouse.fetch(
        f"gallery/select_{wanted.order}", _Found, n_skipped=n_skipped, n_pictures=n_pictures, **bound
    )
    return _Ranked(tuple(row.commit_seq for row in found), {}, found[0].n_found if found else 0)


def _rank_by_novelty(warehouse: Warehouse, bound: Mapping[str, Any], places: slice) -> _Ranked:
    rows = warehouse.fetch("gallery/select_features", _Features, **bound)
    by_version: dict[int, list[_Features]] = {}
    for row in rows:
        if row.version in by_version or len(by_version) < _MAX_BASELINES:
            by_version.setdefault(row.version, []).append(row)
    measured: dict[int, float] = {}
    for version, of_version in by_version.items():
        novelties = read_novelties(warehouse, version, [row.features for row in of_version])
        known = np.flatnonzero(np.isfinite(novelties)).tolist()
        measured.update((of_version[place].commit_seq, float(novelties[place])) for place in known)
    farthest_first = sorted(measured, key=lambda commit_seq: (-measured[commit_seq], -commit_seq))
    return _Ranked(tuple(farthest_first[places]), measured, len(measured))


def _read_pictures(warehouse: Warehouse, ranked: _Ranked, *, first_place: int) -> tuple[Picture, ...]:
    if not ranked.commit_seqs:
        return ()
    rows = warehouse.fetch("gallery/select_pictures", _PictureRow, commit_seqs=list(ranked.commit_seqs))
    found = {row.commit_seq: row for row in rows}
    return tuple(
        _picture(found[commit_seq], place=place, novelty=ranked.novelties.get(commit_seq))
        for place, commit_seq in enumerate(ranked.commit_seqs, start=first_place)
        if commit_seq in found
    )


def _picture(row: _PictureRow, *, place: int, novelty: float | None) -> Picture:
    return Picture(
        place=place,
        relative_path=row.relative_path,
        content_sha256=row.content_sha256,
        version=row.version,
        class_name=row.type,
        confidence=row.confidence if np.isfinite(row.confidence) else None,
        answered_at=row.pred_timestamp.replace(tzinfo=UTC),
        label=row.label,
        novelty=novelty,
        is_gone=row.is_gone,
    )


def contents_of(pictures: Sequence[Picture]) -> list[str]:
    """Return what the thumbnails of images are named by."""
    return [picture.content_sha256 for picture in pictures if picture.content_sha256]
