"""What follows from a drift check that is stored already: the run's own, which a task that is tried again finds.

No model is needed for it. So what happens between a check and the task that acts on it can be tested in seconds.
"""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from dag_runs import Mailbox, PutImage, kinds, ran, states, text, unpause

from include.catalog.runs import run_id_of
from include.config import PipelineConfig
from include.drift.check import check_id_of
from include.registry.alerts import enqueue
from include.registry.ledger import append_event
from include.warehouse.session import Warehouse

pytestmark = pytest.mark.slow

Query = Callable[..., list[tuple[Any, ...]]]
Run = Callable[..., Any]
Judged = Callable[..., Any]

EVENTS = "SELECT EVENT, VERSION, FROM_VERSION, ACTOR, REASON FROM MODEL_EVENTS WHERE EVENT_SEQ > 3 ORDER BY EVENT_SEQ"
OUTCOME = "SELECT OUTCOME FROM RUNS"


@pytest.fixture
def judged(
    add_champions: Callable[[int], None],
    add_check: Callable[..., str],
    config: PipelineConfig,
    warehouse: Warehouse,
    run: Run,
) -> Judged:
    """A function that runs inference with nothing new, whose check of version 3 is stored; something happens before."""

    def to_its_end(action: str, *reasons: str, verdict: str, before: Callable[[str], None] = lambda _: None) -> Any:
        asked_at = datetime.now(UTC)
        run_id = run_id_of(f"{config.name}_inference", f"manual__{asked_at.isoformat()}")
        add_champions(3)
        check_id = check_id_of(run_id)
        add_check(*reasons, check_id=check_id, run_id=run_id, version=3, verdict=verdict, action=action)
        if action != "REQUEST_LABELS":
            warehouse.alone(lambda: enqueue(warehouse, "drift", run_id=run_id, about={"check_id": check_id}))
        before(check_id)
        return run("inference", asked_at=asked_at)

    return to_its_end


def test_a_rollback_is_made_for_the_reasons_of_the_check(judged: Judged, query: Query, mailbox: Mailbox) -> None:
    reasons = ("the confidences lie 0.41 away", "version 2 is at home, so it is restored")

    inference = judged("ROLL_BACK", *reasons, verdict="MODEL_REGRESSION")

    assert inference.state == "success"
    assert ran(inference) == {"sync_catalog", "plan", "check_drift", "roll_back"}
    assert states(inference)["rescore"] == states(inference)["report_failures"] == "skipped"
    assert query(OUTCOME)[0][0].endswith(
        "MODEL_REGRESSION, ROLL_BACK; version 2 is champion again, in place of version 3; "
        "every image that had an answer still has one"
    )
    assert query(EVENTS) == [("ROLLED_BACK", 2, 3, "driftgate", "; ".join(reasons))]
    assert query("SELECT COUNT(*) FROM DRIFT_CHECKS") == [(1,)]
    assert sorted(kinds(mailbox)) == ["drift", "rolled_back"]
    assert {mail["To"] for mail in mailbox} == {"oncall@example.com"}


def test_what_a_rollback_leaves_without_an_answer_is_answered_by_another_run(
    judged: Judged, put_image: PutImage, query: Query, config: PipelineConfig, load_dags: Callable[[], Any]
) -> None:
    image = put_image("new.png", colour=(9, 9, 9), stage="new")

    def answer(_: str) -> None:
        unpause(load_dags(), f"{config.name}_inference")
        query(
            "INSERT INTO PREDICTIONS (STAGE, RELATIVE_PATH, ETAG, VERSION, TYPE, CONFIDENCE, SCORES, PRED_TIMESTAMP, "
            "RUN_ID, COMMIT_SEQ) SELECT 'INCOMING_IMAGES', %(path)s, %(etag)s, 3, 'cat', 0.9, PARSE_JSON('[0.9]'), "
            "SYSDATE(), 'r', 1",
            path=image.name,
            etag=hashlib.md5(image.read_bytes(), usedforsecurity=False).hexdigest(),
        )

    inference = judged("ROLL_BACK", "it regressed", verdict="MODEL_REGRESSION", before=answer)

    assert inference.state == "success"
    assert states(inference)["rescore"] == "success"
    from airflow.models.dagrun import DagRun

    runs = {dag_run.run_id for dag_run in DagRun.find(dag_id=f"{config.name}_inference")}
    (started,) = runs - {inference.run_id}
    assert started.startswith("rescore__")
    assert "1 image is affected: for 1 there is none until" in query(OUTCOME)[0][0]


def test_a_rollback_that_is_no_longer_needed_is_skipped_and_says_so(
    judged: Judged, warehouse: Warehouse, query: Query, mailbox: Mailbox
) -> None:
    def promote_another(_: str) -> None:
        warehouse.alone(lambda: append_event(warehouse, "PROMOTED", version=1, run_id="another", reason=None))

    inference = judged("ROLL_BACK", "it regressed", verdict="MODEL_REGRESSION", before=promote_another)

    assert inference.state == "success"
    assert states(inference)["roll_back"] == states(inference)["report_failures"] == "skipped"
    assert [event for event, *_ in query(EVENTS)] == ["PROMOTED"]
    assert query("SELECT VERSION FROM CHAMPION") == [(1,)]
    ((outcome,),) = query(OUTCOME)
    assert "MODEL_REGRESSION, ROLL_BACK; not rolled back: the champion has changed" in outcome
    assert "(version 3 → 1)" in outcome
    assert mailbox == []


def test_a_retraining_that_is_asked_for_already_is_not_asked_for_again(
    judged: Judged, config: PipelineConfig, load_dags: Callable[[], Any], mailbox: Mailbox
) -> None:
    def trigger(check_id: str) -> None:
        from airflow.api.common.trigger_dag import trigger_dag
        from airflow.utils.types import DagRunTriggeredByType

        dag_id = f"{config.name}_training"
        unpause(load_dags(), dag_id)
        conf = {"check_id": check_id}
        trigger_dag(dag_id, triggered_by=DagRunTriggeredByType.TEST, run_id=f"drift__{check_id}", conf=conf)

    inference = judged("REQUEST_RETRAINING", "it drifts", verdict="DATA_DRIFT", before=trigger)

    assert inference.state == "success"
    assert states(inference)["request_retraining"] == states(inference)["report_failures"] == "skipped"
    from airflow.models.dagrun import DagRun

    assert len(DagRun.find(dag_id=f"{config.name}_training")) == 1
    # And: people are told all the same, once.
    assert kinds(mailbox) == ["drift"]
    assert "it drifts" in text(mailbox[0])


def test_a_task_that_loses_the_warehouse_fails_the_run_and_people_are_told_at_once(
    judged: Judged, query: Query, mailbox: Mailbox, lose_warehouse: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    from include.drift.labels import requests

    request_labels = requests.request_labels

    def lose_and_request(warehouse: Warehouse, *arguments: Any, **values: Any) -> Any:
        lose_warehouse()
        warehouse._connection.close()
        return request_labels(warehouse, *arguments, **values)

    monkeypatch.setattr(requests, "request_labels", lose_and_request)

    inference = judged("REQUEST_LABELS", "it drifts", verdict="DATA_DRIFT")

    assert inference.state == "failed"
    assert states(inference)["request_labels"] == states(inference)["report_failures"] == "failed"
    assert states(inference)["deliver_alerts"] == "success"
    assert kinds(mailbox) == ["failed"]
    assert "request_labels failed in run" in text(mailbox[0])
    # Its outcome is the one that the check gave it: nobody could tell the warehouse of the failure.
    assert query(OUTCOME)[0][0].endswith(": DATA_DRIFT, REQUEST_LABELS")


def test_an_alert_is_logged_and_told(judged: Judged, mailbox: Mailbox, capfd: pytest.CaptureFixture[str]) -> None:
    inference = judged("ALERT", "it drifts", verdict="DATA_DRIFT")

    assert inference.state == "success"
    assert kinds(mailbox) == ["drift"]
    assert "it drifts" in text(mailbox[0])
    assert "drift of version 3 (DATA_DRIFT): it drifts" in capfd.readouterr().out
