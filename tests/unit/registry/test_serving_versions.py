"""Which versions' answers count: the words of the design, as views over the ledger."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from include.registry.rollback import previous_version
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]

PROMOTED, BACK_TO = "PROMOTED", "ROLLED_BACK"


def append(query: Query, seq: int, event: str, version: int) -> None:
    query(
        "INSERT INTO MODEL_EVENTS SELECT %(seq)s, %(event)s, %(version)s, NULL, 'me', NULL, 'run', SYSDATE(), NULL",
        seq=seq,
        event=event,
        version=version,
    )


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
        append(query, seq, event, version)

    assert query("SELECT VERSION FROM CHAMPION") == ([(champion,)] if champion else [])
    assert query("SELECT VERSION FROM RECALLED_VERSIONS ORDER BY 1") == [(version,) for version in recalled]
    assert query("SELECT VERSION FROM SERVING_VERSIONS ORDER BY PREFERENCE") == [(version,) for version in serving]


@pytest.mark.parametrize("seed", range(4))
def test_after_any_history_the_views_say_what_the_words_mean(query: Query, warehouse: Warehouse, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    promoted: list[int] = []
    recalled: set[int] = set()
    champion = 0
    for seq in range(1, 26):
        if len(promoted) < 2 or chance.random() < 0.35:
            champion = len(promoted) + 1
            promoted.append(champion)
            append(query, seq, PROMOTED, champion)
        else:
            # A rollback recalls every version promoted since its target, and brings back the one that it names.
            champion = chance.choice([version for version in promoted if version != champion])
            recalled = (recalled - {champion}) | {version for version in promoted if version > champion}
            append(query, seq, BACK_TO, champion)
        serving = [champion, *(v for v in reversed(promoted) if v not in recalled | {champion})]

        assert query("SELECT VERSION FROM CHAMPION") == [(champion,)]
        assert {v for (v,) in query("SELECT VERSION FROM RECALLED_VERSIONS")} == recalled
        assert [v for (v,) in query("SELECT VERSION FROM SERVING_VERSIONS ORDER BY PREFERENCE")] == serving
        assert previous_version(warehouse) == (serving[1] if serving[1:] else None)


def test_the_view_shows_the_champions_answer_else_the_latest_and_an_image_without_one(query: Query) -> None:
    for name in ("a", "b", "c"):
        query(
            "INSERT INTO IMAGES (STAGE, RELATIVE_PATH, ETAG, SIZE, FIRST_SEEN_AT) "
            "SELECT 'INCOMING_IMAGES', %(name)s, 'e', 1, SYSDATE()",
            name=name,
        )
    for version in (1, 2):
        query(
            "INSERT INTO MODEL_EVENTS SELECT %(v)s, 'PROMOTED', %(v)s, NULL, 'me', NULL, 'r', SYSDATE(), NULL",
            v=version,
        )
    for name, version in (("a", 1), ("a", 2), ("b", 1)):
        query(
            "INSERT INTO PREDICTIONS (STAGE, RELATIVE_PATH, ETAG, VERSION, TYPE, CONFIDENCE, SCORES, PRED_TIMESTAMP, "
            "RUN_ID, COMMIT_SEQ) SELECT 'INCOMING_IMAGES', %(name)s, 'e', %(version)s, %(type)s, 0.9, "
            "PARSE_JSON('[0.9]'), SYSDATE(), 'r', %(version)s",
            name=name,
            version=version,
            type=f"by {version}",
        )
    answers = "SELECT RELATIVE_PATH, TYPE, VERSION FROM CURRENT_PREDICTIONS ORDER BY 1"
    assert query(answers) == [("a", "by 2", 2), ("b", "by 1", 1), ("c", None, None)]

    query("INSERT INTO MODEL_EVENTS SELECT 3, 'ROLLED_BACK', 1, 2, 'me', NULL, 'r', SYSDATE(), NULL")

    assert query(answers) == [("a", "by 1", 1), ("b", "by 1", 1), ("c", None, None)]
