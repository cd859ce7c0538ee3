"""The check on real rows: which answers are in a window, and what is stored."""

import json
from collections.abc import Callable
from typing import Any
from unittest.mock import MagicMock

import pytest
from given_answers import OLD, WINDOW, baseline_of, clean, counts, unsure

from include.config import PipelineConfig
from include.drift.check import Check, check_id_of
from include.drift.checks import latest_check, read_check
from include.errors import StoreError, UnknownCheckError
from include.registry.ledger import champion_event_seq
from include.registry.rollback import roll_back
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]
Promoted = Callable[..., int]
Answer = Callable[..., None]
RunCheck = Callable[..., Check]

pytestmark = pytest.mark.usefixtures("drawn")


@pytest.fixture
def config(small_window: PipelineConfig) -> PipelineConfig:
    return small_window


def test_without_a_champion_there_is_no_check(check: RunCheck, query: Query) -> None:
    assert check() is None
    assert query("SELECT COUNT(*) FROM DRIFT_CHECKS") == [(0,)]


def test_too_few_answers_are_carried_over_until_the_window_is_full(
    check: RunCheck, promoted: Promoted, answer: Answer, query: Query, drawn: MagicMock
) -> None:
    version = promoted()
    answer(version, clean(WINDOW)[::2], images="first")
    early = check()
    answer(version, clean(WINDOW)[1::2], images="second")
    full = check()

    assert (early.verdict, early.action, early.n_images) == ("INSUFFICIENT_DATA", "NONE", 30)
    assert early.reasons == ("30 of the 60 new answers that a verdict needs: they wait for the next run",)
    assert (full.verdict, full.action, full.n_images) == ("STABLE", "NONE", 60)
    assert query("SELECT VERDICT, FIRST_COMMIT_SEQ, LAST_COMMIT_SEQ FROM DRIFT_CHECKS ORDER BY CHECKED_AT") == [
        ("INSUFFICIENT_DATA", None, None),
        ("STABLE", 1, 60),
    ]
    assert (early.report_path, full.report_path) == (None, "reports/drawn.html")
    assert drawn.call_count == 1


def test_an_answer_is_consumed_by_one_window(check: RunCheck, promoted: Promoted, answer: Answer) -> None:
    version = promoted()
    answer(version, clean(WINDOW), images="first")
    check()

    assert check().n_images == 0
    answer(version, clean(70), images="second")
    assert check().n_images == 70


def test_a_check_that_is_repeated_stands_whatever_came_since(
    check: RunCheck, promoted: Promoted, answer: Answer, query: Query
) -> None:
    version = promoted()
    answer(version, clean(WINDOW), images="first")
    first = check("run")
    answer(version, unsure(WINDOW), images="second")
    promoted()

    assert check("run") == first
    assert query("SELECT COUNT(*) FROM DRIFT_CHECKS") == [(1,)]


def test_a_row_tells_what_was_measured_and_against_what(
    check: RunCheck, promoted: Promoted, answer: Answer, warehouse: Warehouse
) -> None:
    answer(promoted(), clean(WINDOW), images="new")
    done = check("run")

    row = read_check(warehouse, done.check_id)

    assert row == latest_check(warehouse)
    assert (row.check_id, row.run_id, row.version) == (check_id_of("run"), "run", 1)
    assert row.champion_event_seq == done.champion_event_seq == champion_event_seq(warehouse)
    assert row.reasons == done.reasons
    assert row.checked_at.tzinfo is not None
    assert row.statistics["confidences"].keys() == {
        *("distance", "p_value", "n_images", "n_baseline", "smallest_shift", "measure")
    }
    assert (row.statistics["confidences"]["n_images"], row.statistics["confidences"]["n_baseline"]) == (60, 300)
    assert row.statistics["accuracy"]["baseline"] == pytest.approx(0.85)
    assert {name: row.thresholds[name] for name in ("window", "false_alarm_rate", "min_accuracy_drop", "alarms")} == {
        "window": 60,
        "false_alarm_rate": 0.01,
        "min_accuracy_drop": 0.06,
        "alarms": 2,
    }
    assert row.statistics["classes"]["distance"] < row.thresholds["classes"]
    assert row.signal is None
    assert (row.score, row.p_value) == (
        row.statistics["confidences"]["distance"],
        row.statistics["confidences"]["p_value"],
    )
    assert row.score is not None
    assert row.threshold == row.thresholds["confidences"] > row.score
    assert row.smallest_shift is not None
    assert row.smallest_shift > row.threshold / 2
    assert row.estimated_accuracy == pytest.approx(0.85, abs=0.01)
    assert row.evidence is not None
    assert sum(map(sum, row.evidence["counts_by_class"].values())) == 60
    assert (row.evidence["n_invalid"], row.evidence["n_undecodable"]) == (0, 0)


def test_a_row_names_the_signal_that_spoke(check: RunCheck, promoted: Promoted, answer: Answer, query: Query) -> None:
    answer(promoted(), unsure(WINDOW), images="new")
    check()

    [(signal, score, threshold, estimated)] = query(
        "SELECT SIGNAL, SCORE, THRESHOLD, ESTIMATED_ACCURACY FROM DRIFT_CHECKS"
    )

    assert signal == "confidences"
    assert score > 2 * threshold
    assert estimated == pytest.approx(0.29, abs=0.02)  # by confidences 0.55, by their threshold 0.02


def test_the_same_window_gives_the_same_figures_when_it_is_measured_again(
    check: RunCheck, promoted: Promoted, answer: Answer, query: Query
) -> None:
    answer(promoted(), unsure(WINDOW), images="new")
    figures = "SELECT TO_JSON(STATISTICS), TO_JSON(THRESHOLDS) FROM DRIFT_CHECKS"
    check("run")
    first = query(figures)
    query("DELETE FROM DRIFT_CHECKS")

    check("run")

    assert query(figures) == first


def test_an_unknown_check_is_an_error(warehouse: Warehouse) -> None:
    assert latest_check(warehouse) is None
    with pytest.raises(UnknownCheckError, match="no check c4ec in DRIFT_CHECKS"):
        read_check(warehouse, "c4ec")


def test_a_check_crosses_a_task_border(check: RunCheck, promoted: Promoted) -> None:
    promoted()
    done = check()

    assert Check.from_json(json.loads(json.dumps(done.to_json()))) == done


def test_after_a_promotion_answers_of_others_and_second_answers_do_not_count(
    check: RunCheck, promoted: Promoted, answer: Answer, query: Query
) -> None:
    first = promoted()
    answer(first, unsure(WINDOW), images="old")
    second = promoted()
    answer(second, clean(30), images="new")
    answer(first, unsure(50), images="late")
    answer(second, unsure(WINDOW), images="old")
    answer(second, clean(WINDOW)[::2], images="newer")

    done = check()

    assert (done.version, done.verdict, done.n_images) == (second, "STABLE", 60)
    assert query("SELECT FIRST_COMMIT_SEQ, LAST_COMMIT_SEQ FROM DRIFT_CHECKS") == [(61, 230)]


def test_each_version_is_held_against_its_own_baseline_also_after_a_rollback(
    check: RunCheck, promoted: Promoted, answer: Answer, asked: MagicMock, warehouse: Warehouse
) -> None:
    asked.return_value = None
    first = promoted()
    second = promoted(baseline_of(unsure(300)))
    answer(second, unsure(WINDOW), images="new")
    of_second = check()
    roll_back(warehouse, to=None, expected_event_seq=of_second.champion_event_seq, reason="r", actor="ann", run_id="b")
    answer(first, unsure(WINDOW), images="newer")
    of_first = check()

    assert (of_second.version, of_second.verdict) == (second, "STABLE")
    assert (of_first.version, of_first.verdict) == (first, "DATA_DRIFT")


def test_a_champion_without_a_baseline_is_told_and_its_answers_wait(
    check: RunCheck, promoted: Promoted, answer: Answer, query: Query
) -> None:
    version = promoted()
    query("DELETE FROM BASELINES")
    answer(version, clean(WINDOW), images="new")

    done = check()

    assert (done.verdict, done.n_images, done.report_path) == ("INSUFFICIENT_DATA", 60, None)
    assert "version 1 has no baseline to compare its 60 answers with" in done.reasons[0]
    assert query("SELECT LAST_COMMIT_SEQ FROM DRIFT_CHECKS") == [(None,)]


def test_a_window_of_one_class_is_another_mix(check: RunCheck, promoted: Promoted, answer: Answer) -> None:
    answer(promoted(), clean(WINDOW), images="new", predicted=["b"] * WINDOW)

    done = check()

    assert (done.verdict, done.action) == ("MIX_CHANGED", "NONE")
    assert "on 60 images the predicted classes have changed by 0.667 (total variation)" in done.reasons[0]


def test_a_class_that_the_baseline_never_predicted_is_counted(
    check: RunCheck, promoted: Promoted, answer: Answer, drawn: MagicMock
) -> None:
    answer(promoted(), clean(WINDOW), images="new", predicted=["a", "b", "c", "unheard of"] * 15)

    assert check().verdict == "MIX_CHANGED"
    window = drawn.call_args.kwargs["window"].counts_by_class
    assert {label: sum(of_bins) for label, of_bins in window.items()} == {"a": 15, "b": 15, "c": 15, "unheard of": 15}


def test_answers_are_counted_in_the_bins_that_the_baseline_was_counted_in(
    check: RunCheck, promoted: Promoted, answer: Answer, drawn: MagicMock
) -> None:
    confidences = [0.0, 0.02, 0.3, 0.9, 0.899999976158142, 0.98, 0.998, 1.0, *clean(WINDOW)]
    answer(promoted(), confidences, images="new")

    check()

    assert drawn.call_args.kwargs["window"].counts_by_class == counts(confidences).counts_by_class


@pytest.mark.parametrize(
    ("invalid", "verdict", "action"),
    [
        (["NaN"] * 4, "STABLE", "NONE"),
        ([-0.1, 1.5, 1.0000001], "STABLE", "NONE"),
        (["NaN"] * WINDOW, "INSUFFICIENT_DATA", "ALERT"),
        ([1.5] * (WINDOW - 5), "INSUFFICIENT_DATA", "ALERT"),
    ],
    ids=["a few are no numbers", "a few are out of range", "none is a number", "nearly all are out of range"],
)
def test_confidences_that_are_none_are_told_and_do_not_count(
    check: RunCheck, promoted: Promoted, answer: Answer, query: Query, invalid: list[Any], verdict: str, action: str
) -> None:
    answer(promoted(), [*invalid, *clean(WINDOW - len(invalid))], images="new")

    done = check()

    assert (done.verdict, done.action) == (verdict, action)
    assert f"{len(invalid)} of 60 answers have a confidence that is not a number from 0 to 1" in "; ".join(done.reasons)
    assert query("SELECT LAST_COMMIT_SEQ FROM DRIFT_CHECKS") == [(60,)]
    assert "NaN" not in query("SELECT TO_JSON(STATISTICS) || TO_JSON(EVIDENCE) FROM DRIFT_CHECKS")[0][0]


def test_a_baseline_that_does_not_know_what_was_right_still_finds_drift(
    check: RunCheck, promoted: Promoted, answer: Answer, query: Query
) -> None:
    version = promoted(OLD)
    answer(version, clean(WINDOW), images="first")
    calm = check()
    answer(version, unsure(WINDOW), images="second")

    done = check()

    assert calm.verdict == "STABLE"
    assert (done.verdict, done.action) == ("DATA_DRIFT", "REQUEST_LABELS")
    assert "confidences that have moved count as a drop" in "; ".join(done.reasons)
    assert query("SELECT DISTINCT ESTIMATED_ACCURACY FROM DRIFT_CHECKS") == [(None,)]


@pytest.mark.parametrize(
    ("confidence", "verdict"), [(0.9999, "STABLE"), (0.5, "DATA_DRIFT")], ids=["the same bin", "another bin"]
)
def test_answers_that_are_all_alike_have_a_verdict(
    check: RunCheck, promoted: Promoted, answer: Answer, query: Query, confidence: float, verdict: str
) -> None:
    answer(promoted(baseline_of([0.9999] * 300)), [confidence] * WINDOW, images="new")

    assert check().verdict == verdict
    assert "NaN" not in query("SELECT TO_JSON(STATISTICS) || TO_JSON(THRESHOLDS) FROM DRIFT_CHECKS")[0][0]


def test_a_report_that_cannot_be_drawn_fails_no_check(
    check: RunCheck, promoted: Promoted, answer: Answer, drawn: MagicMock, caplog: pytest.LogCaptureFixture
) -> None:
    drawn.side_effect = StoreError("the disk is full")
    answer(promoted(), clean(WINDOW), images="new")

    done = check()

    assert (done.verdict, done.report_path) == ("STABLE", None)
    assert "could not be rendered" in caplog.text
    assert "the disk is full" in caplog.text
