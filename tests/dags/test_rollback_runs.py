"""Whole runs of the rollback DAG, against the embedded warehouse."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dag_runs import Mailbox, kinds, states, text, unpause

from include.config import PipelineConfig
from include.warehouse.session import Warehouse

pytestmark = pytest.mark.slow

Query = Callable[..., list[tuple[Any, ...]]]
Run = Callable[..., Any]

EVENTS = "SELECT EVENT, VERSION, FROM_VERSION, ACTOR, REASON FROM MODEL_EVENTS WHERE EVENT_SEQ > 3 ORDER BY EVENT_SEQ"
RUNS = "SELECT KIND, REASON, OUTCOME, FINISHED_AT >= STARTED_AT FROM RUNS ORDER BY STARTED_AT"


@pytest.fixture(autouse=True)
def three_versions(add_champions: Callable[[int], None]) -> None:
    """Three versions that were promoted one after the other."""
    add_champions(3)


def test_a_rollback_to_the_previous_version(run: Run, query: Query, capfd: pytest.CaptureFixture[str]) -> None:
    rollback = run("rollback", reason="it's bad")

    assert rollback.state == "success"
    assert query(EVENTS) == [("ROLLED_BACK", 2, 3, "dag_test", "it's bad")]
    sentence = "version 2 is champion again, in place of version 3; every image that had an answer still has one"
    assert query(RUNS) == [("rollback", "it's bad", sentence, True)]
    assert sentence in capfd.readouterr().out
    assert states(rollback) == {
        "roll_back": "success",
        "rescore": "skipped",
        "publish": "skipped",
        "deliver_alerts": "success",
    }


def test_a_rollback_to_a_named_version(run: Run, query: Query) -> None:
    assert run("rollback", version=1, reason="2 and 3 are bad").state == "success"

    assert query("SELECT VERSION FROM CHAMPION") == [(1,)]
    assert query("SELECT VERSION FROM RECALLED_VERSIONS ORDER BY 1") == [(2,), (3,)]


def test_of_two_that_were_asked_for_at_once_the_second_is_told(
    run: Run, query: Query, capfd: pytest.CaptureFixture[str]
) -> None:
    asked_at = datetime.now(UTC)

    first = run("rollback", asked_at=asked_at, reason="ann's")
    second = run("rollback", asked_at=asked_at + timedelta(milliseconds=1), reason="bob's")

    assert (first.state, second.state) == ("success", "failed")
    told = (
        "the champion has changed since this rollback was asked for (version 3 → 2): look at ./driftgate status, and "
        "ask again if it is still wanted"
    )
    assert told in capfd.readouterr().out
    assert query(EVENTS) == [("ROLLED_BACK", 2, 3, "dag_test", "ann's")]
    assert [outcome for _, _, outcome, _ in query(RUNS)][1:] == [f"failed: {told}"]
    # And: asked for again, with the new champion in sight, it is done
    assert run("rollback", reason="bob's").state == "success"
    assert query("SELECT VERSION FROM CHAMPION") == [(1,)]


def test_the_mail_tells_who_rolled_back_and_why(run: Run, mailbox: Mailbox) -> None:
    assert run("rollback", reason="takes every 7 for a 1").state == "success"

    (mail,) = mailbox
    assert kinds(mailbox) == ["rolled_back"]
    assert "rolled back from version 3 to version 2" in mail["Subject"]
    assert "takes every 7 for a 1" in text(mail)
    assert "dag_test" in text(mail)


def test_a_refused_rollback_is_told_by_mail(run: Run, mailbox: Mailbox, query: Query) -> None:
    assert run("rollback", version=7, reason="bad").state == "failed"

    (mail,) = mailbox
    assert kinds(mailbox) == ["failed"]
    assert "roll_back failed in run" in text(mail)
    assert "_rollback failed" in mail["Subject"]
    assert query("SELECT FINISHED_AT IS NOT NULL FROM RUNS") == [(True,)]


def test_without_a_warehouse_the_run_fails_and_is_told_by_mail(
    run: Run, mailbox: Mailbox, lose_warehouse: Callable[[], None]
) -> None:
    lose_warehouse()

    assert run("rollback", reason="bad").state == "failed"

    assert kinds(mailbox) == ["failed"]


def test_what_a_mail_server_that_is_down_does_not_take_is_delivered_once_when_it_is_back(
    run: Run, query: Query, config: PipelineConfig, open_mailbox: Callable[[], Mailbox]
) -> None:
    from airflow.models.dagrun import DagRun

    # When: it is down
    started = datetime.now(UTC)
    rollback = run("rollback", reason="bad")

    # Then: the run does not care, and a run of the alerts DAG is asked for, a minute later
    assert rollback.state == "success"
    assert states(rollback)["deliver_alerts"] == "success"
    assert query("SELECT VERSION FROM CHAMPION") == [(2,)]
    assert query("SELECT KIND, N_TRIES, DELIVERED_AT, ERROR FROM ALERTS") == [
        ("rolled_back", 1, None, "mail: [Errno 111] Connection refused")
    ]
    [asked] = DagRun.find(dag_id=f"{config.name}_alerts")
    assert asked.state == "queued"
    assert timedelta(seconds=60) <= asked.run_after - started < timedelta(seconds=90)
    assert asked.run_id == f"due__{asked.run_after:%Y-%m-%dT%H:%M:%S}"

    # When: it is back, and that run comes (a minute is not waited for here), and another one
    mailbox = open_mailbox()
    query("UPDATE ALERTS SET NEXT_TRY_AT = SYSDATE()")
    assert run("alerts").state == "success"
    assert run("alerts").state == "success"

    # Then
    assert kinds(mailbox) == ["rolled_back"]
    assert query("SELECT DELIVERED_AT IS NULL, ERROR, DELIVERED_TO[0]::VARCHAR FROM ALERTS") == [(False, None, "mail")]
    [alert_id] = query("SELECT ALERT_ID FROM ALERTS")[0]
    assert mailbox[0]["Message-ID"].startswith(f"<{alert_id}.")
    assert len(DagRun.find(dag_id=f"{config.name}_alerts", state="queued")) == 1


def test_a_paused_alerts_dag_is_asked_for_nothing(run: Run, config: PipelineConfig, query: Query) -> None:
    from airflow.models.dag import DagModel
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    assert run("alerts").state == "success"  # Airflow knows the DAG from then on
    with create_session() as session:
        session.get_one(DagModel, f"{config.name}_alerts").is_paused = True

    rollback = run("rollback", reason="bad")

    assert rollback.state == "success"
    assert states(rollback)["deliver_alerts"] == "success"
    assert query("SELECT N_TRIES FROM ALERTS") == [(1,)]
    assert DagRun.find(dag_id=f"{config.name}_alerts", state="queued") == []


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"version": 7, "reason": "bad"}, "there is no version 7: name one that was champion (1, 2)"),
        ({"version": 3, "reason": "bad"}, "version 3 is the champion already: name one that was champion (1, 2)"),
    ],
)
def test_what_cannot_be_restored_fails_the_run_and_says_why(
    run: Run, query: Query, capfd: pytest.CaptureFixture[str], params: dict[str, Any], told: str
) -> None:
    assert run("rollback", **params).state == "failed"

    assert told in capfd.readouterr().out
    assert query(EVENTS) == []
    assert query("SELECT OUTCOME FROM RUNS") == [(f"failed: {told}",)]


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({}, "reason"),
        ({"reason": ""}, "reason"),
        ({"reason": "x" * 1001}, "reason"),
        ({"reason": "bad", "version": 0}, "version"),
        ({"reason": "bad", "version": "2"}, "version"),
    ],
)
def test_a_run_with_wrong_parameters_is_refused(run: Run, query: Query, params: dict[str, Any], told: str) -> None:
    from airflow.sdk.exceptions import ParamValidationError

    with pytest.raises(ParamValidationError, match=told):
        run("rollback", **params)

    assert query("SELECT COUNT(*) FROM RUNS") == [(0,)]


def test_the_form_describes_its_fields(
    write_pipeline: Callable[[PipelineConfig], Path], load_dags: Callable[[], Any], config: PipelineConfig
) -> None:
    write_pipeline(config)
    dag = load_dags().dags[f"{config.name}_rollback"]

    assert set(dag.params) == {"version", "reason"}
    assert all(dag.params.get_param(name).description for name in dag.params)
    assert dag.max_active_runs >= 2
    assert "Idempotent" in dag.doc_md


@pytest.fixture
def only_version_3_has_answered(warehouse: Warehouse, query: Query) -> None:
    """Two images, of which the champion alone has answered one."""
    for name, version, label in (("both", 2, "cat"), ("both", 3, "dog"), ("new", 3, "dog")):
        query(
            "INSERT INTO IMAGES (STAGE, RELATIVE_PATH, ETAG, SIZE, FIRST_SEEN_AT) SELECT 'INCOMING_IMAGES', %(name)s, "
            "'e', 1, SYSDATE() WHERE NOT EXISTS (SELECT 1 FROM IMAGES WHERE RELATIVE_PATH = %(name)s)",
            name=name,
        )
        query(
            "INSERT INTO PREDICTIONS (STAGE, RELATIVE_PATH, ETAG, VERSION, TYPE, CONFIDENCE, SCORES, PRED_TIMESTAMP, "
            "RUN_ID, COMMIT_SEQ) SELECT 'INCOMING_IMAGES', %(name)s, 'e', %(version)s, %(label)s, 0.9, "
            "PARSE_JSON('[0.9]'), SYSDATE(), 'r', COALESCE(MAX(COMMIT_SEQ), 0) + 1 FROM PREDICTIONS",
            name=name,
            version=version,
            label=label,
        )


@pytest.fixture
def unpaused_inference(config: PipelineConfig, run: Run, load_dags: Callable[[], Any]) -> None:
    """The pipeline's inference DAG may run."""
    unpause(load_dags(), f"{config.name}_inference")


@pytest.fixture
def inference_runs(config: PipelineConfig) -> Callable[[], list[str]]:
    """A function that returns the inference runs that were started."""

    def find() -> list[str]:
        from airflow.models.dagrun import DagRun

        return [dag_run.run_id for dag_run in DagRun.find(dag_id=f"{config.name}_inference")]

    return find


def forget_run(dag_run: Any) -> None:
    """Remove a run from Airflow."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    with create_session() as session:
        session.delete(session.get_one(DagRun, dag_run.id))


PENDING = (
    "2 images are affected: for 1 it changes (1 from dog to cat), for 1 there is none until an inference run has "
    "answered"
)


@pytest.mark.usefixtures("only_version_3_has_answered", "unpaused_inference")
def test_the_images_that_wait_are_answered_by_a_run_that_is_started_once(
    run: Run, query: Query, mailbox: Mailbox, inference_runs: Callable[[], list[str]]
) -> None:
    asked_at = datetime.now(UTC)

    rollback = run("rollback", asked_at=asked_at, reason="bad")

    assert states(rollback) == {
        "roll_back": "success",
        "rescore": "success",
        "publish": "skipped",
        "deliver_alerts": "success",
    }
    (started,) = inference_runs()
    assert started.startswith("rescore__")
    assert query(RUNS)[0][2].endswith(PENDING)
    assert PENDING in text(mailbox[0])
    # And: tried again, as if Airflow did not know what it has done, it finds the run
    forget_run(rollback)
    assert states(run("rollback", asked_at=asked_at, reason="bad"))["rescore"] == "skipped"
    assert inference_runs() == [started]


@pytest.mark.usefixtures("only_version_3_has_answered")
def test_with_a_paused_inference_dag_the_rollback_stands_and_says_that_images_wait(
    run: Run, config: PipelineConfig, query: Query, mailbox: Mailbox, inference_runs: Callable[[], list[str]]
) -> None:
    rollback = run("rollback", reason="bad")

    assert rollback.state == "success"
    assert states(rollback) == {
        "roll_back": "success",
        "rescore": "skipped",
        "publish": "skipped",
        "deliver_alerts": "success",
    }
    assert query("SELECT VERSION FROM CHAMPION") == [(2,)]
    ((_, _, outcome, _),) = query(RUNS)
    assert outcome.endswith(f"{PENDING}; 1 image waits for an answer, as {config.name}_inference is paused")
    assert inference_runs() == []
    assert kinds(mailbox) == ["rolled_back"]
    assert f"starts by itself, unless {config.name}_inference is paused" in text(mailbox[0])
