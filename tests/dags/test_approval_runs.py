"""A training run that a drift check asks for, in mode `approval`: it waits for a person before it does any work."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from dag_runs import Mailbox, answer, kinds, page, ran, states, sweep_timeouts, text, while_parked

from include.catalog.runs import open_run, run_id_of
from include.config import PipelineConfig
from include.config_parts import NotifyConfig, RetrainingConfig
from include.notify import delivery
from include.registry.approvals import answers
from include.registry.ledger import append_event
from include.warehouse.session import Warehouse

pytestmark = pytest.mark.slow

Query = Callable[..., list[tuple[Any, ...]]]
Run = Callable[..., Any]
AddCheck = Callable[..., str]

CHECK = "0123456789abcdef"
ANSWERS = "SELECT EVENT, VERSION, ACTOR FROM MODEL_EVENTS WHERE EVENT IN ('APPROVED', 'REJECTED') ORDER BY EVENT_SEQ"
WHY_NOT = {"open_run", "needs_approval", "approve", "rejected", "announce"}


@pytest.fixture
def mode() -> str:
    return "approval"


@pytest.fixture
def response_hours() -> float:
    return 72.0


@pytest.fixture
def config(
    new_config: Callable[[Path], PipelineConfig], tmp_path: Path, mode: str, response_hours: float
) -> PipelineConfig:
    retraining = RetrainingConfig.model_validate({"mode": mode, "response_hours": response_hours})
    return new_config(tmp_path).model_copy(update={"retraining": retraining})


@pytest.fixture
def champion(add_champions: Callable[[int], None]) -> None:
    """Version 1 in production, as far as the ledger knows."""
    add_champions(1)


def test_a_rejected_request_trains_nothing_and_the_ledger_names_who_rejected_it(
    champion: None, add_check: AddCheck, run: Run, query: Query, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = []

    def look_and_reject(ti: Any) -> None:
        pages.append(page(ti))
        answer(ti, "Reject", user="ann")

    while_parked(monkeypatch, look_and_reject)

    training = run("training", check_id=add_check("class <b>cat</b> [moved](http://evil) {{ 7 * 7 }}"))

    assert training.state == "success"
    assert ran(training) == WHY_NOT
    assert query(ANSWERS) == [("REJECTED", 1, "ann")]
    (row,) = query("SELECT OUTCOME, CHECK_ID, REASON, FINISHED_AT >= STARTED_AT FROM RUNS")
    assert row[0].startswith("nothing was trained: rejected by ann at 20")
    assert row[1] == CHECK
    assert row[2].startswith(f"drift check {CHECK} of version 1: class <b>cat</b>")
    assert row[3] is True
    assert query("SELECT COUNT(*) FROM IMAGES") == [(0,)]

    # The person saw the evidence, and nothing in it was taken for markup or for a template.
    assert pages[0].options == ["Approve", "Reject"]
    assert pages[0].defaults == ["Reject"]
    assert "drift of version 1" in pages[0].subject
    for part in ("DATA\\_DRIFT", "COMMIT\\_SEQ 11 to 210", "| Confidences | 0.410 | 0.180 |", "reports/report.html"):
        assert part in pages[0].body
    assert "&lt;b&gt;cat&lt;/b&gt; \\[moved\\]\\(http\\://evil\\) \\{\\{ 7 \\* 7 \\}\\}" in pages[0].body

    # And was asked by mail, with a link that leads to the answer.
    assert kinds(mailbox) == ["approval", "answered"]
    assert "/tasks/approve/required_actions?_options=%5B%22Approve%22%5D" in text(mailbox[0])


def answer_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the request time out; one that does not is rejected, which fails the test instead of waiting for ever."""
    n_asked = 0

    def sweep_or_reject(ti: Any) -> None:
        nonlocal n_asked
        n_asked += 1
        sweep_timeouts()
        if n_asked == 5:
            answer(ti, "Reject", user="nobody in time")

    while_parked(monkeypatch, sweep_or_reject)


@pytest.mark.parametrize("response_hours", [0.0002])
def test_silence_rejects_and_a_delivery_that_fails_fails_nothing(
    champion: None, add_check: AddCheck, run: Run, query: Query, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_nothing(monkeypatch)

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(delivery, "deliver_due", fail)

    training = run("training", check_id=add_check())

    assert training.state == "success"
    assert ran(training) == WHY_NOT
    assert kinds(mailbox) == []
    assert query(ANSWERS) == [("REJECTED", 1, "nobody")]
    assert query("SELECT OUTCOME FROM RUNS")[0][0].startswith("nothing was trained: nobody answered by 20")


@pytest.mark.parametrize("mode", ["automatic"])
def test_the_config_that_the_run_was_opened_with_says_whether_who_and_how_long(
    champion: None,
    add_check: AddCheck,
    run: Run,
    warehouse: Warehouse,
    config: PipelineConfig,
    query: Query,
    mailbox: Mailbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given: a run that was opened in mode approval, and a pipeline file that says automatic by now
    asked_at = datetime.now(UTC)
    then = config.model_copy(
        update={
            "retraining": RetrainingConfig(mode="approval", response_hours=0.0002),
            "notify": NotifyConfig(emails=("then@example.com",)),
        }
    )
    dag_id, check_id = f"{config.name}_training", add_check()
    open_run(
        warehouse,
        then,
        run_id=run_id_of(dag_id, f"manual__{asked_at.isoformat()}"),
        dag_id=dag_id,
        kind="training",
        reason=None,
        check_id=check_id,
    )
    answer_nothing(monkeypatch)

    # When
    training = run("training", asked_at=asked_at, check_id=check_id)

    # Then
    assert ran(training) == WHY_NOT
    assert query(ANSWERS) == [("REJECTED", 1, "nobody")]
    assert {mail["To"] for mail in mailbox} == {"then@example.com"}


def test_a_warehouse_that_is_down_when_the_run_is_announced_is_told_by_mail(
    champion: None,
    add_check: AddCheck,
    run: Run,
    query: Query,
    mailbox: Mailbox,
    lose_warehouse: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    while_parked(monkeypatch, lambda ti: answer(ti, "Reject", user="ann"))
    record_answer = answers.record_answer

    def record_and_lose_warehouse(*arguments: Any, **values: Any) -> Any:
        recorded = record_answer(*arguments, **values)
        lose_warehouse()
        return recorded

    monkeypatch.setattr(answers, "record_answer", record_and_lose_warehouse)

    training = run("training", check_id=add_check())

    assert training.state == "failed"
    assert states(training)["rejected"] == "success"
    assert states(training)["announce"] == "failed"
    assert query(ANSWERS) == [("REJECTED", 1, "ann")]
    assert kinds(mailbox) == ["approval", "failed"]
    assert "announce failed in run" in text(mailbox[1])


def test_an_approval_that_comes_after_the_champion_has_changed_trains_nothing(
    champion: None,
    add_check: AddCheck,
    run: Run,
    warehouse: Warehouse,
    query: Query,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def promote_and_approve(ti: Any) -> None:
        warehouse.alone(lambda: append_event(warehouse, "PROMOTED", version=1, run_id="another", reason=None))
        answer(ti, "Approve", user="ann")

    while_parked(monkeypatch, promote_and_approve)

    training = run("training", check_id=add_check())

    assert training.state == "success"
    assert ran(training) == {"open_run", "needs_approval", "approve", "approved", "announce"}
    assert query(ANSWERS) == [("APPROVED", 1, "ann"), ("REJECTED", 1, "driftgate")]
    outcome = query("SELECT OUTCOME FROM RUNS")[0][0]
    assert outcome.startswith("nothing was trained: approved by ann at 20")
    assert outcome.endswith("but the champion has changed since that check, so nothing is trained")


def test_an_approved_request_trains_although_the_mail_server_is_down(
    trained_champion: None, add_check: AddCheck, run: Run, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    while_parked(monkeypatch, lambda ti: answer(ti, "Approve", user="ann"))

    training = run("training", check_id=add_check())

    assert training.state == "success"
    assert states(training)["rejected"] == states(training)["not_needed"] == "skipped"
    assert states(training)["promote"] == "success"
    assert query(ANSWERS) == [("APPROVED", 1, "ann")]
    assert query("SELECT VERSION FROM CHAMPION") == [(2,)]
    assert query("SELECT OUTCOME FROM RUNS WHERE CHECK_ID IS NOT NULL")[0][0].startswith("version 2 is champion")


def test_an_unknown_check_fails_the_run_at_once(
    champion: None, run: Run, query: Query, mailbox: Mailbox, capfd: pytest.CaptureFixture[str]
) -> None:
    training = run("training", check_id=CHECK)

    assert training.state == "failed"
    assert ran(training) == {"open_run", "announce"}
    assert f"there is no check {CHECK} in DRIFT_CHECKS" in capfd.readouterr().out
    assert query("SELECT COUNT(*) FROM RUNS") == [(0,)]
    assert kinds(mailbox) == ["failed"]
    assert "open_run failed" in text(mailbox[0])
