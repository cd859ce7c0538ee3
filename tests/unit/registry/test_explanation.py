"""What is known of one image, read from the warehouse."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from include.config import PipelineConfig
from include.errors import UnknownImageError
from include.registry.explanation import Verdict, explain_image
from include.registry.rollback import roll_back
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]
Add = Callable[..., None]

ODD_NAMES = ["a b.png", 'it\'s "100 %" %s %(x)s.png', "a\nb.png", "写真/ü.png", "[bold]x[/bold].png", "a\\b;--.png"]


@pytest.fixture
def see(query: Query) -> Add:
    """A function that puts a version of a file into the catalog."""

    def run(path: str, etag: str = "e", *, stage: str = "INCOMING_IMAGES", gone: bool = False) -> None:
        query(
            "INSERT INTO IMAGES (STAGE, RELATIVE_PATH, ETAG, SIZE, FIRST_SEEN_AT, GONE_AT, SPLIT, CONTENT_SHA256) "
            "SELECT %(stage)s, %(path)s, %(etag)s, 12, SYSDATE(), IFF(%(gone)s, SYSDATE(), NULL), 'test', 'c0'",
            stage=stage,
            path=path,
            etag=etag,
            gone=gone,
        )

    return run


@pytest.fixture
def answer(query: Query) -> Add:
    """A function that puts an answer into the warehouse."""

    def run(version: int, path: str, etag: str = "e", *, seq: int = 1, is_first: bool = True) -> None:
        query(
            "INSERT INTO PREDICTIONS (STAGE, RELATIVE_PATH, ETAG, VERSION, TYPE, CONFIDENCE, SCORES, PRED_TIMESTAMP, "
            "RUN_ID, COMMIT_SEQ, IS_FIRST) SELECT 'INCOMING_IMAGES', %(path)s, %(etag)s, %(version)s, %(type)s, 0.9, "
            "PARSE_JSON('[0.9]'), SYSDATE(), 'inference', %(seq)s, %(is_first)s",
            path=path,
            etag=etag,
            version=version,
            type=f"by {version}",
            seq=seq,
            is_first=is_first,
        )

    return run


@pytest.fixture
def check(query: Query) -> Add:
    """A function that puts a verdict on a window into the warehouse."""

    def run(check_id: str, version: int, first: int | None, last: int | None, verdict: str = "STABLE") -> None:
        query(
            "INSERT INTO DRIFT_CHECKS (CHECK_ID, RUN_ID, VERSION, CHAMPION_EVENT_SEQ, FIRST_COMMIT_SEQ, "
            "LAST_COMMIT_SEQ, N_IMAGES, STATISTICS, THRESHOLDS, VERDICT, ACTION, REASONS, CHECKED_AT) SELECT %(id)s, "
            "'r', %(version)s, 1, %(first)s, %(last)s, 9, PARSE_JSON('{}'), PARSE_JSON('{}'), %(verdict)s, 'NONE', "
            "PARSE_JSON(%(reasons)s), SYSDATE()",
            id=check_id,
            version=version,
            first=first,
            last=last,
            verdict=verdict,
            reasons=json.dumps([f"why {check_id}"]),
        )

    return run


def test_each_answer_has_the_verdict_of_the_window_that_held_it(
    warehouse: Warehouse, config: PipelineConfig, add_version: Add, see: Add, answer: Add, check: Add
) -> None:
    # Given an image that version 1 answered first, in the second of its windows, and version 2 again
    for version in (1, 2):
        add_version(version)
    see("a.png")
    answer(1, "a.png", seq=15)
    answer(2, "a.png", seq=20, is_first=False)
    check("c1", 1, 1, 10)
    check("c2", 1, 11, 19, "DATA_DRIFT")
    check("c3", 2, 11, 30)
    check("c4", 1, None, None)

    explanation = explain_image(warehouse, config, "a.png")

    new, old = explanation.answers
    assert (new.version, new.type, new.is_current, new.is_first, new.verdict) == (2, "by 2", True, False, None)
    assert (old.version, old.is_current) == (1, False)
    assert isinstance(old.verdict, Verdict)
    assert (old.verdict.check_id, old.verdict.verdict, old.verdict.reasons) == ("c2", "DATA_DRIFT", ("why c2",))
    assert {number: found.state for number, found in explanation.versions.items()} == {1: "superseded", 2: "champion"}
    assert explanation.current == (new,)


def test_after_a_rollback_the_earlier_answer_counts_again(
    warehouse: Warehouse, config: PipelineConfig, add_version: Add, see: Add, answer: Add, query: Query
) -> None:
    for version in (1, 2):
        add_version(version)
    see("a.png")
    see("b.png")
    answer(1, "a.png")
    answer(2, "a.png", seq=2, is_first=False)
    answer(2, "b.png", seq=3)
    roll_back(warehouse, to=1, expected_event_seq=2, reason="bad", actor="dora", run_id="digits_rollback/2")

    explanation = explain_image(warehouse, config, "a.png")

    assert [answer.version for answer in explanation.current] == [1]
    assert explanation.versions[2].state == "recalled"
    assert explain_image(warehouse, config, "b.png").current == ()
    assert query("SELECT RELATIVE_PATH, VERSION FROM CURRENT_PREDICTIONS ORDER BY 1") == [("a.png", 1), ("b.png", None)]


def test_every_version_of_a_file_is_told_in_either_stage(
    warehouse: Warehouse, config: PipelineConfig, add_version: Add, see: Add, answer: Add, query: Query
) -> None:
    # Given a path in both stages, whose incoming file was replaced, and whose new version is broken
    add_version(1)
    see("a.png", "t", stage="TRAINING_IMAGES")
    see("a.png", "e1", gone=True)
    see("a.png", "e2")
    answer(1, "a.png", "e1")
    query("INSERT INTO QUARANTINE SELECT 'INCOMING_IMAGES', 'a.png', 'e2', 'cut off', 'r', SYSDATE()")
    for label, hour in (("hat", 1), ("shirt", 2)):
        query(
            "INSERT INTO LABELS SELECT 'INCOMING_IMAGES', 'a.png', 'e1', %(label)s, 'random', "
            "DATEADD(HOUR, %(hour)s, '2026-01-01'::TIMESTAMP_NTZ)",
            label=label,
            hour=hour,
        )

    explanation = explain_image(warehouse, config, "a.png")

    assert [(f.stage, f.etag, f.gone_at is None, f.quarantine_reason) for f in explanation.files] == [
        ("TRAINING_IMAGES", "t", True, None),
        ("INCOMING_IMAGES", "e1", False, None),
        ("INCOMING_IMAGES", "e2", True, "cut off"),
    ]
    assert [(label.label, label.source, label.is_current) for label in explanation.labels] == [
        ("hat", "random", False),
        ("shirt", "random", True),
    ]
    assert [(found.etag, found.is_current) for found in explanation.answers] == [("e1", False)], "its file is gone"


@pytest.mark.parametrize("path", ODD_NAMES)
def test_an_odd_name_is_found_as_it_is(
    warehouse: Warehouse, config: PipelineConfig, add_version: Add, see: Add, answer: Add, path: str
) -> None:
    add_version(1)
    see(path)
    answer(1, path)

    explanation = explain_image(warehouse, config, path)

    assert explanation.relative_path == path
    assert [found.type for found in explanation.current] == ["by 1"]


def test_an_unknown_image_is_told_in_one_line_with_similar_ones(
    warehouse: Warehouse, config: PipelineConfig, see: Add, query: Query
) -> None:
    with pytest.raises(UnknownImageError, match=r"has no image a\.png in stage TRAINING_IMAGES or .*: it is empty"):
        explain_image(warehouse, config, "a.png")
    see("shirt/\x1b[31m1.png")
    with pytest.raises(UnknownImageError) as told:
        explain_image(warehouse, config, "shirt/\n1.png")
    assert "has no image shirt/\\n1.png in" in str(told.value)
    assert "the most similar are shirt/\\x1b[31m1.png (stage INCOMING_IMAGES)" in str(told.value)


def test_a_misspelt_path_is_found_among_thousands(warehouse: Warehouse, config: PipelineConfig, query: Query) -> None:
    query(
        "INSERT INTO IMAGES (STAGE, RELATIVE_PATH, ETAG, SIZE, FIRST_SEEN_AT) SELECT 'INCOMING_IMAGES', "
        "'shirt/' || MD5(N::VARCHAR) || '.png', 'e', 1, SYSDATE() "
        "FROM (SELECT ROW_NUMBER() OVER (ORDER BY NULL) AS N FROM TABLE(GENERATOR(ROWCOUNT => 3000)))"
    )
    ((path,),) = query("SELECT MAX(RELATIVE_PATH) FROM IMAGES")

    with pytest.raises(UnknownImageError, match=f"the most similar are {path} "):
        explain_image(warehouse, config, path.replace(".png", "x.png"))


def test_an_image_that_was_forgotten_is_no_spelling_mistake(
    warehouse: Warehouse, config: PipelineConfig, query: Query
) -> None:
    query(
        "INSERT INTO FORGOTTEN SELECT SHA2('INCOMING_IMAGES/a.png'), 'e', NULL, TRUE, 'driftgate/1', "
        "'2026-03-01 10:00:00'::TIMESTAMP_NTZ"
    )
    with pytest.raises(UnknownImageError, match=r"a\.png was forgotten on request on 2026-03-01 10:00 UTC"):
        explain_image(warehouse, config, "a.png")
