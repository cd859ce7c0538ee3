"""The champion as a function that SQL calls: it answers as the tasks do, and follows the champion."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from include.config import PipelineConfig
from include.errors import UnofferedPackageError
from include.registry.publishing.packages import MIN_VERSIONS
from include.registry.publishing.publishing import Publication, publish_champion, published_version
from include.registry.rollback import roll_back
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]

CLASSIFIED = (
    "SELECT RELATIVE_PATH, CLASSIFY(BUILD_SCOPED_FILE_URL(@INCOMING_IMAGES, RELATIVE_PATH)) "
    "FROM DIRECTORY(@INCOMING_IMAGES) ORDER BY RELATIVE_PATH"
)


def answers(query: Query) -> dict[str, dict[str, Any]]:
    query("ALTER STAGE INCOMING_IMAGES REFRESH")
    return {path: json.loads(answer) for path, answer in query(CLASSIFIED)}


def test_sql_gets_the_answers_that_the_tasks_have_written(
    warehouse: Warehouse,
    query: Query,
    add_champion: Callable[[int], None],
    put_image: Callable[..., Path],
    answer_new_images: Callable[[int], None],
) -> None:
    # given images that the tasks have answered
    for number in range(8):
        put_image(f"{number} of 8.png", stage="new", colour=(30 * number, 255 - 20 * number, 90 + number))
    add_champion(1)
    answer_new_images(1)

    # when the champion is published
    published = publish_champion(warehouse, function="CLASSIFY")

    # then SQL has the same labels, and the same confidences
    assert published == Publication(function="CLASSIFY", version=1)
    written = query("SELECT RELATIVE_PATH, TYPE, CONFIDENCE FROM CURRENT_PREDICTIONS")
    called = answers(query)
    assert len(written) == 8
    assert {path: label for path, label, _ in written} == {path: answer["label"] for path, answer in called.items()}
    for path, _, confidence in written:
        assert called[path]["confidence"] == pytest.approx(confidence, abs=0.001)
    assert {answer["version"] for answer in called.values()} == {1}
