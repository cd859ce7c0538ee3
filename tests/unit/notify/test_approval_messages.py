"""What people are told of a request: asked, reminded while nobody has answered, and told what was answered."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from given_evidence import make_evidence

from include.config import PipelineConfig
from include.config_parts import ApproversConfig
from include.drift.approval import request_retraining
from include.drift.checks import read_check
from include.notify.approval_messages import answered, approval, reminder
from include.notify.desk import Desk
from include.notify.mail import Message, compose
from include.registry.approvals.answers import Answer, record_answer
from include.registry.approvals.requests import Request, put_request
from include.store.files import FileStore
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]

RUN = "hats_training/manual__2026-01-02T03:04:05+00:00"
TWO = ApproversConfig.model_validate({"users": ["ann", "ben", "cora"], "n_needed": 2})
PAGE = "https://airflow.example.com/ml/dags/hats_training/runs/manual__2026-01-02T03%3A04%3A05%2B00%3A00/tasks"


@pytest.fixture
def desk(warehouse: Warehouse, store: FileStore, config: PipelineConfig) -> Desk:
    base_url = "https://airflow.example.com/ml/"
    return Desk(warehouse=warehouse, store=store, config=config, base_url=base_url, work_path="work")


@pytest.fixture
def promotion(warehouse: Warehouse) -> Callable[..., Request]:
    """A function that asks for the promotion of version 4."""

    def put(*, approvers: ApproversConfig | None = None, hours: float = 24) -> Request:
        return put_request(
            warehouse,
            "promotion",
            run_id=RUN,
            task_id="approve_promotion",
            check_id=None,
            version=4,
            champion_event_seq=7,
            evidence=make_evidence().to_json(),
            approvers=approvers or ApproversConfig(),
            triggered_by=None,
            response_hours=hours,
        )

    return put


def alerts(query: Query, kind: str) -> list[Any]:
    """The alerts of a kind in the outbox, in order."""
    import json

    rows = query("SELECT TO_JSON(ABOUT) FROM ALERTS WHERE KIND = %(kind)s ORDER BY CREATED_AT", kind=kind)
    return [SimpleNamespace(kind=kind, run_id=RUN, about=json.loads(about)) for (about,) in rows]


def say(warehouse: Warehouse, request: Request, user: str | None, *, is_approval: bool = True, step: int = 1) -> None:
    record_answer(
        warehouse,
        Answer(is_approval=is_approval, user=user, user_id=user, answered_at="2026-01-02T03:04:05+00:00"),
        request=request,
        step=step,
        next_task_id="approve_promotion_2" if step < request.n_needed else None,
    )


def told(message: Message | None) -> tuple[str, str]:
    assert message is not None
    mail = compose(message)
    assert "<b>hat</b>" not in mail.html
    return mail.subject, " ".join(mail.text.split())


def test_a_request_for_a_promotion_has_links_that_answer_it_and_the_evidence_in_short(
    promotion: Any, desk: Desk, query: Query, config: PipelineConfig
) -> None:
    promotion()

    message = approval(alerts(query, "approval")[0], desk)

    subject, text = told(message)
    assert subject == f"[driftgate] {config.name}: may version 4 become champion?"
    assert message is not None
    assert message.links[:3] == (
        ("Approve", f"{PAGE}/approve_promotion/required_actions?_options=%5B%22Approve%22%5D&map_index=-1"),
        ("Reject", f"{PAGE}/approve_promotion/required_actions?_options=%5B%22Reject%22%5D&map_index=-1"),
        ("The request, unanswered", f"{PAGE}/approve_promotion/required_actions?map_index=-1"),
    )
    for part in (
        "in place of version 3",
        "0.900 to 0.800",
        "1,310: 300 added, 40 removed, 10 relabelled",
        "aaaaaaaaaa…",
    ):
        assert part in text


def test_a_reminder_says_that_half_of_the_time_is_over(promotion: Any, desk: Desk, query: Query) -> None:
    promotion()

    subject, text = told(reminder(alerts(query, "reminder")[0], desk))

    assert "still unanswered: may version 4 become champion?" in subject
    assert "Half of the time is over" in text


def test_nobody_is_asked_or_reminded_after_the_answer(
    promotion: Any, desk: Desk, query: Query, warehouse: Warehouse
) -> None:
    say(warehouse, promotion(), "ann")

    assert approval(alerts(query, "approval")[0], desk) is None
    assert reminder(alerts(query, "reminder")[0], desk) is None


def test_nobody_is_asked_or_reminded_after_the_time_is_over(promotion: Any, desk: Desk, query: Query) -> None:
    promotion(hours=1e-9)

    assert approval(alerts(query, "approval")[0], desk) is None
    assert reminder(alerts(query, "reminder")[0], desk) is None


def test_the_second_person_gets_links_to_the_second_task(
    promotion: Any, desk: Desk, query: Query, warehouse: Warehouse
) -> None:
    say(warehouse, promotion(approvers=TWO), "ann")

    first, second = alerts(query, "approval")
    assert approval(first, desk) is None
    message = approval(second, desk)

    _, text = told(message)
    assert "It can be answered by ben, cora; 1 of 2 approvals are there." in text
    assert f"{PAGE}/approve_promotion_2/required_actions" in text


@pytest.mark.parametrize(
    ("user", "is_approved", "subject", "follows"),
    [
        (
            "ann",
            True,
            "the promotion of version 4 was approved",
            "Version 4 becomes champion now, if it is still exactly",
        ),
        ("ann", False, "the promotion of version 4 was rejected", "Nothing is promoted: the champion is what it was."),
        (None, False, "the promotion of version 4 was rejected", "nobody answered by 2026-01-02 03:04 UTC"),
    ],
)
def test_an_answer_is_told_with_who_gave_it_and_what_follows(
    promotion: Any,
    desk: Desk,
    query: Query,
    warehouse: Warehouse,
    user: str | None,
    is_approved: Any,
    subject: str,
    follows: str,
) -> None:
    say(warehouse, promotion(), user, is_approval=is_approved)

    found, text = told(answered(alerts(query, "answered")[0], desk))

    assert found.endswith(subject)
    assert follows in text
    assert (user or "nobody") in text


def test_each_of_two_answers_is_told_as_it_was_when_it_was_given(
    promotion: Any, desk: Desk, query: Query, warehouse: Warehouse
) -> None:
    request = promotion(approvers=TWO)
    say(warehouse, request, "ann")
    say(warehouse, request, "ben", step=2)

    (first, text), (second, last) = (told(answered(alert, desk)) for alert in alerts(query, "answered"))

    assert first.endswith("the promotion of version 4 has 1 of 2 approvals")
    assert "1 more of 2 approvals is needed." in text
    assert "approved by ann" in text
    assert second.endswith("the promotion of version 4 was approved")
    assert "approved by ben" in last


def test_a_request_for_a_retraining_shows_the_check(
    warehouse: Warehouse, store: FileStore, config: PipelineConfig, desk: Desk, query: Query
) -> None:
    warehouse.run(
        "drift/insert_check",
        check_id="0123456789abcdef",
        run_id="hats_inference/scheduled__1",
        version=3,
        champion_event_seq=7,
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
    store.write("reports/0123456789abcdef.png", b"a picture")
    check = read_check(warehouse, "0123456789abcdef")

    request = request_retraining(warehouse, store, config, check, run_id=RUN, task_id="approve")
    message = approval(alerts(query, "approval")[0], desk)

    assert request.evidence["picture_path"] == "reports/0123456789abcdef.png"
    assert message is not None
    assert [picture.content for picture in message.pictures] == [b"a picture"]
    assert message.links[0][1].startswith(f"{PAGE}/approve/required_actions?_options=")
    _, text = told(message)
    assert "the confidences have moved" in text
    assert "https://airflow.example.com/ml/dags/hats_inference/runs/scheduled__1" in text
