"""Which versions' answers count: the words of the design, as views over the ledger."""

from collections.abc import Callable
from typing import Any

import pytest

Query = Callable[..., list[tuple[Any, ...]]]

PROMOTED, BACK_TO = "PROMOTED", "ROLLED_BACK"


@pytest.mark.parametrize(
    ("history", "champion", "recalled", "serving"),
    [
        ([], None, [], []),
        ([(PROMOTED, 1)], 1, [], [1]),
        ([(PROMOTED, 1), (PROMOTED, 2), (PROMOTED, 3)], 3, [], [3, 2, 1]),
        ([(PROMOTED, 1), (PROMOTED, 2), (PROMOTED, 3), (BACK_TO, 1)], 1, [2, 3], [1]),
        ([(PROMOTED, 1), (PROMOTED, 2), (PROMOTED, 3), (BACK_TO, 2)], 2, [3], [2, 1]),
        ([(PROMOTED, 1), (PROMOTED, 2), (BACK_TO, 1), (PROMOTED, 3)], 3, [2], [3, 1]),
        ([(PROMOTED, 1), (PROMOTED, 2), (BACK_TO, 1), (BACK_TO, 2)], 2, [], [2, 1]),
        ([(PROMOTED, 1), (PROMOTED, 2), (PROMOTED, 3), (BACK_TO, 1), (BACK_TO, 2)], 2, [3], [2, 1]),
        ([(PROMOTED, 1), (PROMOTED, 2), (BACK_TO, 1), (BACK_TO, 2), (BACK_TO, 1)], 1, [2], [1]),
    ],
)
def test_a_rollback_recalls_what_was_promoted_since_its_target(
    query: Query, history: list[tuple[str, int]], champion: int | None, recalled: list[int], serving: list[int]
) -> None:
    for seq, (event, version) in enumerate(history, start=1):
        query(
            "INSERT INTO MODEL_EVENTS SELECT %(seq)s, %(event)s, %(version)s, NULL, 'me', NULL, 'run', SYSDATE()",
            seq=seq,
            event=event,
            version=version,
        )

    assert query("SELECT VERSION FROM CHAMPION") == ([(champion,)] if champion else [])
    assert query("SELECT VERSION FROM RECALLED_VERSIONS ORDER BY 1") == [(version,) for version in recalled]
    assert query("SELECT VERSION FROM SERVING_VERSIONS ORDER BY PREFERENCE") == [(version,) for version in serving]


def test_the_view_shows_the_champions_answer_else_the_latest_and_an_image_without_one(query: Query) -> None:
    for name in ("a", "b", "c"):
        query(
            "INSERT INTO IMAGES (STAGE, RELATIVE_PATH, ETAG, SIZE, FIRST_SEEN_AT) "
            "SELECT 'INCOMING_IMAGES', %(name)s, 'e', 1, SYSDATE()",
            name=name,
        )
    for version in (1, 2):
        query(
            "INSERT INTO MODEL_EVENTS SELECT %(version)s, 'PROMOTED', %(version)s, NULL, 'me', NULL, 'r', SYSDATE()",
            version=version,
        )
    for name, version in (("a", 1), ("a", 2), ("b", 1)):
        query(
            "INSERT INTO PREDICTIONS SELECT 'INCOMING_IMAGES', %(name)s, 'e', %(version)s, %(type)s, 0.9, "
            "PARSE_JSON('[0.9]'), SYSDATE(), 'r', %(version)s",
            name=name,
            version=version,
            type=f"by {version}",
        )
    answers = "SELECT RELATIVE_PATH, TYPE, VERSION FROM CURRENT_PREDICTIONS ORDER BY 1"
    assert query(answers) == [("a", "by 2", 2), ("b", "by 1", 1), ("c", None, None)]

    query("INSERT INTO MODEL_EVENTS SELECT 3, 'ROLLED_BACK', 1, 2, 'me', NULL, 'r', SYSDATE()")

    assert query(answers) == [("a", "by 1", 1), ("b", "by 1", 1), ("c", None, None)]
