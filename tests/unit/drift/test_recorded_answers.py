"""The answers to a request for retraining, in the ledger."""

from collections.abc import Callable
from typing import Any

import pytest

from include.config import PipelineConfig
from include.drift.approval import request_retraining
from include.drift.checks import read_check
from include.registry.approvals.answers import Answer, RecordedAnswer, record_answer
from include.registry.approvals.requests import Request
from include.registry.ledger import champion_event_seq
from include.store.files import FileStore
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]
Record = Callable[[Answer], RecordedAnswer]

ANSWERS = "SELECT EVENT, VERSION, ACTOR FROM MODEL_EVENTS WHERE EVENT IN ('APPROVED', 'REJECTED') ORDER BY EVENT_SEQ"
YES = Answer(is_approval=True, user="ann", answered_at="2026-01-02T03:04:05+01:00")
NO = Answer(is_approval=False, user="bob", answered_at="2026-01-02T04:00:00+00:00")
SILENCE = Answer(is_approval=False, user=None, answered_at="2026-01-05T04:00:00+00:00")


@pytest.fixture
def request_of_run(
    warehouse: Warehouse, store: FileStore, config: PipelineConfig, promoted: Callable[..., int]
) -> Request:
    """A request for the retraining that a check of the champion wants."""
    warehouse.run(
        "drift/insert_check",
        check_id="0123456789abcdef",
        run_id="test_inference/manual__1",
        version=promoted(),
        champion_event_seq=champion_event_seq(warehouse),
        first_commit_seq=11,
        last_commit_seq=210,
        n_images=200,
        statistics="{}",
        thresholds="{}",
        verdict="DATA_DRIFT",
        action="REQUEST_RETRAINING",
        reasons='["the confidences have moved"]',
        report_path=None,
        signal=None,
        score=None,
        threshold=None,
        p_value=None,
        smallest_shift=None,
        estimated_accuracy=None,
        evidence=None,
    )
    check = read_check(warehouse, "0123456789abcdef")
    return request_retraining(warehouse, store, config, check, run_id="test_training/r", task_id="approve")


@pytest.fixture
def record(warehouse: Warehouse, request_of_run: Request) -> Record:
    """A function that records an answer to one and the same request."""
    return lambda answer: record_answer(warehouse, answer, request=request_of_run)


def test_an_approval_names_who_and_when(record: Record, query: Query) -> None:
    recorded = record(YES)

    assert recorded.lets_pass
    assert "approved by ann at 2026-01-02 02:04 UTC" in recorded.sentence
    assert query(ANSWERS) == [("APPROVED", 1, "ann")]


@pytest.mark.parametrize("later", [YES, NO, SILENCE])
def test_the_first_answer_of_a_run_counts_however_often_it_is_asked(
    record: Record, query: Query, later: Answer
) -> None:
    first = record(NO)

    assert (first.outcome, first.lets_pass) == ("REJECTED", False)
    assert record(later) == first
    assert query(ANSWERS) == [("REJECTED", 1, "bob")]


def test_silence_is_told_apart_from_a_rejection(record: Record, query: Query) -> None:
    recorded = record(SILENCE)

    assert (recorded.outcome, recorded.lets_pass) == ("TIMED_OUT", False)
    assert recorded.sentence.startswith("nobody answered by 2026-01-05 04:00 UTC, which rejects it")
    assert query(ANSWERS) == [("REJECTED", 1, "nobody")]


def test_an_approval_of_a_former_champions_retraining_stays_stale(
    record: Record, query: Query, promoted: Callable[..., int]
) -> None:
    promoted()

    recorded = record(YES)

    assert (recorded.outcome, recorded.lets_pass) == ("OVERRULED", False)
    assert record(YES) == recorded
    assert query(ANSWERS) == [("APPROVED", 1, "ann"), ("REJECTED", 1, "driftgate")]
