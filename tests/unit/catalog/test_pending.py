"""Which images wait for an answer."""

from collections.abc import Callable
from typing import Any

import pytest

from include.catalog.plan import pending_images
from include.config import PipelineConfig
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]
Pending = Callable[[str], str]
History = Callable[..., None]

FORMER = "abcdefgh"
"""The images that the former champion answered, in the order of its commits."""


@pytest.fixture
def pending(warehouse: Warehouse, config: PipelineConfig) -> Pending:
    """A function that returns the names of the images that wait."""

    def run(rescore: str) -> str:
        inference = config.inference.model_copy(update={"rescore_on_promotion": rescore})
        keys = pending_images(warehouse, config.model_copy(update={"inference": inference}))
        assert all(key.stage == "INCOMING_IMAGES" and key.etag == "e" for key in keys)
        return "".join(key.relative_path for key in keys)

    return run


@pytest.fixture
def history(query: Query) -> History:
    """A function that tells of one version answering eight images, and of the next, trained for a drift check.

    Answers 1 to 3 were consumed by check one, 4 to 6 by check two; check three consumed none.
    """

    def image(name: str) -> None:
        query(
            "INSERT INTO IMAGES (STAGE, RELATIVE_PATH, ETAG, SIZE, FIRST_SEEN_AT) "
            "SELECT 'INCOMING_IMAGES', %(name)s, 'e', 1, SYSDATE()",
            name=name,
        )

    def answer(version: int, name: str, seq: int) -> None:
        query(
            "INSERT INTO PREDICTIONS (STAGE, RELATIVE_PATH, ETAG, VERSION, TYPE, CONFIDENCE, SCORES, PRED_TIMESTAMP, "
            "RUN_ID, COMMIT_SEQ) SELECT 'INCOMING_IMAGES', %(name)s, 'e', %(version)s, 'red', 0.9, "
            "PARSE_JSON('[0.9]'), SYSDATE(), 'r', %(seq)s",
            name=name,
            version=version,
            seq=seq,
        )

    def champion(version: int, *, check_id: str | None) -> None:
        query(
            "INSERT INTO MODEL_EVENTS "
            "SELECT %(v)s, 'PROMOTED', %(v)s, NULL, 'me', NULL, 'run ' || %(v)s, SYSDATE(), NULL",
            v=version,
        )
        query(
            "INSERT INTO MODEL_VERSIONS SELECT %(v)s, 's', PARSE_JSON('{}'), PARSE_JSON('{}'), 1, 'a', 'b', 1.0, "
            "'run ' || %(v)s, SYSDATE()",
            v=version,
        )
        query(
            "INSERT INTO RUNS (RUN_ID, DAG_ID, KIND, CONFIG, CONFIG_DIGEST, CHECK_ID, STARTED_AT) "
            "SELECT 'run ' || %(v)s, 'd', 'training', PARSE_JSON('{}'), 'd', %(check_id)s, SYSDATE()",
            v=version,
            check_id=check_id,
        )

    def check(check_id: str, version: int, first: int | None, last: int | None, day: int) -> None:
        query(
            "INSERT INTO DRIFT_CHECKS (CHECK_ID, RUN_ID, VERSION, CHAMPION_EVENT_SEQ, FIRST_COMMIT_SEQ, "
            "LAST_COMMIT_SEQ, N_IMAGES, STATISTICS, THRESHOLDS, VERDICT, ACTION, REASONS, REPORT_PATH, CHECKED_AT) "
            "SELECT %(id)s, 'r', %(version)s, 1, %(first)s, %(last)s, 3, PARSE_JSON('{}'), "
            "PARSE_JSON('{}'), 'DATA_DRIFT', 'ALERT', PARSE_JSON('[]'), NULL, "
            "DATEADD(DAY, %(day)s, '2026-01-01'::TIMESTAMP_NTZ)",
            id=check_id,
            version=version,
            first=first,
            last=last,
            day=day,
        )

    def run(*, asked_by: str | None) -> None:
        champion(1, check_id=None)
        for seq, name in enumerate(FORMER, start=1):
            image(name)
            answer(1, name, seq)
        image("x")
        check("of another", 9, 1, 8, 0)
        check("one", 1, 1, 3, 1)
        check("two", 1, 4, 6, 2)
        check("three", 1, None, None, 3)
        check("later", 1, 7, 8, 4)
        champion(2, check_id=asked_by)
        answer(2, "b", 101)
        answer(2, "e", 102)

    return run


@pytest.mark.parametrize(
    ("rescore", "asked_by", "waits"),
    [
        ("none", "two", "x"),
        ("all", "two", "acdfghx"),
        ("window", "one", "acx"),
        ("window", "two", "dfx"),
        ("window", "three", "dfx"),  # it asked when labels came: for the window before
        ("window", None, "x"),
        ("window", "unknown", "x"),
    ],
)
def test_a_new_champion_answers_again_what_the_pipeline_says(
    history: History, pending: Pending, rescore: str, asked_by: str | None, waits: str
) -> None:
    history(asked_by=asked_by)

    assert pending(rescore) == waits


@pytest.mark.parametrize("rescore", ["none", "window", "all"])
def test_gone_and_unreadable_images_never_wait(history: History, pending: Pending, query: Query, rescore: str) -> None:
    history(asked_by="two")
    query("UPDATE IMAGES SET GONE_AT = SYSDATE() WHERE RELATIVE_PATH IN ('d', 'x')")
    query(
        "INSERT INTO QUARANTINE SELECT STAGE, RELATIVE_PATH, ETAG, 'torn', 'r', SYSDATE() FROM IMAGES "
        "WHERE RELATIVE_PATH IN ('f', 'g')"
    )

    assert pending(rescore) == {"none": "", "window": "", "all": "ach"}[rescore]


@pytest.mark.parametrize("rescore", ["none", "window", "all"])
def test_before_the_first_champion_all_images_wait(pending: Pending, query: Query, rescore: str) -> None:
    query(
        "INSERT INTO IMAGES (STAGE, RELATIVE_PATH, ETAG, SIZE, FIRST_SEEN_AT) "
        "SELECT 'INCOMING_IMAGES', 'a', 'e', 1, SYSDATE()"
    )

    assert pending(rescore) == "a"


@pytest.mark.parametrize("rescore", ["none", "window", "all"])
def test_after_a_rollback_only_what_the_recalled_version_alone_has_answered_waits(
    history: History, pending: Pending, query: Query, rescore: str
) -> None:
    history(asked_by="two")
    query(
        "INSERT INTO IMAGES (STAGE, RELATIVE_PATH, ETAG, SIZE, FIRST_SEEN_AT) "
        "SELECT 'INCOMING_IMAGES', 'y', 'e', 1, SYSDATE()"
    )
    query(
        "INSERT INTO PREDICTIONS (STAGE, RELATIVE_PATH, ETAG, VERSION, TYPE, CONFIDENCE, SCORES, PRED_TIMESTAMP, "
        "RUN_ID, COMMIT_SEQ) SELECT 'INCOMING_IMAGES', 'y', 'e', 2, 'red', 0.9, PARSE_JSON('[0.9]'), SYSDATE(), "
        "'r', 103"
    )

    query("INSERT INTO MODEL_EVENTS SELECT 3, 'ROLLED_BACK', 1, 2, 'me', NULL, 'r', SYSDATE(), NULL")

    assert pending(rescore) == "xy"
