"""Labels that come after a window was judged: what they say of its accuracy, and when that makes drift."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from given_answers import WINDOW, clean, in_turn, less_sure, unsure

from include.config import PipelineConfig
from include.drift.check import Check
from include.drift.checks import read_check
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]
Promoted = Callable[..., int]
Answer = Callable[..., None]
Label = Callable[..., None]
RunCheck = Callable[..., Check]

pytestmark = pytest.mark.usefixtures("drawn")


@pytest.fixture
def config(small_window: PipelineConfig) -> PipelineConfig:
    return small_window


def wrong(labels: Sequence[str], n_wrong: int) -> list[str]:
    """Return labels of which the first ones are others."""
    return ["other"] * n_wrong + list(labels[n_wrong:])


def test_realised_and_estimated_accuracy_stand_side_by_side(
    check: RunCheck, promoted: Promoted, answer: Answer, label: Label, query: Query
) -> None:
    version = promoted()
    answer(version, clean(WINDOW), images="first")
    first = check()
    answer(version, clean(WINDOW), images="second")
    second = check()
    check()
    label("first", wrong(in_turn(40), 10))

    rows = query("SELECT * FROM CHECK_ACCURACY ORDER BY N_LABELLED DESC")

    assert rows == [
        (first.check_id, version, 60, pytest.approx(0.85, abs=0.01), 40, 0.75),
        (second.check_id, version, 60, pytest.approx(0.85, abs=0.01), 0, None),
    ]


def test_wrong_answers_to_images_that_look_as_ever_are_drift_of_the_concept(
    check: RunCheck, promoted: Promoted, answer: Answer, label: Label, warehouse: Warehouse
) -> None:
    version = promoted()
    answer(version, clean(WINDOW), images="first")
    check()
    label("first", wrong(in_turn(WINDOW), 30))
    answer(version, clean(WINDOW), images="second")

    done = check()

    assert (done.verdict, done.action) == ("CONCEPT_DRIFT", "REQUEST_LABELS")
    assert "the accuracy is 0.50 (0.38 to 0.62) by 60 labels beside 0.85" in "; ".join(done.reasons)
    stored = read_check(warehouse, done.check_id)
    assert stored.signal is None
    assert stored.statistics["accuracy"]["realised"] == {"n_images": 60, "n_right": 30}


def test_a_class_that_the_champion_does_not_know_is_answered_wrongly(
    check: RunCheck, promoted: Promoted, answer: Answer, label: Label
) -> None:
    answer(promoted(), clean(WINDOW), images="first")
    label("first", ["a class that nobody has trained"] * 40)

    assert check().verdict == "CONCEPT_DRIFT"


def test_right_answers_in_spite_of_low_confidences_are_no_drift(
    check: RunCheck, promoted: Promoted, answer: Answer, label: Label
) -> None:
    answer(promoted(), unsure(WINDOW), images="first")
    label("first", wrong(in_turn(40), 5))

    done = check()

    assert (done.verdict, done.action) == ("MIX_CHANGED", "NONE")
    assert "by 40 labels" in "; ".join(done.reasons)
    assert "without labels it would be estimated at 0.29" in "; ".join(done.reasons)


@pytest.mark.parametrize(
    ("images", "n_labels", "source"),
    [
        ("first", 29, "random"),
        ("first", 60, "informative"),
        ("first", 60, "person"),
        ("nobody answered these", 60, "random"),
    ],
    ids=["too few", "asked for because the version was unsure", "those that somebody found", "of other images"],
)
def test_labels_that_tell_nothing_of_the_accuracy_do_not_count(
    check: RunCheck, promoted: Promoted, answer: Answer, label: Label, images: str, n_labels: int, source: str
) -> None:
    answer(promoted(), clean(WINDOW), images="first")
    label(images, ["other"] * n_labels, source=source)

    assert check().verdict == "STABLE"


def test_labels_of_images_that_were_asked_for_at_random_count_and_the_others_do_not(
    check: RunCheck, promoted: Promoted, answer: Answer, label: Label, query: Query
) -> None:
    version = promoted()
    answer(version, clean(WINDOW), images="first")
    for number in range(40):
        query(
            "INSERT INTO LABEL_REQUESTS SELECT 'c', 'INCOMING_IMAGES', %(path)s, 'e', %(version)s, %(kind)s, 'a', 0.5, "
            "NULL, 1, SYSDATE()",
            path=f"first/{number}",
            version=version,
            kind="informative" if number < 10 else "random",
        )
    label("first", wrong(in_turn(40), 10))

    assert check().verdict == "STABLE"
    assert query("SELECT N_LABELLED, REALISED_ACCURACY FROM CHECK_ACCURACY") == [(30, 1.0)]


def test_labels_of_the_windows_before_the_drift_do_not_hide_it(
    check: RunCheck, promoted: Promoted, answer: Answer, label: Label
) -> None:
    version = promoted()
    answer(version, clean(WINDOW), images="first")
    label("first", in_turn(WINDOW))
    assert check().verdict == "STABLE"
    answer(version, unsure(WINDOW), images="second")

    assert check().verdict == "DATA_DRIFT"


def test_labels_of_a_drift_that_is_over_make_no_other(
    check: RunCheck, promoted: Promoted, answer: Answer, label: Label
) -> None:
    version = promoted()
    answer(version, unsure(WINDOW), images="first")
    assert check().verdict == "DATA_DRIFT"
    label("first", ["other"] * WINDOW)
    answer(version, clean(WINDOW), images="second")

    assert check().verdict == "STABLE"


def test_labels_of_the_windows_before_count_while_the_drift_lasts(
    check: RunCheck, promoted: Promoted, answer: Answer, label: Label
) -> None:
    version = promoted()
    answer(version, less_sure(WINDOW), images="first")
    assert check().action == "NONE"
    label("first", in_turn(WINDOW))
    answer(version, less_sure(WINDOW), images="second")

    assert check().verdict == "MIX_CHANGED"
