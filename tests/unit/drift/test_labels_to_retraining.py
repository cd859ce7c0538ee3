"""From drift over the labels that people give to the retraining."""

import csv
import io
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from given_answers import WINDOW, clean, unsure

from include.catalog.label_import import ImportedLabels, import_labels
from include.catalog.label_lists import write_list
from include.catalog.requested import open_requests
from include.config import PipelineConfig
from include.config_parts import DriftConfig, RetrainingConfig
from include.drift.check import Check
from include.drift.checks import read_check
from include.drift.labels.readiness import read_readiness
from include.drift.labels.requests import request_labels
from include.warehouse.session import Warehouse

pytestmark = pytest.mark.usefixtures("drawn")

Query = Callable[..., list[tuple[Any, ...]]]
RunCheck = Callable[..., Check]
Drifts = Callable[..., Check]


@pytest.fixture
def config(small_window: PipelineConfig) -> PipelineConfig:
    retraining = RetrainingConfig(mode="automatic", min_new_labels=6, label_requests=10)
    return small_window.model_copy(update={"drift": DriftConfig(window=WINDOW), "retraining": retraining})


@pytest.fixture
def drifts(check: RunCheck, answer: Callable[..., None], query: Query) -> Callable[..., Check]:
    """A function that lets a version answer a window of images that it is unsure of, and checks."""

    def run(version: int, images: str, **of_check: Any) -> Check:
        answer(version, unsure(WINDOW), images=images)
        query(
            "INSERT INTO IMAGES SELECT STAGE, RELATIVE_PATH, ETAG, 1, SYSDATE(), '', RELATIVE_PATH, NULL, NULL, "
            "SYSDATE(), NULL FROM PREDICTIONS WHERE RELATIVE_PATH LIKE %(images)s || '/%%'",
            images=images,
        )
        return check(**of_check)

    return run


@pytest.fixture
def request_for(warehouse: Warehouse, config: PipelineConfig) -> Callable[[Check], int]:
    """A function that asks people for what a check wants of them, and returns for how many labels."""

    def run(found: Check) -> int:
        return len(request_labels(warehouse, config, read_check(warehouse, found.check_id), work_path="w"))

    return run


def answers_to(warehouse: Warehouse, n: int) -> bytes:
    """Return the list of what waits, with the first n labels filled in, as a spreadsheet writes it."""
    header, *rows = csv.reader(io.StringIO(write_list(open_requests(warehouse)).decode("utf-8-sig"), newline=""))
    out = io.StringIO(newline="")
    filled = [[*row[:-1], "a" if place < n else ""] for place, row in enumerate(rows)]
    csv.writer(out, delimiter=";").writerows([header, *filled])
    return out.getvalue().encode("utf-8-sig")


def test_when_enough_labels_are_in_the_next_check_asks_for_the_retraining(
    check: RunCheck, drifts: Drifts, promoted: Callable[..., int], warehouse: Warehouse, config: PipelineConfig
) -> None:
    def load(n: int) -> ImportedLabels:
        return import_labels(warehouse, config, answers_to(warehouse, n), allow_new_classes=True, work_path="w")

    # Given drift of a version, and nothing to retrain it with
    found = drifts(promoted(), "new")
    assert (found.verdict, found.action) == ("DATA_DRIFT", "REQUEST_LABELS")

    # When people are asked for labels and give too few
    asked = request_labels(warehouse, config, read_check(warehouse, found.check_id), work_path="w")
    assert Counter(request.kind for request in asked) == {"random": 3, "informative": 7}
    assert load(4).n_new == 4

    # Then it waits, and says for how many
    assert check().action == "NONE"
    readiness = read_readiness(warehouse, config)
    assert (readiness.n_new, readiness.n_missing, readiness.open_check_id) == (4, 2, found.check_id)
    assert len(open_requests(warehouse)) == 6

    # And with the others it goes on by itself
    assert load(6).n_labels == 6
    assert "the next inference run starts the retraining" in read_readiness(warehouse, config).follows
    done = check()
    assert (done.verdict, done.action) == ("DATA_DRIFT", "REQUEST_RETRAINING")
    assert any("10 new labels" in reason for reason in done.reasons)
    assert open_requests(warehouse) == []


def test_while_enough_was_asked_for_nobody_is_asked_again(
    drifts: Drifts, request_for: Callable[[Check], int], promoted: Callable[..., int], warehouse: Warehouse
) -> None:
    # Given drift that goes on
    version = promoted()
    first = drifts(version, "first")

    # When the try that should have asked was killed, the next window asks; after that there are ten open requests
    second = drifts(version, "second")
    assert (first.action, second.action) == ("REQUEST_LABELS", "REQUEST_LABELS")
    assert request_for(second) == 10
    third = drifts(version, "third")

    # Then no more are asked for, and the verdict says what it waits for
    assert (third.verdict, third.action) == ("DATA_DRIFT", "NONE")
    assert "10 images that people were asked about since the last stable window wait for theirs" in third.reasons[-1]
    assert read_check(warehouse, third.check_id).statistics["n_open_requests"] == 10


def test_what_was_asked_for_before_a_calm_window_or_another_champion_does_not_count(
    check: RunCheck,
    drifts: Drifts,
    answer: Callable[..., None],
    request_for: Callable[[Check], int],
    promoted: Callable[..., int],
) -> None:
    version = promoted()
    request_for(drifts(version, "first"))
    answer(version, clean(WINDOW), images="calm")
    assert check().verdict == "STABLE"

    again = drifts(version, "second")
    assert again.action == "REQUEST_LABELS"
    request_for(again)
    assert drifts(promoted(), "third").action == "REQUEST_LABELS"


def test_images_that_nobody_labels_any_more_are_not_waited_for(
    drifts: Drifts, request_for: Callable[[Check], int], promoted: Callable[..., int], query: Query
) -> None:
    version = promoted()
    request_for(drifts(version, "first"))
    query("UPDATE IMAGES SET GONE_AT = SYSDATE() WHERE RELATIVE_PATH LIKE 'first/%%'")

    assert drifts(version, "second").action == "REQUEST_LABELS"


def test_that_enough_labels_are_in_and_nothing_may_start_is_told_once(
    check: RunCheck,
    drifts: Drifts,
    request_for: Callable[[Check], int],
    promoted: Callable[..., int],
    warehouse: Warehouse,
    config: PipelineConfig,
    query: Query,
) -> None:
    # Given drift that waits for labels, while the budget of the week is spent
    spent = config.model_copy(update={"retraining": config.retraining.model_copy(update={"weekly_budget": 0})})
    found = drifts(promoted(), "new", config=spent)
    request_for(found)

    # When the labels come
    import_labels(warehouse, config, answers_to(warehouse, 10), allow_new_classes=True, work_path="w")
    told, then = check(config=spent), check(config=spent)

    # Then people are told what keeps them from being used, and not at each run
    assert (told.verdict, told.action) == ("DATA_DRIFT", "ALERT")
    assert told.reasons[0] == f"10 new labels arrived for the drift of check {found.check_id}"
    assert "retraining.weekly_budget is 0" in told.reasons[1]
    assert (then.verdict, then.action) == ("INSUFFICIENT_DATA", "NONE")

    # And once it may, the retraining is asked for, because of the window in which the drift was found
    done = check()
    assert (done.verdict, done.action) == ("DATA_DRIFT", "REQUEST_RETRAINING")
    assert read_check(warehouse, done.check_id).statistics["open_drift"] == found.check_id
