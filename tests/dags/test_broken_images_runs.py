"""Runs that stop because their images are broken: nothing is written, people are told once, the readable ones go on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dag_runs import Mailbox, kinds, ran, states, text

pytestmark = pytest.mark.slow

Query = Callable[..., list[tuple[Any, ...]]]
PutImage = Callable[..., Path]
Run = Callable[..., Any]

OUTCOME = "SELECT OUTCOME FROM RUNS ORDER BY STARTED_AT DESC LIMIT 1"


@pytest.fixture
def put_page(put_image: PutImage) -> Callable[..., None]:
    """A function that puts what is no image into a stage."""

    def put(path: str, *, stage: str) -> None:
        put_image(path, colour=(0, 0, 0), stage=stage).write_text(f"<!DOCTYPE html><p>{path} was not found")

    return put


def test_inference_stops_at_broken_images_and_the_next_run_answers_the_readable_ones(
    trained_champion: None,
    put_page: Callable[..., None],
    run: Run,
    query: Query,
    mailbox: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    # Given: a champion, and six pages of HTML among nine new images
    for n in range(6):
        put_page(f"{'blue' if n % 2 else 'red'} <b>&'{n}.jpg", stage="new")

    # When
    stopped = run("inference")

    # Then: nothing is written, nothing is judged
    assert stopped.state == "failed"
    assert states(stopped)["predict"] == "success success"
    assert states(stopped)["commit_predictions"] == states(stopped)["report_failures"] == "failed"
    assert states(stopped)["check_drift"] == "upstream_failed"
    assert query("SELECT COUNT(*) FROM PREDICTIONS") == query("SELECT COUNT(*) FROM DRIFT_CHECKS") == [(0,)]
    numbers = "6 of 15 images cannot be decoded (40.0%)"
    assert query(OUTCOME) == [(f"BROKEN_IMAGES: {numbers}; failed: commit_predictions",)]
    assert f"{numbers}, and images.max_bad_fraction allows 10.0%" in capfd.readouterr().out

    # Then: one mail tells it
    assert kinds(mailbox) == ["broken"]
    assert mailbox[0]["subject"].endswith("images are broken: 6 of 15 cannot be decoded")
    assert "is not an image (JPEG, PNG, WEBP, GIF, BMP, TIFF): 6 images (" in text(mailbox[0])
    assert "blue <b>&'1.jpg" in text(mailbox[0])
    assert "the next run answers them" in text(mailbox[0])

    # When: the next run comes
    again = run("inference")

    # Then: it answers the readable images
    assert again.state == "success"
    assert query("SELECT COUNT(*), COUNT(VERSION) FROM CURRENT_PREDICTIONS") == [(15, 9)]
    assert query(OUTCOME)[0][0].startswith("9 images classified, 9 answers are new")
    assert len(mailbox) == 1

    # When: more of them come, and another batch cannot be prepared at all
    for n in range(12):
        put_page(f"page {n}.jpg", stage="new")
    from include.errors import StoreError
    from include.registry import answering

    answer = answering.answer_batch

    def refuse_the_first_batch(warehouse: Any, store: Any, batch: Any, **values: Any) -> Any:
        if "page 0.jpg" in str(store.read(batch.path)):
            raise StoreError("the disk is full")
        return answer(warehouse, store, batch, **values)

    with monkeypatch.context() as patched:
        patched.setattr(answering, "answer_batch", refuse_the_first_batch)
        run("inference")

    # Then: both are told
    assert query(OUTCOME)[0][0].startswith("BROKEN_IMAGES: 6 of 12 images cannot be decoded (50.0%); failed: ")
    assert "predict[0]" in query(OUTCOME)[0][0]
    assert sorted(kinds(mailbox)[1:]) == ["broken", "failed"]


def test_training_stops_at_broken_images_before_it_trains(
    pictures: None, put_page: Callable[..., None], run: Run, query: Query, mailbox: Mailbox
) -> None:
    # Given: 7 of 67 labelled images cannot be decoded
    for n in range(7):
        put_page(f"red/page {n}.jpg", stage="train")

    # When
    stopped = run("training")

    # Then
    assert stopped.state == "failed"
    assert states(stopped)["preprocess"] == "success success"
    assert states(stopped)["train"] == states(stopped)["announce"] == "failed"
    assert not ran(stopped) & {"evaluate", "promote"}
    assert query("SELECT COUNT(*) FROM MODEL_VERSIONS") == [(0,)]
    assert query(OUTCOME) == [("BROKEN_IMAGES: 7 of 67 images cannot be decoded (10.4%); failed: train",)]
    assert kinds(mailbox) == ["broken"]
    assert "every training run stops here until they are repaired or removed" in text(mailbox[0])
