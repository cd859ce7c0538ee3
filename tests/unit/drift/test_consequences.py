"""What follows from drift: requests for labels and for retraining, and going back, within an episode."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from given_answers import OLD, WINDOW, baseline_of, clean, counts, evenly, less_sure, unsure

from include.config import PipelineConfig
from include.config_parts import PromotionConfig, RetrainingConfig
from include.drift import previous
from include.drift.backtest.runs import record_backtest
from include.drift.check import Check
from include.drift.checks import read_check
from include.drift.statistics.window import WindowCounts
from include.registry.ledger import champion_event_seq
from include.registry.rollback import roll_back
from include.warehouse.session import Warehouse

BETTER = baseline_of(evenly(0.85, 1.0, 300))
"""Of a version that is surer, and right more often, than `SURE`."""

Query = Callable[..., list[tuple[Any, ...]]]
Promoted = Callable[..., int]
Answer = Callable[..., None]
RunCheck = Callable[..., Check]
PutImage = Callable[..., Path]

pytestmark = pytest.mark.usefixtures("drawn")


@pytest.fixture
def config(small_window: PipelineConfig) -> PipelineConfig:
    return small_window


def test_drift_without_an_earlier_version_asks_for_labels_and_then_for_retraining_once(
    check: RunCheck, promoted: Promoted, answer: Answer, put_image: PutImage, warehouse: Warehouse
) -> None:
    version = promoted()
    answer(version, unsure(WINDOW), images="first")
    put_image("a/known.png", colour=(1, 2, 3))

    asks = check()
    assert (asks.verdict, asks.action) == ("DATA_DRIFT", "REQUEST_LABELS")
    assert asks.reasons[-1] == "there are 1 new labels, retraining needs 5: label some of the new images"
    assert read_check(warehouse, asks.check_id).statistics["n_new_labels"] == 1

    waits = check()
    assert (waits.verdict, waits.action) == ("INSUFFICIENT_DATA", "NONE")

    for number in range(4):
        put_image(f"b/{number}.png", colour=(number, 0, 0))
    requests = check()
    assert (requests.verdict, requests.action) == ("DATA_DRIFT", "REQUEST_RETRAINING")
    arrived = f"5 new labels arrived for the drift of check {asks.check_id}"
    assert requests.reasons == (arrived, asks.reasons[0])
    assert requests.report_path == asks.report_path
    assert read_check(warehouse, requests.check_id).statistics["open_drift"] == asks.check_id
    assert requests.n_images == 0

    assert check().action == "NONE"
    answer(version, unsure(WINDOW), images="second")
    again = check()
    assert (again.verdict, again.action) == ("DATA_DRIFT", "ALERT")
    assert f"check {requests.check_id} has asked for retraining" in again.reasons[-1]


def test_labels_that_arrive_for_a_champion_that_was_replaced_are_not_waited_for(
    check: RunCheck, promoted: Promoted, answer: Answer, put_image: PutImage
) -> None:
    answer(promoted(), unsure(WINDOW), images="first")
    assert check().action == "REQUEST_LABELS"
    promoted()
    for number in range(9):
        put_image(f"b/{number}.png", colour=(number, 0, 0))

    assert check().verdict == "INSUFFICIENT_DATA"


def test_a_stable_window_ends_the_episode_but_not_the_cool_down(
    check: RunCheck, promoted: Promoted, answer: Answer, put_image: PutImage, query: Query
) -> None:
    version = promoted()
    for number in range(9):
        put_image(f"b/{number}.png", colour=(number, 0, 0))
    answer(version, unsure(WINDOW), images="first")
    assert check().action == "REQUEST_RETRAINING"
    answer(version, clean(WINDOW), images="second")
    assert check().verdict == "STABLE"

    answer(version, unsure(WINDOW), images="third")
    cooling = check()
    assert cooling.action == "ALERT"
    assert "the last request was 0.0 hours ago" in cooling.reasons[-1]

    query("UPDATE DRIFT_CHECKS SET CHECKED_AT = DATEADD(DAY, -2, CHECKED_AT)")
    answer(version, unsure(WINDOW), images="fourth")
    assert check().action == "REQUEST_RETRAINING"


def test_another_mix_of_classes_does_not_end_an_episode(
    check: RunCheck, promoted: Promoted, answer: Answer, put_image: PutImage
) -> None:
    version = promoted()
    for number in range(9):
        put_image(f"b/{number}.png", colour=(number, 0, 0))
    answer(version, unsure(WINDOW), images="first")
    requests = check()
    answer(version, clean(WINDOW), images="second", predicted=["b"] * WINDOW)
    assert check().verdict == "MIX_CHANGED"
    answer(version, unsure(WINDOW), images="third")

    again = check()

    assert (requests.action, again.action) == ("REQUEST_RETRAINING", "ALERT")
    assert f"check {requests.check_id} has asked for retraining" in again.reasons[-1]


def test_requests_of_the_last_week_use_up_the_budget(
    check: RunCheck, promoted: Promoted, answer: Answer, put_image: PutImage, query: Query, config: PipelineConfig
) -> None:
    one_a_week = config.model_copy(
        update={"retraining": RetrainingConfig(mode="automatic", min_new_labels=5, cooldown_hours=0, weekly_budget=1)}
    )
    version = promoted()
    for number in range(9):
        put_image(f"b/{number}.png", colour=(number, 0, 0))
    actions = []
    for days, images in ((2, "first"), (6, "second"), (0, "third")):
        answer(version, unsure(WINDOW), images=images)
        actions.append(check(config=one_a_week).action)
        answer(version, clean(WINDOW), images=f"{images}, mended")
        assert check().verdict == "STABLE"
        query("UPDATE DRIFT_CHECKS SET CHECKED_AT = DATEADD(DAY, -%(days)s, CHECKED_AT)", days=days)

    assert actions == ["REQUEST_RETRAINING", "ALERT", "REQUEST_RETRAINING"]


def test_labels_that_the_champion_knows_are_not_new(
    check: RunCheck, promoted: Promoted, answer: Answer, put_image: PutImage, query: Query, warehouse: Warehouse
) -> None:
    version = promoted(snapshot_id="known")
    for number in range(4):
        put_image(f"b/{number}.png", colour=(number, 0, 0))
    answer(version, unsure(WINDOW), images="first")
    check()
    query("UPDATE IMAGES SET CONTENT_SHA256 = RELATIVE_PATH")
    query(
        "INSERT INTO SNAPSHOT_IMAGES SELECT 'known', STAGE, RELATIVE_PATH, ETAG, LABEL, 'path', 'train', "
        "CONTENT_SHA256 FROM IMAGES WHERE RELATIVE_PATH <> 'b/3.png'"
    )
    query("INSERT INTO IMAGES SELECT 'INCOMING_IMAGES', 'x.png', 'e', 1, NULL, NULL, NULL, NULL, NULL, SYSDATE(), NULL")
    for stage, path in (("TRAINING_IMAGES", "b/0.png"), ("TRAINING_IMAGES", "b/1.png"), ("INCOMING_IMAGES", "x.png")):
        query(
            "INSERT INTO LABELS SELECT STAGE, RELATIVE_PATH, ETAG, %(label)s, 'person', SYSDATE() FROM IMAGES "
            "WHERE STAGE = %(stage)s AND RELATIVE_PATH = %(path)s",
            stage=stage,
            path=path,
            label="b" if path == "b/0.png" else "c",
        )
    answer(version, unsure(WINDOW), images="second")

    done = check()

    # b/1.png relabelled, b/3.png unknown, x.png labelled; b/0.png and b/2.png are as they were
    assert read_check(warehouse, done.check_id).statistics["n_new_labels"] == 3


def test_an_emptied_training_folder_does_not_fail_the_check(
    check: RunCheck,
    promoted: Promoted,
    answer: Answer,
    put_image: PutImage,
    warehouse: Warehouse,
    caplog: pytest.LogCaptureFixture,
) -> None:
    version = promoted()
    images = [put_image(f"b/{number}.png", colour=(number, 0, 0)) for number in range(4)]
    answer(version, unsure(WINDOW), images="first")
    check()
    for image in images:
        image.unlink()
    answer(version, unsure(WINDOW), images="second")

    with caplog.at_level(logging.WARNING):
        done = check()

    assert read_check(warehouse, done.check_id).statistics["n_new_labels"] == 4
    assert (
        "without a new look at stage TRAINING_IMAGES: stage TRAINING_IMAGES no longer holds 4 of its 4" in caplog.text
    )


def test_a_previous_version_that_is_at_home_is_rolled_back_to(
    check: RunCheck, promoted: Promoted, answer: Answer, asked: MagicMock, warehouse: Warehouse
) -> None:
    first = promoted(baseline_of(evenly(0.6, 0.9, 300)))
    second = promoted()
    answer(second, unsure(WINDOW), images="new")
    asked.return_value = counts(evenly(0.6, 0.9, 60))

    done = check()

    assert (done.verdict, done.action, done.version) == ("MODEL_REGRESSION", "ROLL_BACK", second)
    assert done.reasons[-1] == f"so version {first} is restored"
    assert asked.call_args.kwargs["version"] == first
    assert asked.call_args.kwargs["window"] == previous.WindowRange(second, 1, 60)
    stored = read_check(warehouse, done.check_id)
    assert stored.statistics["previous"]["version"] == first
    assert stored.statistics["previous"]["accuracy"]["baseline"] == pytest.approx(0.75, abs=0.01)
    assert stored.statistics["previous"]["distance"] < stored.thresholds["previous"]


@pytest.mark.parametrize(
    "answers",
    [None, counts(clean(29)), counts(evenly(0.2, 0.4, 60)), counts(evenly(0.5, 0.7, 60))],
    ids=["cannot answer", "answers too few to tell", "does worse", "does better, but not than it did"],
)
def test_a_previous_version_that_is_no_better_is_not_rolled_back_to(
    check: RunCheck, promoted: Promoted, answer: Answer, asked: MagicMock, answers: WindowCounts | None
) -> None:
    promoted()
    answer(promoted(), unsure(WINDOW), images="new")
    asked.return_value = answers

    done = check()

    assert (done.verdict, done.action) == ("DATA_DRIFT", "REQUEST_LABELS")


def test_a_version_of_which_nobody_knows_how_accurate_it_was_is_not_rolled_back_to(
    check: RunCheck, promoted: Promoted, answer: Answer, asked: MagicMock
) -> None:
    promoted(OLD)
    answer(promoted(), unsure(WINDOW), images="new")
    asked.return_value = counts(clean(60))

    done = check()

    assert (done.verdict, done.action) == ("DATA_DRIFT", "REQUEST_LABELS")
    assert "nobody knows how accurate version 1 was" in "; ".join(done.reasons)


def test_a_previous_version_without_a_baseline_is_not_asked(
    check: RunCheck, promoted: Promoted, answer: Answer, asked: MagicMock, query: Query
) -> None:
    first = promoted()
    query("DELETE FROM BASELINES WHERE VERSION = %(version)s", version=first)
    answer(promoted(), unsure(WINDOW), images="new")

    assert check().verdict == "DATA_DRIFT"
    assert not asked.called


def test_a_rollback_happens_once_in_an_episode(
    check: RunCheck, promoted: Promoted, answer: Answer, asked: MagicMock, warehouse: Warehouse
) -> None:
    promoted()
    promoted()
    third = promoted()
    asked.return_value = counts(clean(60))
    answer(third, unsure(WINDOW), images="new")
    first = check()
    roll_back(
        warehouse, to=None, expected_event_seq=first.champion_event_seq, reason="d", actor="driftgate", run_id="back"
    )
    answer(2, unsure(WINDOW), images="newer")

    second = check()

    assert (first.action, second.action) == ("ROLL_BACK", "ALERT")
    assert second.verdict == "MODEL_REGRESSION"
    assert f"check {first.check_id} has rolled back" in second.reasons[-1]


def test_a_new_champion_that_fails_its_first_window_is_rolled_back_at_once(
    check: RunCheck, promoted: Promoted, answer: Answer, asked: MagicMock, config: PipelineConfig
) -> None:
    # Given: a window on which it is worse, but not so clearly that one window would be enough
    first = promoted(BETTER)
    second = promoted()
    answer(second, less_sure(WINDOW), images="new")
    asked.return_value = counts(evenly(0.85, 1.0, 60))

    done = check()

    assert (done.verdict, done.action) == ("MODEL_REGRESSION", "ROLL_BACK")
    assert f"version {second} is on probation: the first window since its promotion suffices" in done.reasons[-2]
    assert done.reasons[-1] == f"so version {first} is restored"


@pytest.mark.parametrize("passed", ["no probation", "a window before", "a rollback has restored it"])
def test_a_champion_that_is_not_on_probation_is_given_a_second_window(
    check: RunCheck,
    promoted: Promoted,
    answer: Answer,
    asked: MagicMock,
    config: PipelineConfig,
    warehouse: Warehouse,
    passed: str,
) -> None:
    promoted(BETTER)
    second = promoted()
    asked.return_value = counts(evenly(0.85, 1.0, 60))
    promotion = PromotionConfig(probation_windows=0 if passed == "no probation" else 1)
    if passed == "a window before":
        answer(second, clean(WINDOW), images="before")
        assert check().verdict == "STABLE"
    if passed == "a rollback has restored it":
        promoted()
        event_seq = champion_event_seq(warehouse)
        roll_back(warehouse, to=None, expected_event_seq=event_seq, reason="bad", actor="ann", run_id="back")
    answer(second, less_sure(WINDOW), images="new")

    done = check(config=config.model_copy(update={"promotion": promotion}))

    assert (done.version, done.verdict, done.action) == (second, "MODEL_REGRESSION", "NONE")
    assert done.reasons[-1].startswith("nothing is done yet: this is 1 of the last 3 windows")


def test_after_a_rollback_only_images_count_that_nobody_had_answered(
    check: RunCheck, promoted: Promoted, answer: Answer, asked: MagicMock, warehouse: Warehouse
) -> None:
    first = promoted()
    answer(first, clean(40), images="before")
    second = promoted()
    answer(second, unsure(WINDOW), images="new")
    asked.return_value = counts(clean(60))
    done = check()
    roll_back(
        warehouse, to=None, expected_event_seq=done.champion_event_seq, reason="drift", actor="driftgate", run_id="back"
    )

    # its answers from before the window that is consumed are not looked at again, nor are its second answers
    answer(first, clean(60), images="new")
    assert (check().version, check().n_images) == (first, 0)

    answer(first, unsure(WINDOW), images="newer")
    asked.reset_mock()
    again = check()
    assert (again.verdict, again.action) == ("DATA_DRIFT", "REQUEST_LABELS")
    assert not asked.called


def test_what_is_not_clear_is_acted_on_when_a_second_window_shows_it(
    check: RunCheck, promoted: Promoted, answer: Answer
) -> None:
    version = promoted()
    answer(version, less_sure(WINDOW), images="first")
    first = check()
    answer(version, clean(WINDOW), images="second")
    calm = check()
    answer(version, less_sure(WINDOW), images="third")
    second = check()

    assert (first.verdict, first.action) == ("DATA_DRIFT", "NONE")
    assert first.reasons[-1].startswith("nothing is done yet: this is 1 of the last 3 windows")
    assert calm.verdict == "STABLE"
    assert (second.verdict, second.action) == ("DATA_DRIFT", "REQUEST_LABELS")


def test_windows_of_another_champion_do_not_count_for_this_one(
    check: RunCheck, promoted: Promoted, answer: Answer
) -> None:
    answer(promoted(), less_sure(WINDOW), images="first")
    check()
    answer(promoted(), less_sure(WINDOW), images="second")

    assert check().action == "NONE"


def test_drift_that_is_not_acted_on_yet_waits_for_no_labels(
    check: RunCheck, promoted: Promoted, answer: Answer, put_image: PutImage
) -> None:
    answer(promoted(), less_sure(WINDOW), images="first")
    check()
    for number in range(9):
        put_image(f"b/{number}.png", colour=(number, 0, 0))

    assert check().verdict == "INSUFFICIENT_DATA"


def test_automatic_retraining_warns_until_its_policy_was_tried_on_the_past(
    check: RunCheck, promoted: Promoted, warehouse: Warehouse, config: PipelineConfig, caplog: pytest.LogCaptureFixture
) -> None:
    promoted()
    with caplog.at_level(logging.WARNING):
        check()
        assert f"./driftgate backtest {config.name}" in caplog.text
        caplog.clear()
        asking = config.retraining.model_copy(update={"mode": "approval"})
        check(config=config.model_copy(update={"retraining": asking}))
        record_backtest(warehouse, config, outcome="nothing", reason="today's policy")
        check()

    assert "backtest" not in caplog.text
