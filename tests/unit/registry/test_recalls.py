"""What a rollback changes for those who read the answers: by pairs of labels, in the ledger and in words."""

from collections.abc import Callable
from typing import Any

import pytest

from include.registry import recalls
from include.registry.ledger import champion_event_seq
from include.registry.recalls import LabelChange, Recall, read_recall
from include.registry.rollback import Rollback, roll_back
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]
AddVersion = Callable[..., None]
Answer = Callable[..., None]
RollBack = Callable[..., Rollback]

RECALLS = "SELECT VERSION, TYPE_BEFORE, TYPE_AFTER, N_IMAGES FROM RECALLS WHERE EVENT_SEQ = %(seq)s"
CURRENT = "SELECT RELATIVE_PATH, VERSION, TYPE FROM CURRENT_PREDICTIONS ORDER BY 1"

Rows = set[tuple[Any, ...]]


@pytest.fixture
def answer(query: Query) -> Answer:
    """A function that puts a version's answers into the warehouse, and the images if they are not there."""

    def run(version: int, **labels: str) -> None:
        for name, label in labels.items():
            query(
                "INSERT INTO IMAGES (STAGE, RELATIVE_PATH, ETAG, SIZE, FIRST_SEEN_AT) SELECT "
                "'INCOMING_IMAGES', %(name)s, 'e', 1, SYSDATE() WHERE NOT EXISTS ("
                "SELECT 1 FROM IMAGES WHERE RELATIVE_PATH = %(name)s)",
                name=name,
            )
            query(
                "INSERT INTO PREDICTIONS (STAGE, RELATIVE_PATH, ETAG, VERSION, TYPE, CONFIDENCE, SCORES, "
                "PRED_TIMESTAMP, RUN_ID, COMMIT_SEQ) SELECT 'INCOMING_IMAGES', %(name)s, 'e', %(version)s, %(label)s, "
                "0.9, PARSE_JSON('[0.9]'), SYSDATE(), 'r', COALESCE(MAX(COMMIT_SEQ), 0) + 1 FROM PREDICTIONS",
                name=name,
                version=version,
                label=label,
            )

    return run


@pytest.fixture
def back(warehouse: Warehouse) -> RollBack:
    """A function that rolls back from the champion of now."""

    def run(to: int | None = None, *, run_id: str | None = None) -> Rollback:
        seq = champion_event_seq(warehouse)
        return roll_back(
            warehouse, to=to, expected_event_seq=seq, reason="bad", actor="ann", run_id=run_id or f"rollback/{seq}"
        )

    return run


@pytest.fixture
def recalled(query: Query) -> Callable[[Rollback], Rows]:
    """A function that returns the rows of a rollback."""
    return lambda rollback: set(query(RECALLS, seq=rollback.event_seq))


@pytest.fixture
def three_versions(add_version: AddVersion, answer: Answer) -> None:
    """A, B and C, champions one after the other, and what each has answered."""
    add_version(1)
    answer(1, both="cat", only_a="cat", all_three="cat", same="dog", a_and_c="dog")
    add_version(2)
    answer(2, both="dog", only_b="dog", all_three="dog", same="dog")
    add_version(3)
    answer(3, all_three="cow", same="dog", a_and_c="cow", only_c="cow", b_no_more="cow")


@pytest.mark.usefixtures("three_versions")
def test_two_versions_are_recalled_and_then_the_last_comes_back_by_name(
    back: RollBack, recalled: Callable[[Rollback], Rows]
) -> None:
    # When: from C to A
    to_a = back(1)

    # Then: each image is listed with the version whose answer counted, be it C or B
    assert recalled(to_a) == {
        (2, "dog", "cat", 1),  # both
        (2, "dog", None, 1),  # only_b
        (3, "cow", "cat", 1),  # all_three
        (3, "dog", "dog", 1),  # same
        (3, "cow", "dog", 1),  # a_and_c
        (3, "cow", None, 2),  # only_c, b_no_more
    }
    assert to_a.recall == Recall(
        n_kept=1,
        n_changed=3,
        n_pending=3,
        changes=(
            LabelChange(type_before="cow", type_after="cat", n_images=1),
            LabelChange(type_before="cow", type_after="dog", n_images=1),
            LabelChange(type_before="dog", type_after="cat", n_images=1),
        ),
        n_changes=3,
    )

    # And: forward again to C, by its name. B stays recalled, so only_b goes on waiting, and both keeps A's answer
    to_c = back(3)
    assert recalled(to_c) == {
        (1, "cat", "cow", 1),
        (1, "dog", "dog", 1),
        (1, "dog", "cow", 1),
        (None, None, "cow", 2),
    }
    assert to_c.recall.n_brought_back == 2
    assert "for 2 there is one again" in to_c.sentence


@pytest.mark.usefixtures("three_versions")
def test_only_the_answers_of_the_recalled_version_are_listed(
    back: RollBack, recalled: Callable[[Rollback], Rows]
) -> None:
    to_b = back()

    assert recalled(to_b) == {
        (3, "cow", "dog", 2),  # all_three by B, a_and_c by A: B has not answered it
        (3, "dog", "dog", 1),
        (3, "cow", None, 2),
    }
    # And: one further, what waits already is not listed again
    to_a = back()
    assert recalled(to_a) == {(2, "dog", "cat", 2), (2, "dog", "dog", 1), (2, "dog", None, 1)}


@pytest.mark.usefixtures("three_versions")
def test_the_rows_are_what_a_reader_of_the_view_sees_change(
    back: RollBack, query: Query, recalled: Callable[[Rollback], Rows]
) -> None:
    for to in (2, 1, 2, 3, 1, 3):
        before = {path: (version, label) for path, version, label in query(CURRENT)}
        rows = recalled(back(to))
        expected: dict[tuple[Any, ...], int] = {}
        for path, version, label in query(CURRENT):
            if before[path][0] != version:
                pair = (*before[path], label)
                expected[pair] = expected.get(pair, 0) + 1

        assert rows == {(*pair, n) for pair, n in expected.items()}, to


def test_what_is_gone_broken_or_forgotten_is_not_counted(
    add_version: AddVersion, answer: Answer, back: RollBack, query: Query, recalled: Callable[[Rollback], Rows]
) -> None:
    add_version(1)
    answer(1, gone="cat", broken="cat", forgotten="cat", here="cat")
    add_version(2)
    answer(2, gone="dog", broken="dog", forgotten="dog", here="dog")
    query("UPDATE IMAGES SET GONE_AT = SYSDATE() WHERE RELATIVE_PATH = 'gone'")
    query(
        "INSERT INTO QUARANTINE SELECT STAGE, RELATIVE_PATH, ETAG, 'torn', 'r', SYSDATE() FROM IMAGES "
        "WHERE RELATIVE_PATH = 'broken'"
    )
    for table in ("IMAGES", "PREDICTIONS"):
        query(f"DELETE FROM {table} WHERE RELATIVE_PATH = 'forgotten'")  # noqa: S608

    assert recalled(back()) == {(2, "dog", "cat", 1)}


def test_of_an_image_that_was_replaced_the_version_that_is_there_counts(
    add_version: AddVersion, answer: Answer, back: RollBack, query: Query, recalled: Callable[[Rollback], Rows]
) -> None:
    add_version(1)
    answer(1, image="cat")
    add_version(2)
    query("UPDATE IMAGES SET GONE_AT = SYSDATE()")
    query(
        "INSERT INTO IMAGES (STAGE, RELATIVE_PATH, ETAG, SIZE, FIRST_SEEN_AT) "
        "SELECT STAGE, RELATIVE_PATH, 'e2', 1, SYSDATE() FROM IMAGES"
    )
    answer(2, image="dog")
    query("UPDATE PREDICTIONS SET ETAG = 'e2' WHERE VERSION = 2")

    assert recalled(back()) == {(2, "dog", None, 1)}


@pytest.mark.usefixtures("three_versions")
def test_a_task_that_is_tried_again_tells_what_was_made_even_when_it_is_answered_by_now(
    back: RollBack, answer: Answer, query: Query
) -> None:
    first = back(run_id="one run")
    answer(2, only_c="cat", b_no_more="cat")

    assert back(run_id="one run") == first
    assert first.n_pending == 2
    assert Rollback.from_json(first.to_json()) == first
    assert query("SELECT COUNT(DISTINCT EVENT_SEQ) FROM RECALLS") == [(1,)]


@pytest.mark.usefixtures("three_versions")
def test_a_rollback_whose_answers_cannot_be_compared_is_not_made(
    back: RollBack, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr("include.registry.rollback.record_recall", fail)
        with pytest.raises(RuntimeError):
            back()

    assert query("SELECT VERSION FROM CHAMPION") == [(3,)]
    assert back().recall.n_images == 5


def test_a_rollback_of_an_older_release_is_told_without_its_images(warehouse: Warehouse) -> None:
    assert read_recall(warehouse, event_seq=7) == Recall()


def test_without_answers_nothing_is_affected(
    add_version: AddVersion, back: RollBack, recalled: Callable[[Rollback], Rows]
) -> None:
    add_version(1)
    add_version(2)

    rollback = back()

    assert recalled(rollback) == set()
    assert rollback.sentence.endswith("every image that had an answer still has one")


def test_the_most_frequent_changes_are_told_and_how_many_there_are_more(
    add_version: AddVersion, answer: Answer, back: RollBack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recalls, "MAX_CHANGES", 2)
    add_version(1)
    answer(1, a="cat", b="cat", c="cat", d="dog", e="cow")
    add_version(2)
    answer(2, a="dog", b="dog", c="cow", d="cat", e="dog")

    assert back().recall.sentence == (
        "5 images are affected: for 5 it changes (2 from dog to cat, 1 from cat to dog, and 2 more)"
    )


@pytest.mark.parametrize(
    ("recall", "told"),
    [
        (Recall(n_kept=1), "1 image is affected: for 1 the label stays"),
        (
            Recall(n_kept=1200, n_pending=3000),
            "4,200 images are affected: for 1,200 the label stays, for 3,000 there is none until an inference run has "
            "answered",
        ),
        (Recall(n_brought_back=2), "2 images are affected: for 2 there is one again"),
    ],
)
def test_the_sentence_says_only_what_there_is(recall: Recall, told: str) -> None:
    assert recall.sentence == told
