"""Images that look broken, and a person who declares them the new normal."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from given_answers import LIT, WINDOW, clean, evenly, unsure

from include.config import PipelineConfig
from include.drift.acceptance import accept_check
from include.drift.check import Check
from include.drift.checks import DriftedWindow, read_check, read_drifted_window
from include.errors import AcceptanceRefusedError, UnknownCheckError
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]
Promoted = Callable[..., int]
Answer = Callable[..., None]
RunCheck = Callable[..., Check]
PutImage = Callable[..., Path]

pytestmark = pytest.mark.usefixtures("drawn")

NORMAL, DIM, DARK, LIGHT = (
    [(480.0, 640.0, brightness, 0.2, 0.02) for brightness in evenly(low, low + 0.2, WINDOW)]
    for low in (0.4, 0.25, 0.1, 0.8)
)
"""The looks of images: short and long side, brightness, contrast and sharpness."""


@pytest.fixture
def config(small_window: PipelineConfig) -> PipelineConfig:
    return small_window


@pytest.fixture
def version(promoted: Promoted) -> int:
    """A champion that was accepted on images of a known brightness."""
    return promoted(LIT)


def test_dark_images_are_told_and_nothing_is_learnt_from_them(
    check: RunCheck, version: int, answer: Answer, put_image: PutImage, warehouse: Warehouse
) -> None:
    for number in range(9):
        put_image(f"b/{number}.png", colour=(number, 0, 0))
    answer(version, unsure(WINDOW), images="dark", looks=DARK)

    done = check()

    assert (done.verdict, done.action) == ("BROKEN_IMAGES", "ALERT")
    assert "brightness from 0.5 to 0.2" in "; ".join(done.reasons)
    stored = read_check(warehouse, done.check_id)
    assert stored.signal == "images"
    assert stored.smallest_shift is not None
    assert [jump["statistic"] for jump in stored.statistics["jumps"]] == ["brightness"]
    assert stored.evidence is not None
    assert sum(stored.evidence["image_statistics"]["brightness"]["counts"]) == WINDOW
    assert check().action == "NONE"


def test_images_that_have_not_changed_much_wait_for_a_second_window(
    check: RunCheck, version: int, answer: Answer
) -> None:
    answer(version, clean(WINDOW), images="first", looks=DIM)
    first = check()
    answer(version, clean(WINDOW), images="second", looks=DIM)
    second = check()

    assert (first.verdict, first.action) == ("BROKEN_IMAGES", "NONE")
    assert (second.verdict, second.action) == ("BROKEN_IMAGES", "ALERT")


def test_once_accepted_the_next_check_asks_for_labels_and_then_for_a_retraining(
    check: RunCheck, version: int, answer: Answer, put_image: PutImage, warehouse: Warehouse
) -> None:
    answer(version, clean(WINDOW), images="dark", looks=DARK)
    broken = check()
    accepted = accept_check(warehouse, broken.check_id, reason="a new  camera", actor="ann")

    asks = check()
    waits = check()
    for number in range(5):
        put_image(f"b/{number}.png", colour=(number, 0, 0))
    trains = check()

    assert accepted.sentence == f"ann has declared the images of check {broken.check_id} normal: a new camera"
    assert (asks.verdict, asks.action, asks.n_images) == ("DATA_DRIFT", "REQUEST_LABELS", 0)
    assert asks.reasons[-1] == accepted.sentence
    assert asks.report_path == broken.report_path
    assert waits.action == "NONE"
    assert (trains.verdict, trains.action) == ("DATA_DRIFT", "REQUEST_RETRAINING")
    assert trains.reasons == (f"5 new labels arrived for the drift of check {broken.check_id}", accepted.sentence)
    assert read_check(warehouse, trains.check_id).statistics["open_drift"] == broken.check_id
    windows = [read_drifted_window(warehouse, done.check_id) for done in (broken, asks, trains)]
    assert windows == [DriftedWindow(broken.check_id, version, 1, WINDOW)] * 3


def test_images_like_the_accepted_ones_are_drift_of_the_data_and_others_are_broken(
    check: RunCheck, version: int, answer: Answer, warehouse: Warehouse
) -> None:
    answer(version, clean(WINDOW), images="dark", looks=DARK)
    accept_check(warehouse, check().check_id, reason="a new camera", actor="ann")
    answer(version, clean(WINDOW), images="dark, too", looks=DARK)
    like = check()
    answer(version, clean(WINDOW), images="light", looks=LIGHT)
    other = check()
    answer(version, clean(WINDOW), images="normal", looks=NORMAL)
    back = check()

    assert (like.verdict, like.action) == ("DATA_DRIFT", "REQUEST_LABELS")
    assert "the images have jumped to what a person has declared normal" in "; ".join(like.reasons)
    assert (other.verdict, other.action) == ("BROKEN_IMAGES", "ALERT")
    assert (back.verdict, back.action) == ("STABLE", "NONE")


def test_accepting_twice_changes_nothing(
    check: RunCheck, version: int, answer: Answer, warehouse: Warehouse, query: Query
) -> None:
    answer(version, clean(WINDOW), images="dark", looks=DARK)
    check_id = check().check_id

    first = accept_check(warehouse, check_id, reason="a new camera", actor="ann")

    assert accept_check(warehouse, check_id, reason="it is fine", actor="bob") == first
    assert query("SELECT CHECK_ID, REASON, ACTOR FROM ACCEPTED_CHECKS") == [(check_id, "a new camera", "ann")]


def test_after_a_stable_window_an_acceptance_starts_nothing(
    check: RunCheck, version: int, answer: Answer, warehouse: Warehouse
) -> None:
    answer(version, clean(WINDOW), images="dark", looks=DARK)
    broken = check()
    answer(version, clean(WINDOW), images="normal", looks=NORMAL)
    check()
    accept_check(warehouse, broken.check_id, reason="we will have them again", actor="ann")

    assert check().action == "NONE"


def test_only_broken_images_that_a_reason_is_given_for_can_be_accepted(
    check: RunCheck, version: int, answer: Answer, warehouse: Warehouse, query: Query
) -> None:
    answer(version, clean(WINDOW), images="normal", looks=NORMAL)
    stable = check().check_id
    answer(version, clean(WINDOW), images="dark", looks=DARK)
    broken = check().check_id

    with pytest.raises(UnknownCheckError, match="no check c4ec in DRIFT_CHECKS"):
        accept_check(warehouse, "c4ec", reason="a new camera", actor="ann")
    with pytest.raises(AcceptanceRefusedError, match=f"check {stable} found STABLE: only BROKEN_IMAGES can"):
        accept_check(warehouse, stable, reason="a new camera", actor="ann")
    with pytest.raises(AcceptanceRefusedError, match=f"check {broken} is not accepted without a reason"):
        accept_check(warehouse, broken, reason=" \n", actor="ann")
    query('UPDATE DRIFT_CHECKS SET STATISTICS = PARSE_JSON(\'{"jumps": [{"statistic": "undecodable"}]}\')')
    with pytest.raises(AcceptanceRefusedError, match="images that cannot be decoded"):
        accept_check(warehouse, broken, reason="a new camera", actor="ann")
    assert query("SELECT COUNT(*) FROM ACCEPTED_CHECKS") == [(0,)]
