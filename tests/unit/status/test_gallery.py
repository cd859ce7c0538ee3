"""The images that the status page shows: which ones, in which order, and which never."""

from collections.abc import Callable
from typing import Any

import pytest
from shown_images import ShownImages

from include.config import PipelineConfig
from include.status import gallery
from include.status.gallery import GalleryFilter, read_choices, read_gallery, read_neighbours
from include.store.files import FileStore
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]

ODD_NAMES = ['it\'s "100 %" %s %(x)s.png', "a\nb.png", "写真/ü.png", "<script>alert(1)</script>.png", "a\\b;--.png"]
AT_HOME = [[0.1 * n, 0.0] for n in range(20)]
"""Features of the images that a version was accepted on."""


@pytest.fixture
def shown(warehouse: Warehouse, store: FileStore, config: PipelineConfig, query: Query) -> ShownImages:
    return ShownImages(warehouse, store, config, query)


def paths(warehouse: Warehouse, **wanted: Any) -> list[str]:
    return [picture.relative_path for picture in read_gallery(warehouse, GalleryFilter(**wanted)).pictures]


def test_the_least_sure_answers_come_first_and_can_be_filtered(warehouse: Warehouse, shown: ShownImages) -> None:
    # Given three images, one of which a later version has answered again
    first, second = shown.promote(), shown.promote()
    for path, confidence, class_name in (("a.png", 0.3, "hat"), ("b.png", 0.6, "shirt"), ("c.png", 0.5, "hat")):
        shown.see(path)
        shown.answer(first, path, confidence, class_name=class_name)
    shown.answer(second, "a.png", 0.99)

    assert paths(warehouse) == ["c.png", "b.png", "a.png"], "of a.png the newest answer counts"
    assert paths(warehouse, version=first) == ["a.png", "c.png", "b.png"]
    assert paths(warehouse, class_name="shirt") == ["b.png"]
    assert paths(warehouse, class_name="hat", version=second) == ["a.png"]
    choices = read_choices(warehouse)
    assert (choices.classes, choices.versions) == (("hat", "shirt"), (second, first))


def test_the_least_usual_images_come_first_each_measured_by_who_answered_it(
    warehouse: Warehouse, shown: ShownImages
) -> None:
    # Given a version at home near 0, and one without features, as of an older release
    version, old = shown.promote(features=AT_HOME), shown.promote()
    for path, features in (("near.png", (0.5, 0.0)), ("far.png", (9.0, 9.0)), ("farther.png", (50.0, 0.0))):
        shown.see(path)
        shown.answer(version, path, features=features)
    for path, by in (("unknown.png", version), ("by an old one.png", old)):
        shown.see(path)
        shown.answer(by, path)

    found = read_gallery(warehouse, GalleryFilter(order="novel"))

    assert [picture.relative_path for picture in found.pictures] == ["farther.png", "far.png", "near.png"]
    farther, _, near = (picture.novelty for picture in found.pictures)
    assert farther is not None
    assert near is not None
    assert near < 2
    assert farther > 20
    assert found.n_found == 3


def test_misread_is_what_a_label_that_came_later_calls_something_else(warehouse: Warehouse, shown: ShownImages) -> None:
    version = shown.promote()
    for path in ("wrong.png", "right.png", "answered later.png", "corrected.png", "wrong again.png"):
        shown.see(path)
        shown.answer(version, path, minute=10)
    shown.label("wrong.png", "shirt", minute=20)
    shown.label("right.png", "hat", minute=20)
    shown.label("answered later.png", "shirt", minute=5)
    shown.label("corrected.png", "shirt", minute=20)
    shown.label("corrected.png", "hat", minute=25)
    shown.label("wrong again.png", "boot", minute=30)

    assert paths(warehouse, order="misread") == ["wrong again.png", "wrong.png"], "the latest label first"
    assert paths(warehouse, order="misread", class_name="boot") == ["wrong again.png"]
    assert len(paths(warehouse, order="misread", class_name="hat")) == 2
    assert paths(warehouse, order="misread", version=version + 1) == []
    (first, _) = read_gallery(warehouse, GalleryFilter(order="misread")).pictures
    assert (first.class_name, first.label, first.is_misread) == ("hat", "boot", True)


def test_what_is_in_quarantine_is_not_shown_and_what_is_gone_says_so(
    warehouse: Warehouse, shown: ShownImages, query: Query
) -> None:
    version = shown.promote()
    for path in ("a.png", "forgotten.png"):
        shown.see(path)
        shown.answer(version, path)
    shown.see("gone.png", is_gone=True)
    shown.answer(version, "gone.png")
    query(
        "INSERT INTO QUARANTINE SELECT 'INCOMING_IMAGES', 'forgotten.png', 'e', 'forgotten on request', 'r', SYSDATE()"
    )

    pictures = read_gallery(warehouse, GalleryFilter()).pictures

    assert {picture.relative_path: picture.is_gone for picture in pictures} == {"a.png": False, "gone.png": True}


def test_pages_and_neighbours_follow_the_same_order(
    warehouse: Warehouse, shown: ShownImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery, "PAGE_SIZE", 2)
    version = shown.promote()
    for n in range(5):
        shown.see(f"{n}.png")
        shown.answer(version, f"{n}.png", 0.1 * n)

    second, last = (read_gallery(warehouse, GalleryFilter(), page=page) for page in (2, 3))

    assert [(picture.place, picture.relative_path) for picture in second.pictures] == [(3, "2.png"), (4, "3.png")]
    assert (second.n_found, second.n_pages, len(last.pictures)) == (5, 3, 1)
    assert read_gallery(warehouse, GalleryFilter(), page=9).page == 1
    beside = read_neighbours(warehouse, GalleryFilter(), place=3)
    assert beside.previous is not None
    assert beside.following is not None
    assert (beside.previous.relative_path, beside.following.relative_path) == ("1.png", "3.png")
    assert read_neighbours(warehouse, GalleryFilter(), place=1).previous is None
    assert read_neighbours(warehouse, GalleryFilter(), place=5).following is None


def test_only_the_newest_answers_are_looked_at(
    warehouse: Warehouse, shown: ShownImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gallery, "N_LOOKED_AT", {"unsure": 2, "novel": 2, "misread": 2})
    version = shown.promote()
    for path, confidence in (("old.png", 0.1), ("new.png", 0.8), ("newest.png", 0.9)):
        shown.see(path)
        shown.answer(version, path, confidence)

    assert paths(warehouse) == ["new.png", "newest.png"]


def test_names_are_shown_as_they_are_and_a_confidence_that_is_none_is_none(
    warehouse: Warehouse, shown: ShownImages
) -> None:
    version = shown.promote()
    for name in ODD_NAMES:
        shown.see(name)
        shown.answer(version, name, float("nan"), class_name=name)

    pictures = read_gallery(warehouse, GalleryFilter(class_name=ODD_NAMES[0])).pictures

    assert sorted(paths(warehouse)) == sorted(ODD_NAMES)
    assert [(p.relative_path, p.class_name, p.confidence) for p in pictures] == [(ODD_NAMES[0], ODD_NAMES[0], None)]


@pytest.mark.parametrize("order", ["unsure", "novel", "misread"])
def test_a_pipeline_without_answers_has_an_empty_gallery(warehouse: Warehouse, order: gallery.GalleryOrder) -> None:
    found = read_gallery(warehouse, GalleryFilter(order=order))

    assert (found.pictures, found.n_found, found.n_pages) == ((), 0, 1)
    assert read_choices(warehouse) == gallery.GalleryChoices(classes=(), versions=())
