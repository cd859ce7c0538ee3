"""The report of a data set as one page that is whole in itself: no script, no address, readable on a phone."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from include.dataset.classes import ClassRow
from include.dataset.duplicates import Group, most_harmful_first
from include.dataset.histograms import histograms
from include.dataset.images import NEW, DatasetImage, LookedAt
from include.dataset.report import DatasetReport
from include.dataset.thumbnails import thumbnails
from include.printable import printable

_TEMPLATES = Path(__file__).parent / "templates"

_N_CLASSES, _N_SMALLEST = 30, 10
"""Of so many classes bars and pictures are shown, the last so many of them the smallest ones."""
_N_PICTURES = 12
"""Of a class, and of images that are unusual in one way."""
_N_GROUPS, _N_OF_GROUP = 18, 3
_N_UNREADABLE = 50
_SIDES = ("train", "validation", "test", NEW)


class _Bar(NamedTuple):
    """A class as a bar of parts."""

    row: ClassRow
    parts: tuple[tuple[str, float], ...]
    """Each side with its share of the width."""


class _Tile(NamedTuple):
    """A picture with what is said of it."""

    picture: str | None
    image: DatasetImage


@dataclass(frozen=True, kw_only=True)
class PageHead:
    """What is said above the report."""

    name: str
    """Of the pipeline."""
    about: str
    """What the data set is."""


def render_page(found: LookedAt, report: DatasetReport, head: PageHead, *, evidently: str | None = None) -> str:
    """Return the page.

    Args:
        found: The data set.
        report: What was found in it.
        head: What is said above it.
        evidently: Evidently's page of the same images, which is shown below.
    """
    shown = _shown_classes(report.classes)
    by_class = _pictured(found.images, {row.label for row in shown})
    groups = most_harmful_first([*report.same, *report.near])
    pictured = groups[:_N_GROUPS]
    outliers = [(of.title, len(of.places), of.places[:_N_PICTURES]) for of in report.outliers]
    places = [place for of_class in by_class.values() for place in of_class]
    places += [place for group in pictured for place in group.places[:_N_OF_GROUP]]
    places += [place for _, _, of_kind in outliers for place in of_kind]
    pictures = thumbnails(found, places)

    def tiles(of: Sequence[int]) -> list[_Tile]:
        return [_Tile(pictures.get(place), found.images[place]) for place in of]

    return _template().render(
        head=head,
        at=datetime.now(UTC),
        report=report,
        bars=_bars(shown),
        n_other_classes=len(report.classes) - len(shown),
        sides=[side for side in _SIDES if any(side in row.n_by_side for row in report.classes)],
        sheets=[(row, tiles(by_class[row.label])) for row in shown],
        histograms=histograms(found.images),
        groups=[(group, _kind(group), tiles(group.places[:_N_OF_GROUP])) for group in pictured],
        n_groups=len(groups),
        outliers=[(title, n, tiles(of_kind)) for title, n, of_kind in outliers],
        unreadable=report.unreadable[:_N_UNREADABLE],
        evidently=evidently,
        style=Markup((_TEMPLATES / "dataset.css").read_text(encoding="utf-8")),  # noqa: S704 - our own file
    )


def _shown_classes(classes: Sequence[ClassRow]) -> list[ClassRow]:
    if len(classes) <= _N_CLASSES:
        return list(classes)
    return [*classes[: _N_CLASSES - _N_SMALLEST], *classes[-_N_SMALLEST:]]


def _bars(rows: Sequence[ClassRow]) -> list[_Bar]:
    widest = max((row.n_images for row in rows), default=0) or 1
    return [
        _Bar(row, tuple((side, 100 * row.n_by_side[side] / widest) for side in _SIDES if side in row.n_by_side))
        for row in rows
    ]


def _pictured(images: Sequence[DatasetImage], labels: set[str]) -> Mapping[str, list[int]]:
    """Return some readable images of each class: those with the lowest digests, as if drawn, and always the same."""
    of_class: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for place, image in enumerate(images):
        if image.label in labels and image.statistics is not None:
            of_class[image.label].append((image.content_sha256 or "", place))
    drawn = {label: dict(sorted(found, reverse=True)) for label, found in of_class.items()}  # of equal files one
    return defaultdict(
        list, {label: [place for _, place in sorted(of.items())[:_N_PICTURES]] for label, of in drawn.items()}
    )


def _kind(group: Group) -> tuple[str, ...]:
    """Return what is said of a group, in a few words each."""
    kinds = ["same file" if group.is_same_file else "near-duplicates"]
    if len(group.labels) > 1:
        kinds.append("in several classes")
    labelled = set(group.sides) - {NEW}
    if len(labelled) > 1:
        kinds.append("on several sides")
    if NEW in group.sides and labelled:
        kinds.append("new and labelled")
    return tuple(kinds)


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"printable": printable, "number": "{:,}".format}
    return environment.get_template("dataset.html.j2")
