"""A training run that a drift check asks for, in mode `approval`: it waits for a person before it does any work."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from dag_runs import Mailbox, answer, kinds, page, ran, states, sweep_timeouts, text, while_parked

from include.config import PipelineConfig
from include.config_parts import RetrainingConfig
from include.registry.ledger import append_event, champion_event_seq
from include.warehouse.session import Warehouse

pytestmark = pytest.mark.slow

Query = Callable[..., list[tuple[Any, ...]]]
Run = Callable[..., Any]
AskFor = Callable[..., str]

CHECK = "0123456789abcdef"
ANSWERS = "SELECT EVENT, VERSION, ACTOR FROM MODEL_EVENTS WHERE EVENT IN ('APPROVED', 'REJECTED') ORDER BY EVENT_SEQ"
WHY_NOT = {"open_run", "needs_approval", "approve", "rejected", "announce"}


@pytest.fixture
def response_hours() -> float:
    return 72.0


@pytest.fixture
def config(new_config: Callable[[Path], PipelineConfig], tmp_path: Path, response_hours: float) -> PipelineConfig:
    retraining = RetrainingConfig(mode="approval", response_hours=response_hours)
    return new_config(tmp_path).model_copy(update={"retraining": retraining})


@pytest.fixture
def champion(warehouse: Warehouse, config: PipelineConfig) -> None:
    """Version 1 in production, as far as the ledger knows."""

    def append() -> None:
        warehouse.run(
            "registry/insert_version",
            snapshot_id="snapshot",
            config=config.to_json(),
            metrics="{}",
            n_training_images=7,
            artifact_path="1/",
            sha256="sha of 1",
            temperature=1.0,
            run_id="training 1",
        )
        append_event(warehouse, "PROMOTED", version=1, run_id="training 1", reason=None)

    warehouse.alone(append)


@pytest.fixture
def ask(warehouse: Warehouse) -> AskFor:
    """A function that stores a drift check of version 1 that asks for retraining, and returns its id."""

    def store(*reasons: str) -> str:
        warehouse.run(
            "drift/insert_check",
            check_id=CHECK,
            run_id="test_inference/manual__1",
            version=1,
            champion_event_seq=champion_event_seq(warehouse),
            first_commit_seq=11,
            last_commit_seq=210,
            n_images=200,
            statistics='{"confidences": {"distance": 0.41, "p_value": 0.001, "n_images": 200, "n_baseline": 90}, '
            '"n_new_labels": 60}',
            thresholds='{"confidences": 0.18, "min_new_labels": 50}',
            verdict="DATA_DRIFT",
            action="REQUEST_RETRAINING",
            reasons=str(list(reasons or ("the confidences have moved",))).replace("'", '"'),
            report_path="drift/report.html",
        )
        return CHECK

    return store


def test_a_rejected_request_trains_nothing_and_the_ledger_names_who_rejected_it(
    champion: None, ask: AskFor, run: Run, query: Query, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = []

    def look_and_reject(ti: Any) -> None:
        pages.append(page(ti))
        answer(ti, "Reject", user="ann")

    while_parked(monkeypatch, look_and_reject)

    training = run("training", check_id=ask("class <b>cat</b> [moved](http://evil) {{ 7 * 7 }}"))

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
    for part in ("DATA\\_DRIFT", "COMMIT\\_SEQ 11 to 210", "| Confidences | 0.410 | 0.180 |", "drift/report.html"):
        assert part in pages[0].body
    assert "&lt;b&gt;cat&lt;/b&gt; \\[moved\\]\\(http\\://evil\\) \\{\\{ 7 \\* 7 \\}\\}" in pages[0].body

    # And was asked by mail, with a link that leads to the answer.
    assert kinds(mailbox) == ["approval"]
    assert "/tasks/approve/required_actions?_options=%5B%22Approve%22%5D" in text(mailbox[0])


@pytest.mark.parametrize("response_hours", [0.0002])
def test_silence_rejects(champion: None, ask: AskFor, run: Run, query: Query, monkeypatch: pytest.MonkeyPatch) -> None:
    while_parked(monkeypatch, lambda _: sweep_timeouts())

    training = run("training", check_id=ask())

    assert training.state == "success"
    assert ran(training) == WHY_NOT
    assert query(ANSWERS) == [("REJECTED", 1, "nobody")]
    assert query("SELECT OUTCOME FROM RUNS")[0][0].startswith("nothing was trained: nobody answered by 20")


def test_an_approval_that_comes_after_the_champion_has_changed_trains_nothing(
    champion: None,
    ask: AskFor,
    run: Run,
    warehouse: Warehouse,
    query: Query,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def promote_and_approve(ti: Any) -> None:
        warehouse.alone(lambda: append_event(warehouse, "PROMOTED", version=1, run_id="another", reason=None))
        answer(ti, "Approve", user="ann")

    while_parked(monkeypatch, promote_and_approve)

    training = run("training", check_id=ask())

    assert training.state == "success"
    assert ran(training) == {"open_run", "needs_approval", "approve", "approved", "announce"}
    assert query(ANSWERS) == [("APPROVED", 1, "ann"), ("REJECTED", 1, "driftgate")]
    outcome = query("SELECT OUTCOME FROM RUNS")[0][0]
    assert outcome.startswith("nothing was trained: approved by ann at 20")
    assert outcome.endswith("but the champion has changed since that check, so nothing is trained")


def test_an_approved_request_trains_although_the_mail_server_is_down(
    pictures: None, ask: AskFor, run: Run, query: Query, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("training")
    while_parked(monkeypatch, lambda ti: answer(ti, "Approve", user="ann"))

    training = run("training", check_id=ask())

    assert training.state == "success"
    assert states(training)["rejected"] == states(training)["not_needed"] == "skipped"
    assert states(training)["promote"] == "success"
    assert query(ANSWERS) == [("APPROVED", 1, "ann")]
    assert query("SELECT VERSION FROM CHAMPION") == [(2,)]
    assert query("SELECT OUTCOME FROM RUNS WHERE CHECK_ID IS NOT NULL")[0][0].startswith("version 2 is champion")


def test_an_answer_is_recorded_once_however_often_its_task_is_tried(
    champion: None, ask: AskFor, warehouse: Warehouse, query: Query
) -> None:
    from include.drift.approval import Answer, record_answer
    from include.drift.checks import read_check

    check = read_check(warehouse, ask())
    yes = Answer(is_approval=True, user="ann", answered_at="2026-01-02T03:04:05+01:00")
    no = Answer(is_approval=False, user="bob", answered_at="2026-01-02T04:00:00+00:00")

    first = record_answer(warehouse, yes, check=check, run_id="r")

    assert first.outcome == "APPROVED"
    assert "approved by ann at 2026-01-02 02:04 UTC" in first.sentence
    assert record_answer(warehouse, yes, check=check, run_id="r") == first
    assert record_answer(warehouse, no, check=check, run_id="r") == first
    assert query(ANSWERS) == [("APPROVED", 1, "ann")]


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
