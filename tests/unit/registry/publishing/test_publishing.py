"""The champion as a function that SQL calls: it answers as the tasks do, and follows the champion."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from include.catalog.sync import sync_stage
from include.config import PipelineConfig
from include.config_parts import RegistryConfig
from include.errors import UnofferedPackageError, WarehouseError
from include.registry.ledger import Champion, champion_event_seq
from include.registry.publishing import handler, packages, publishing
from include.registry.publishing.publishing import Publication, publish_champion, published_version
from include.registry.rollback import roll_back
from include.registry.status import read_status
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]

CLASSIFIED = (
    "SELECT RELATIVE_PATH, CLASSIFY(BUILD_SCOPED_FILE_URL(@INCOMING_IMAGES, RELATIVE_PATH)) "
    "FROM DIRECTORY(@INCOMING_IMAGES)"
)


@pytest.fixture
def answers(query: Query) -> Callable[[], dict[str, dict[str, Any]]]:
    """A function that has SQL classify the incoming images."""
    return lambda: {path: json.loads(answer) for path, answer in query(CLASSIFIED)}


@pytest.fixture
def pictures(put_image: Callable[..., Path], warehouse: Warehouse, config: PipelineConfig) -> None:
    """Eight incoming images of eight colours."""
    for number in range(8):
        put_image(f"{number} of 8.png", stage="new", colour=(30 * number, 255 - 20 * number, 90 + number))
    sync_stage(warehouse, config.stages.incoming, labels=None, accept_removals=False)


@pytest.fixture
def without_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions of versions load no model, which takes seconds: for what is about the function that names them."""

    def create(warehouse: Warehouse, _: Champion, name: str, *, comment: str) -> None:
        identifiers = {"function": name, "version_function": "PARSE_JSON", "comment": comment}
        warehouse.run("publish/create_function", identifiers=identifiers)

    monkeypatch.setattr(publishing, "_create_version_function", create)


def test_sql_gets_the_answers_that_the_tasks_have_written_also_after_a_rollback(
    warehouse: Warehouse,
    query: Query,
    pictures: None,
    add_champion: Callable[[int], None],
    answer_new_images: Callable[[int], None],
    answers: Callable[[], dict[str, dict[str, Any]]],
) -> None:
    # given images that the tasks have answered by the champion
    add_champion(1)
    answer_new_images(1)

    # when it is published
    published = publish_champion(warehouse, function="CLASSIFY")

    # then SQL has the same labels and the same confidences
    assert published == Publication(function="CLASSIFY", version=1)
    written = query("SELECT RELATIVE_PATH, TYPE, CONFIDENCE FROM CURRENT_PREDICTIONS")
    first = answers()
    assert len(written) == 8
    assert {path: label for path, label, _ in written} == {path: answer["label"] for path, answer in first.items()}
    for path, _, confidence in written:
        assert first[path]["confidence"] == pytest.approx(confidence, abs=0.001)
    assert {answer["version"] for answer in first.values()} == {1}

    # and when another one is, it answers; both can be compared in one statement
    add_champion(2)
    publish_champion(warehouse, function="CLASSIFY")
    second = answers()
    assert {answer["version"] for answer in second.values()} == {2}
    both = query(
        "SELECT CLASSIFY_V1(URL):version::NUMBER, CLASSIFY_V2(URL):version::NUMBER, CLASSIFY(URL):label::VARCHAR "
        "FROM (SELECT BUILD_SCOPED_FILE_URL(@INCOMING_IMAGES, '1 of 8.png') AS URL)"
    )
    assert both == [(1, 2, second["1 of 8.png"]["label"])]

    # and a rollback brings the first one's answers back, without a new function
    roll_back(
        warehouse,
        to=1,
        expected_event_seq=champion_event_seq(warehouse),
        reason="2 is bad",
        actor="me",
        run_id="rollback/1",
    )
    assert publish_champion(warehouse, function="CLASSIFY") == Publication(function="CLASSIFY", version=1)
    assert answers() == first
    assert published_version(warehouse, function="CLASSIFY") == 1


def test_a_bad_file_is_a_row_with_an_error_and_the_others_are_answered(
    warehouse: Warehouse,
    query: Query,
    config: PipelineConfig,
    tmp_path: Path,
    put_image: Callable[..., Path],
    add_champion: Callable[[int], None],
    answers: Callable[[], dict[str, dict[str, Any]]],
) -> None:
    put_image("good.png", stage="new", colour=(1, 2, 3))
    put_image("gone.png", stage="new", colour=(3, 2, 1))
    (tmp_path / "new" / "torn.png").write_bytes((tmp_path / "new" / "good.png").read_bytes()[:40])
    (tmp_path / "new" / "notes.png").write_text("no image")
    sync_stage(warehouse, config.stages.incoming, labels=None, accept_removals=False)
    (tmp_path / "new" / "gone.png").unlink()
    add_champion(1)
    publish_champion(warehouse, function="CLASSIFY")

    found = answers()

    assert found["good.png"].keys() == {"label", "confidence", "version"}
    for name in ("gone.png", "torn.png", "notes.png"):
        assert found[name].keys() == {"version", "error"}
    assert "does not exist in stage INCOMING_IMAGES" in found["gone.png"]["error"]
    assert "PNG is damaged" in found["torn.png"]["error"]
    assert "is not an image" in found["notes.png"]["error"]
    # so that SQL finds them
    counted = "SELECT COUNT_IF(A:error IS NOT NULL), COUNT_IF(A:label IS NULL) FROM"
    assert query(f"{counted} ({CLASSIFIED.replace(') FROM', ') AS A FROM')})") == [(3, 3)]
    # and what is no scoped URL, or null, is told, too
    [(other, nothing)] = query("SELECT CLASSIFY('https://example.com/a.png'), CLASSIFY(NULL)")
    assert "BUILD_SCOPED_FILE_URL" in json.loads(other)["error"]
    assert nothing is None


def test_without_a_champion_nothing_is_published(warehouse: Warehouse) -> None:
    assert publish_champion(warehouse, function="CLASSIFY") is None
    assert published_version(warehouse, function="CLASSIFY") is None


def test_a_package_that_is_not_offered_is_named_with_the_mend_and_nothing_is_changed(
    warehouse: Warehouse, query: Query, add_champion: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    add_champion(1)
    monkeypatch.setitem(packages.MIN_VERSIONS, "pytorch", "999")
    monkeypatch.setitem(packages.PACKAGES, "no-such-package", None)
    monkeypatch.setitem(packages.MIN_VERSIONS, "no-such-package", "1.0")

    with pytest.raises(UnofferedPackageError) as refused:
        publish_champion(warehouse, function="CLASSIFY")

    assert "pytorch 999 or newer is needed, it has " in str(refused.value)
    assert "no-such-package 1.0 or newer is needed, it has none" in str(refused.value)
    assert "registry.function to null" in str(refused.value)
    assert query("SELECT COUNT(*) FROM INFORMATION_SCHEMA.FUNCTIONS WHERE FUNCTION_SCHEMA = CURRENT_SCHEMA()") == [(0,)]
    assert query("LIST @MODELS/functions/") == []


def test_a_version_that_does_not_load_leaves_the_function_as_it_was(
    warehouse: Warehouse, add_champion: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    # given a function that answers as the version of yesterday, and a release whose handler is broken
    identifiers = {"function": "CLASSIFY", "version_function": "CLASSIFY_V9", "comment": "version 9"}
    warehouse.run("publish/create_function", identifiers=identifiers)
    add_champion(1)
    broken = handler.Archive("driftgate_0000.zip", b"no zip")
    monkeypatch.setattr(publishing, "handler_archive", lambda: broken)

    with pytest.raises(WarehouseError, match="Python Interpreter Error"):
        publish_champion(warehouse, function="CLASSIFY")

    assert published_version(warehouse, function="CLASSIFY") == 9
    # nor is there anything that another try would take for a function that works
    assert published_version(warehouse, function="CLASSIFY_V1") is None


def test_a_champion_that_is_promoted_meanwhile_is_published(
    warehouse: Warehouse, without_models: None, add_version: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    add_version(1)
    publish = publishing._publish
    promoted_meanwhile = iter([2])

    def publish_late(*arguments: Any) -> None:
        publish(*arguments)
        for version in promoted_meanwhile:
            add_version(version)

    monkeypatch.setattr(publishing, "_publish", publish_late)

    assert publish_champion(warehouse, function="CLASSIFY") == Publication(function="CLASSIFY", version=2)
    assert published_version(warehouse, function="CLASSIFY") == 2


def test_status_tells_what_is_published(
    warehouse: Warehouse, config: PipelineConfig, without_models: None, add_version: Callable[[int], None]
) -> None:
    published = config.model_copy(update={"registry": RegistryConfig(function="DETECT_DEFECT")})
    add_version(1)
    publish_champion(warehouse, function="DETECT_DEFECT")
    add_version(2)

    assert read_status(warehouse, published).published == Publication(function="DETECT_DEFECT", version=1)
    assert read_status(warehouse, config).published is None
