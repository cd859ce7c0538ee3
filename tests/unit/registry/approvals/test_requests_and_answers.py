"""Requests are put once, with what people are told of them; who of the people counts is looked at again."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from include.config_parts import ApproversConfig
from include.errors import TooFewApproversError, UnknownRequestError, WarehouseUnavailableError
from include.registry.approvals.answers import Answer, RecordedAnswer, read_answers, record_answer, who_may_answer
from include.registry.approvals.requests import Request, put_request, read_request, who_counts
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]

RUN = "hats_training/r"
ALERTS = "SELECT KIND, ABOUT:task_id::VARCHAR, ABOUT:step::NUMBER FROM ALERTS ORDER BY CREATED_AT, KIND"
ANSWERS = "SELECT EVENT, ACTOR FROM MODEL_EVENTS ORDER BY EVENT_SEQ"
TWO_OF_THREE = ApproversConfig.model_validate(
    {"users": ["ann", {"id": "7", "name": "ben"}, "cora"], "n_needed": 2},
)


@pytest.fixture
def put(warehouse: Warehouse, approvers: ApproversConfig) -> Callable[..., Request]:
    """A function that puts a request for the promotion of version 2."""

    def request(**changes: Any) -> Request:
        values = {
            "run_id": RUN,
            "task_id": "approve_promotion",
            "check_id": None,
            "version": 2,
            "champion_event_seq": 1,
            "evidence": {"figures": [1, 2]},
            "approvers": approvers,
            "triggered_by": None,
            "response_hours": 10.0,
        }
        return put_request(warehouse, "promotion", **{**values, **changes})

    return request


@pytest.fixture
def say(warehouse: Warehouse, put: Callable[..., Request]) -> Callable[..., RecordedAnswer]:
    """A function that records an answer to it."""
    request = put()

    def answer(
        user: str, *, is_approval: bool = True, step: int = 1, user_id: str | None = None, is_last: bool = True
    ) -> RecordedAnswer:
        return record_answer(
            warehouse,
            Answer(
                is_approval=is_approval, user=user, user_id=user_id or user, answered_at="2026-01-02T03:04:05+00:00"
            ),
            request=request,
            step=step,
            next_task_id=None if is_last else f"approve_promotion_{step + 1}",
        )

    return answer


def test_a_request_is_put_once_with_its_alert_and_a_reminder_at_half_time(put: Any, query: Query) -> None:
    first = put()
    again = put(evidence={"figures": []}, response_hours=1.0)

    assert again == first
    assert first.evidence == {"figures": [1, 2]}
    assert first.expires_at - first.requested_at == timedelta(hours=10)
    assert query(ALERTS) == [("approval", "approve_promotion", 1), ("reminder", "approve_promotion", 1)]
    [(due,)] = query("SELECT DUE_AT FROM ALERTS WHERE KIND = 'reminder'")
    half_time = first.requested_at.replace(tzinfo=None) + timedelta(hours=5)
    assert isinstance(due, datetime)
    assert abs(due - half_time) < timedelta(minutes=1)


def test_a_request_and_its_alerts_are_there_together_or_not_at_all(
    put: Any, query: Query, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Warehouse.run

    def lose(self: Warehouse, name: str, /, **values: Any) -> int:
        if name == "alerts/insert_alert" and values["kind"] == "reminder":
            raise WarehouseUnavailableError("gone")
        return run(self, name, **values)

    monkeypatch.setattr(Warehouse, "run", lose)
    with pytest.raises(WarehouseUnavailableError):
        put()
    monkeypatch.undo()

    assert query("SELECT (SELECT COUNT(*) FROM APPROVAL_REQUESTS) + (SELECT COUNT(*) FROM ALERTS)") == [(0,)]
    with pytest.raises(UnknownRequestError, match="has put no request for a promotion"):
        read_request(warehouse, run_id=RUN, kind="promotion")


@pytest.mark.parametrize("approvers", [TWO_OF_THREE])
def test_whoever_has_triggered_the_run_does_not_count(put: Any) -> None:
    assert [user.name for user in put(triggered_by="ben").approvers] == ["ann", "cora"]


def test_too_few_people_are_told_at_once() -> None:
    two = ApproversConfig.model_validate({"users": ["ann", "ben"], "n_needed": 2})

    assert len(who_counts(two, triggered_by="cora")) == 2
    with pytest.raises(TooFewApproversError, match=r"without ben, who has triggered this run, .* has only 1"):
        who_counts(two, triggered_by="ben")


@pytest.mark.parametrize("approvers", [TWO_OF_THREE])
def test_the_second_person_is_asked_when_the_first_has_approved(
    say: Any, query: Query, put: Any, warehouse: Warehouse
) -> None:
    recorded = say("ann", is_last=False)

    assert recorded.lets_pass
    assert [user.name for user in who_may_answer(put(), read_answers(warehouse, put().request_id))] == ["ben", "cora"]
    assert query(ALERTS)[2:] == [
        ("answered", None, None),
        ("approval", "approve_promotion_2", 2),
        ("reminder", "approve_promotion_2", 2),
    ]


@pytest.mark.parametrize("approvers", [TWO_OF_THREE])
@pytest.mark.parametrize(
    ("user", "user_id", "said"),
    [
        ("eve", "eve", "only ben, cora may answer"),
        ("ann", "ann", "only ben, cora may answer"),
        ("ben", "8", "only ben, cora may answer"),
    ],
)
def test_an_answer_of_somebody_who_does_not_count_is_no_approval(
    say: Any, query: Query, user: str, user_id: str, said: str
) -> None:
    say("ann", is_last=False)

    recorded = say(user, user_id=user_id, step=2)

    assert (recorded.outcome, recorded.lets_pass) == ("OVERRULED", False)
    assert f"approved by {user}" in recorded.sentence
    assert said in recorded.sentence
    assert query(ANSWERS) == [("APPROVED", "ann"), ("REJECTED", "driftgate")]


@pytest.mark.parametrize("approvers", [TWO_OF_THREE])
def test_a_user_is_known_by_the_id_that_the_auth_manager_gives(say: Any, query: Query) -> None:
    assert say("ben", user_id="7", is_last=False).lets_pass
    assert query(ANSWERS) == [("APPROVED", "ben")]


@pytest.mark.parametrize("approvers", [TWO_OF_THREE])
def test_each_step_is_recorded_once_however_often_its_task_is_tried(say: Any, query: Query) -> None:
    first = say("ann", is_last=False)
    assert say("ann", is_last=False) == first
    second = say("cora", step=2)
    assert say("cora", step=2) == second

    assert query(ANSWERS) == [("APPROVED", "ann"), ("APPROVED", "cora")]
    assert query("SELECT COUNT(*) FROM ALERTS WHERE KIND = 'answered'") == [(2,)]


@pytest.mark.parametrize("approvers", [TWO_OF_THREE])
def test_if_fewer_are_asked_than_the_request_needs_it_is_rejected(say: Any, query: Query) -> None:
    """The pipeline file wanted two when the run was opened, and wants one by now."""
    recorded = say("ann")

    assert recorded.outcome == "OVERRULED"
    assert "2 approvals are needed, and nobody else is asked any more" in recorded.sentence
    assert query(ANSWERS) == [("APPROVED", "ann"), ("REJECTED", "driftgate")]


@pytest.mark.parametrize("approvers", [TWO_OF_THREE])
def test_the_first_rejection_ends_it(say: Any, query: Query) -> None:
    say("ann", is_last=False)

    assert say("cora", step=2, is_approval=False).outcome == "REJECTED"
    assert query(ANSWERS) == [("APPROVED", "ann"), ("REJECTED", "cora")]
