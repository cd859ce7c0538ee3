"""A training run whose challenger waits for people before it becomes champion."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dag_runs import Mailbox, answer, kinds, page, ran, states, sweep_timeouts, text, while_parked
from fastapi import HTTPException

from include.config import PipelineConfig
from include.config_parts import ApproversConfig, PromotionConfig
from include.registry.ledger import append_event
from include.warehouse.session import Warehouse

pytestmark = pytest.mark.slow

Query = Callable[..., list[tuple[Any, ...]]]
Run = Callable[..., Any]

EVENTS = "SELECT EVENT, ACTOR FROM MODEL_EVENTS WHERE VERSION = 2 ORDER BY EVENT_SEQ"
ALERTS = "SELECT KIND, ABOUT:task_id::VARCHAR FROM ALERTS ORDER BY CREATED_AT, KIND"


@pytest.fixture
def approvers() -> dict[str, Any]:
    return {}


@pytest.fixture
def response_hours() -> float:
    return 24.0


@pytest.fixture
def config(
    new_config: Callable[[Path], PipelineConfig], tmp_path: Path, approvers: dict[str, Any], response_hours: float
) -> PipelineConfig:
    return new_config(tmp_path).model_copy(
        update={
            "promotion": PromotionConfig(approval=True, response_hours=response_hours),
            "approvers": ApproversConfig.model_validate(approvers),
        }
    )


@pytest.fixture
def auth_manager(airflow_home: Path) -> None:
    """What Airflow asks whether somebody may answer a request with assigned users."""
    from airflow.api_fastapi.app import create_auth_manager

    create_auth_manager()


@pytest.mark.parametrize("approvers", [{"users": ["ann", "ben", "dag_test"], "n_needed": 2}])
def test_two_of_three_let_it_through_and_whoever_triggered_the_run_does_not_count(
    trained_champion: None,
    auth_manager: None,
    run: Run,
    query: Query,
    mailbox: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pages, refused = [], []

    def look_and_approve(ti: Any) -> None:
        pages.append(page(ti))
        for user in ("dag_test", "eve", "ann", "ben"):
            try:
                answer(ti, "Approve", user=user)
            except HTTPException as error:
                refused.append((ti.task_id, user, error.status_code))
            else:
                return

    while_parked(monkeypatch, look_and_approve)

    training = run("training")

    assert training.state == "success"
    assert states(training)["not_needed"] == states(training)["promote"] == "success"
    assert query("SELECT VERSION FROM CHAMPION") == [(2,)]
    assert query(EVENTS) == [
        ("REGISTERED", "driftgate"),
        ("GATE_PASSED", "driftgate"),
        ("APPROVED", "ann"),
        ("APPROVED", "ben"),
        ("PROMOTED", "driftgate"),
    ]
    # Airflow itself refuses the one who triggered the run, a stranger, and who has answered already.
    first, second = "approve_promotion", "approve_promotion_2"
    assert refused == [
        (first, "dag_test", 403),
        (first, "eve", 403),
        (second, "dag_test", 403),
        (second, "eve", 403),
        (second, "ann", 403),
    ]
    assert query(ALERTS) == [
        ("promoted", None),
        ("approval", first),
        ("reminder", first),
        ("answered", None),
        ("approval", second),
        ("reminder", second),
        ("answered", None),
        ("promoted", None),
    ]
    assert "promoted" in kinds(mailbox)
    for part in (
        "### Recall of each class",
        "| blue | ",
        "### What changed in the data since version 1",
        "| Weights | ",
    ):
        assert part in pages[0].body
    assert "Nothing: the same images with the same labels." in pages[0].body
    assert "So far: approved by ann" in pages[1].body


@pytest.mark.parametrize(
    ("response_hours", "act", "said"),
    [
        (24, lambda ti: answer(ti, "Reject", user="ann"), ("ann", "rejected by ann at 20")),
        (0.0002, lambda _: sweep_timeouts(), ("nobody", "nobody answered by 20")),
    ],
    ids=["rejected", "silent"],
)
def test_a_rejected_challenger_is_not_promoted_and_the_run_says_who_rejected_it(
    trained_champion: None,
    run: Run,
    query: Query,
    monkeypatch: pytest.MonkeyPatch,
    act: Callable[[Any], None],
    said: tuple[str, str],
) -> None:
    while_parked(monkeypatch, act)

    training = run("training")

    assert training.state == "success"
    assert states(training)["promote"] == states(training)["approved_promotion"] == "skipped"
    assert "rejected_promotion" in ran(training)
    assert query("SELECT VERSION FROM CHAMPION") == [(1,)]
    assert query(EVENTS)[1:] == [("GATE_PASSED", "driftgate"), ("REJECTED", said[0])]
    [(outcome,)] = query("SELECT OUTCOME FROM RUNS ORDER BY STARTED_AT DESC LIMIT 1")
    assert outcome.startswith(f"version 2 is not promoted: {said[1]}")


def test_an_approval_that_comes_after_the_champion_has_changed_promotes_nothing_and_says_why(
    trained_champion: None,
    run: Run,
    query: Query,
    warehouse: Warehouse,
    mailbox: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def promote_and_approve(ti: Any) -> None:
        warehouse.alone(lambda: append_event(warehouse, "PROMOTED", version=1, run_id="another", reason=None))
        answer(ti, "Approve", user="ann")

    while_parked(monkeypatch, promote_and_approve)

    training = run("training")

    assert training.state == "success"
    assert query(EVENTS)[2:] == [("APPROVED", "ann"), ("REJECTED", "driftgate")]
    [(outcome,)] = query("SELECT OUTCOME FROM RUNS ORDER BY STARTED_AT DESC LIMIT 1")
    assert "the champion was version 1 (event 3), and now it is version 1 (event 6)" in outcome
    assert kinds(mailbox) == ["approval", "answered", "refused"]
    refused = mailbox[-1]
    assert "version 2 is not what was approved" in refused["Subject"]
    assert "the champion was version 1 (event 3)" in text(refused)


@pytest.mark.parametrize("approvers", [{"users": ["ann", "dag_test"], "n_needed": 2}])
def test_a_run_that_too_few_people_could_let_through_fails_before_it_does_any_work(
    run: Run, query: Query, mailbox: Mailbox
) -> None:
    training = run("training")

    assert training.state == "failed"
    assert ran(training) == {"open_run", "needs_approval", "announce"}
    assert query("SELECT COUNT(*) FROM IMAGES") == [(0,)]
    assert "needs_approval failed" in text(mailbox[0])
