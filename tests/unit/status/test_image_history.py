"""What the status page tells of one image."""

from collections.abc import Callable
from typing import Any

import pytest
from shown_images import ShownImages

from include.config import PipelineConfig
from include.errors import UnknownImageError
from include.status.image_history import read_image_history
from include.store.files import FileStore
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]
ODD = 'it\'s "100 %"\n<script>.png'


@pytest.fixture
def shown(warehouse: Warehouse, store: FileStore, config: PipelineConfig, query: Query) -> ShownImages:
    return ShownImages(warehouse, store, config, query)


def test_an_image_has_its_labels_and_answers_with_who_gave_them(
    warehouse: Warehouse, config: PipelineConfig, shown: ShownImages
) -> None:
    first, second = shown.promote(), shown.promote()
    content = shown.see(ODD)
    shown.answer(first, ODD, 0.4)
    shown.answer(second, ODD, 0.8, class_name="shirt")
    shown.label(ODD, "boot", minute=5)

    (file,) = read_image_history(warehouse, config, ODD).files

    assert file.thumbnail == content
    assert [label.label for label in file.labels] == ["boot"]
    assert [(told.answer.version, told.answer.type) for told in file.answers] == [(second, "shirt"), (first, "hat")]
    newest = file.answers[0]
    assert newest.version is not None
    assert (newest.version.state, newest.origin) == ("champion", "snapshot s")
    assert newest.let_in is not None
    assert newest.let_in.startswith("promoted by driftgate on ")
    assert newest.judged.startswith("not judged by drift checks")


def test_what_cannot_be_used_has_its_reason_and_no_thumbnail(
    warehouse: Warehouse, config: PipelineConfig, shown: ShownImages, query: Query
) -> None:
    shown.see("a.png")
    query("INSERT INTO QUARANTINE SELECT 'INCOMING_IMAGES', 'a.png', 'e', 'cut off', 'r', SYSDATE()")

    history = read_image_history(warehouse, config, "a.png")

    (file,) = history.files
    assert (file.file.quarantine_reason, file.thumbnail, history.has_current_answer) == ("cut off", None, False)


def test_a_path_that_the_catalog_does_not_have_is_told_with_similar_ones(
    warehouse: Warehouse, config: PipelineConfig, shown: ShownImages
) -> None:
    shown.see("shirt/1.png")

    with pytest.raises(UnknownImageError, match=r"most similar are shirt/1\.png"):
        read_image_history(warehouse, config, "shirt/l.png")
