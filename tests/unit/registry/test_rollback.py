"""Going back: what is recalled, what shows again, what waits, and who is told no."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.catalog.plan import pending_images
from include.config import PipelineConfig
from include.errors import PromotionRefusedError, RecalledVersionError, RollbackRefusedError
from include.registry import ledger
from include.registry.ledger import NO_CHAMPION_SEQ, champion_event_seq
from include.registry.rollback import Rollback, event_seq_at, previous_version, roll_back
from include.warehouse.loading import LOADED_PREDICTIONS, write_rows
from include.warehouse.session import Warehouse
from include.warehouse.write_back import commit_predictions

Query = Callable[..., list[tuple[Any, ...]]]
AddVersion = Callable[..., None]
Answer = Callable[..., None]
RollBack = Callable[..., Rollback]

ANSWERS = "SELECT RELATIVE_PATH, VERSION FROM CURRENT_PREDICTIONS ORDER BY 1"


@pytest.fixture
def answer(query: Query) -> Answer:
    """A function that puts images and a version's answers to them into the warehouse."""

    def run(version: int, *names: str) -> None:
        for name in names:
            query(
                "INSERT INTO IMAGES (STAGE, RELATIVE_PATH, ETAG, SIZE, FIRST_SEEN_AT) SELECT "
                "'INCOMING_IMAGES', %(name)s, 'e', 1, SYSDATE() WHERE NOT EXISTS ("
                "SELECT 1 FROM IMAGES WHERE RELATIVE_PATH = %(name)s)",
                name=name,
            )
            query(
                "INSERT INTO PREDICTIONS (STAGE, RELATIVE_PATH, ETAG, VERSION, TYPE, CONFIDENCE, SCORES, "
                "PRED_TIMESTAMP, RUN_ID, COMMIT_SEQ) SELECT 'INCOMING_IMAGES', %(name)s, 'e', %(version)s, 'red', 0.9, "
                "PARSE_JSON('[0.9]'), SYSDATE(), 'r', COALESCE(MAX(COMMIT_SEQ), 0) + 1 FROM PREDICTIONS",
                name=name,
                version=version,
            )

    return run


@pytest.fixture
def back(warehouse: Warehouse) -> RollBack:
    """A function that rolls back from the champion of now."""

    def run(to: int | None = None, *, run_id: str | None = None, expected: int | None = None) -> Rollback:
        seq = champion_event_seq(warehouse) if expected is None else expected
        return roll_back(
            warehouse,
            to=to,
            expected_event_seq=seq,
            reason="it sees cats everywhere",
            actor="ann",
            run_id=run_id or f"digits_rollback/{seq}",
        )

    return run


def test_a_rollback_is_one_row_of_the_ledger(add_version: AddVersion, back: RollBack, query: Query) -> None:
    add_version(1)
    add_version(2)

    rollback = back()

    assert rollback == Rollback(version=1, from_version=2, event_seq=3)
    assert rollback.sentence == (
        "version 1 is champion again, in place of version 2; every image that had an answer still has one"
    )
    assert query(
        "SELECT EVENT_SEQ, EVENT, VERSION, FROM_VERSION, ACTOR, REASON, RUN_ID FROM MODEL_EVENTS WHERE EVENT_SEQ > 2"
    ) == [(3, "ROLLED_BACK", 1, 2, "ann", "it sees cats everywhere", "digits_rollback/2")]
    assert query("SELECT VERSION, EVENT_SEQ FROM CHAMPION") == [(1, 3)]


def test_recalled_answers_leave_at_once_and_what_only_they_answered_is_pending(
    add_version: AddVersion, answer: Answer, back: RollBack, query: Query, warehouse: Warehouse, config: PipelineConfig
) -> None:
    add_version(1)
    answer(1, "a", "b", "gone", "broken")
    add_version(2)
    answer(2, "b", "c", "d", "gone too", "broken too")
    query("UPDATE IMAGES SET GONE_AT = SYSDATE() WHERE RELATIVE_PATH LIKE 'gone%'")
    query(
        "INSERT INTO QUARANTINE SELECT STAGE, RELATIVE_PATH, ETAG, 'torn', 'r', SYSDATE() FROM IMAGES "
        "WHERE RELATIVE_PATH LIKE 'broken%'"
    )
    assert query(ANSWERS) == [("a", 1), ("b", 2), ("broken", 1), ("broken too", 2), ("c", 2), ("d", 2)]

    rollback = back()

    assert query(ANSWERS) == [("a", 1), ("b", 1), ("broken", 1), ("broken too", None), ("c", None), ("d", None)]
    assert [key.relative_path for key in pending_images(warehouse, config)] == ["c", "d"]
    assert rollback.n_pending == 2
    assert rollback.sentence.endswith(
        "3 images are affected: for 1 the label stays, for 2 there is none until an inference run has answered"
    )
    assert query("SELECT COUNT(*) FROM PREDICTIONS") == [(9,)]

    # And: forward again, by naming the recalled version
    back(2)

    assert query(ANSWERS) == [("a", 1), ("b", 2), ("broken", 1), ("broken too", 2), ("c", 2), ("d", 2)]
    assert pending_images(warehouse, config) == []


def test_a_long_history(add_version: AddVersion, back: RollBack, warehouse: Warehouse) -> None:
    for version in (1, 2, 3):
        add_version(version)
    assert previous_version(warehouse) == 2

    assert back(1).from_version == 3
    assert previous_version(warehouse) is None  # 2 and 3 are recalled
    assert back(3).version == 3
    assert previous_version(warehouse) == 1  # 2 stays recalled
    add_version(4)
    add_version(5)
    assert [back().version, back().version, back().version] == [4, 3, 1]
    with pytest.raises(RollbackRefusedError, match=r"nothing to go back to: no champion before version 1 is left"):
        back()
    add_version(6)
    assert previous_version(warehouse) == 1
    assert back(4).version == 4
    assert previous_version(warehouse) == 1


@pytest.mark.parametrize(
    ("to", "told"),
    [
        (9, r"there is no version 9: name one that was champion \(1\)"),
        (2, r"version 2 was never champion: name one that was champion \(1\)"),
        (3, r"version 3 is the champion already: name one that was champion \(1\)"),
    ],
)
def test_what_cannot_be_restored_is_refused_with_the_choice(
    add_version: AddVersion, back: RollBack, query: Query, to: int, told: str
) -> None:
    add_version(1)
    add_version(2, is_champion=False)
    add_version(3)

    with pytest.raises(RollbackRefusedError, match=told):
        back(to)

    assert query("SELECT COUNT(*) FROM MODEL_EVENTS WHERE EVENT = 'ROLLED_BACK'") == [(0,)]


def test_with_one_version_there_is_nothing_to_go_back_to(add_version: AddVersion, back: RollBack) -> None:
    with pytest.raises(RollbackRefusedError, match=r"no champion to roll back from: \./driftgate train"):
        back()
    add_version(1)

    with pytest.raises(RollbackRefusedError, match=r"nothing to go back to.*train another with \./driftgate train"):
        back()
    with pytest.raises(RollbackRefusedError, match=r"version 1 is the champion already: no other version was champion"):
        back(1)


def test_a_run_rolls_back_once_however_often_it_is_tried(add_version: AddVersion, back: RollBack, query: Query) -> None:
    for version in (1, 2, 3):
        add_version(version)
    first = back(run_id="one run")

    assert back(run_id="one run", expected=0) == first
    add_version(4)
    assert back(run_id="one run") == first

    assert query("SELECT COUNT(*) FROM MODEL_EVENTS WHERE EVENT = 'ROLLED_BACK'") == [(1,)]
    assert query("SELECT VERSION FROM CHAMPION") == [(4,)]


def test_a_rollback_of_a_former_champion_is_refused(add_version: AddVersion, back: RollBack) -> None:
    add_version(1)
    add_version(2)
    back(expected=2)

    with pytest.raises(RollbackRefusedError, match=r"the champion has changed .* \(version 2 → 1\): look at"):
        back(expected=2, run_id="another")
    with pytest.raises(RollbackRefusedError, match=r"\(version none → 1\)"):
        back(expected=NO_CHAMPION_SEQ, run_id="another")
    with pytest.raises(RollbackRefusedError, match=r"\(version 1, made champion again by event 3\)"):
        back(expected=1, run_id="another")


@pytest.mark.parametrize("to", [None, 1])
def test_of_two_rollbacks_at_once_one_wins_and_the_other_is_told(
    open_session: Callable[[], Warehouse], warehouse: Warehouse, add_version: AddVersion, query: Query, to: int | None
) -> None:
    for version in (1, 2, 3):
        add_version(version)
    asked = champion_event_seq(warehouse)
    start = threading.Barrier(3)
    made: list[Rollback] = []
    told: list[str] = []

    def race(session: Warehouse, run_id: str) -> None:
        start.wait()
        try:
            made.append(roll_back(session, to=to, expected_event_seq=asked, reason="bad", actor=run_id, run_id=run_id))
        except RollbackRefusedError as error:
            told.append(str(error))

    threads = [threading.Thread(target=race, args=(open_session(), f"run {i}")) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [rollback.version for rollback in made] == [to or 2]
    assert len(told) == 2
    assert all(f"(version 3 → {to or 2})" in message for message in told)
    assert query("SELECT VERSION, FROM_VERSION FROM MODEL_EVENTS WHERE EVENT = 'ROLLED_BACK'") == [(to or 2, 3)]


def test_of_two_promotions_and_a_rollback_at_once_one_wins(
    open_session: Callable[[], Warehouse], warehouse: Warehouse, add_version: AddVersion, query: Query
) -> None:
    # Given: a champion, a former one, and two challengers that were measured against the champion
    add_version(1)
    add_version(2)
    add_version(3, is_champion=False)
    add_version(4, is_champion=False)
    asked = champion_event_seq(warehouse)
    changes: list[Callable[[Warehouse], object]] = [
        lambda s: ledger.promote(s, version=3, expected_event_seq=asked, reason="", run_id="training 3"),
        lambda s: ledger.promote(s, version=4, expected_event_seq=asked, reason="", run_id="training 4"),
        lambda s: roll_back(s, to=None, expected_event_seq=asked, reason="bad", actor="ann", run_id="a rollback"),
    ]
    start = threading.Barrier(len(changes))
    refused: list[str] = []

    def race(session: Warehouse, change: Callable[[Warehouse], object]) -> None:
        start.wait()
        try:
            change(session)
        except (PromotionRefusedError, RollbackRefusedError) as error:
            refused.append(str(error))

    threads = [threading.Thread(target=race, args=(open_session(), change)) for change in changes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    # Then: the ledger has one row more, and the losers are told who is champion now
    ((champion, seq),) = query("SELECT VERSION, EVENT_SEQ FROM CHAMPION")
    assert seq == asked + 3
    assert query("SELECT COUNT(*), COUNT(DISTINCT EVENT_SEQ), MAX(EVENT_SEQ) FROM MODEL_EVENTS") == [(seq, seq, seq)]
    assert len(refused) == 2
    assert all(f"champion is version {champion}" in told or f"version 2 → {champion}" in told for told in refused)


def test_the_champion_of_a_moment(add_version: AddVersion, back: RollBack, query: Query, warehouse: Warehouse) -> None:
    before = datetime.now(UTC) - timedelta(days=1)
    add_version(1)
    add_version(2, is_champion=False)
    add_version(3)
    query("UPDATE MODEL_EVENTS SET AT = '2026-03-01 12:00:00.5'::TIMESTAMP_NTZ WHERE EVENT_SEQ = 1")
    query("UPDATE MODEL_EVENTS SET AT = '2026-03-02 12:00:00'::TIMESTAMP_NTZ WHERE EVENT_SEQ = 2")
    query("UPDATE MODEL_EVENTS SET AT = '2026-03-03 12:00:00'::TIMESTAMP_NTZ WHERE EVENT_SEQ = 3")

    def at(*moment: int) -> int:
        return event_seq_at(warehouse, datetime(*moment, tzinfo=UTC))  # type: ignore[misc, arg-type]

    assert at(2026, 3, 1, 12, 0, 0) == NO_CHAMPION_SEQ
    assert at(2026, 3, 1, 12, 0, 0, 500_000) == 1
    assert at(2026, 3, 2, 13) == 1
    assert at(2026, 3, 3, 12, 0, 0) == 3
    berlin = datetime.fromisoformat("2026-03-03T12:59:59.999999+01:00")
    assert event_seq_at(warehouse, berlin) == 1
    query("UPDATE MODEL_EVENTS SET AT = SYSDATE()")
    assert event_seq_at(warehouse, before) == NO_CHAMPION_SEQ
    back()
    assert event_seq_at(warehouse, datetime.now(UTC)) == 4


def test_a_run_whose_version_was_recalled_meanwhile_writes_nothing(
    add_version: AddVersion, answer: Answer, back: RollBack, query: Query, warehouse: Warehouse, tmp_path: Any
) -> None:
    add_version(1)
    add_version(2)
    answer(1, "a")
    file = tmp_path / "answers.parquet"
    row = ("INCOMING_IMAGES", "a", "e", 2, "red", 0.9, "[0.9]", datetime(2026, 1, 1), *(None,) * 6)
    write_rows(file, LOADED_PREDICTIONS, [row])
    back()

    with pytest.raises(RecalledVersionError, match="version 2 was rolled back while it answered"):
        commit_predictions(warehouse, [file], run_id="another run", work_path="work")

    assert query(ANSWERS) == [("a", 1)]
    back(2)
    assert commit_predictions(warehouse, [file], run_id="another run", work_path="work") == 1
    assert query(ANSWERS) == [("a", 2)]
