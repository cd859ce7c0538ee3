"""Whole runs of the rollback DAG, against the embedded warehouse."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from include.config import PipelineConfig
from include.config_parts import NotifyConfig
from include.registry.ledger import append_event, champion_event_seq
from include.warehouse.session import Warehouse

pytestmark = pytest.mark.slow

Query = Callable[..., list[tuple[Any, ...]]]
Run = Callable[..., Any]

EVENTS = "SELECT EVENT, VERSION, FROM_VERSION, ACTOR, REASON FROM MODEL_EVENTS WHERE EVENT_SEQ > 3 ORDER BY EVENT_SEQ"
RUNS = "SELECT KIND, REASON, OUTCOME, FINISHED_AT >= STARTED_AT FROM RUNS ORDER BY STARTED_AT"


@pytest.fixture
def three_versions(warehouse: Warehouse, config: PipelineConfig) -> None:
    """Three versions that were promoted one after the other."""

    def append(version: int) -> None:
        warehouse.run(
            "registry/insert_version",
            snapshot_id="snapshot",
            config=config.to_json(),
            metrics='{"accuracy": 0.9}',
            n_training_images=7,
            artifact_path=f"{version}/",
            sha256=f"sha of {version}",
            temperature=1.0,
            run_id=f"training {version}",
        )
        append_event(warehouse, "PROMOTED", version=version, run_id=f"training {version}", reason=None)

    for version in (1, 2, 3):
        warehouse.alone(lambda version=version: append(version))  # type: ignore[misc]


@pytest.fixture
def run(
    three_versions: None,
    config: PipelineConfig,
    write_pipeline: Callable[[PipelineConfig], Path],
    load_dags: Callable[[], Any],
) -> Run:
    """A function that runs the rollback DAG to its end, as if it had been asked for at some time."""

    def to_its_end(*, asked_at: datetime | None = None, emails: tuple[str, ...] = (), **params: Any) -> Any:
        from airflow.dag_processing.dagbag import sync_bag_to_db

        write_pipeline(config.model_copy(update={"notify": NotifyConfig(emails=emails)}))
        dags = load_dags()
        assert dags.import_errors == {}
        sync_bag_to_db(dags, "dags-folder", None)
        dag = dags.dags[f"{config.name}_rollback"]
        for task in dag.tasks:
            task.retries = 0
        return dag.test(run_after=asked_at, run_conf=params)

    return to_its_end


def test_a_rollback_to_the_previous_version(run: Run, query: Query, capfd: pytest.CaptureFixture[str]) -> None:
    rollback = run(reason="it's bad")

    assert rollback.state == "success"
    assert query(EVENTS) == [("ROLLED_BACK", 2, 3, "dag_test", "it's bad")]
    sentence = "version 2 is champion again, in place of version 3; every image that had an answer still has one"
    assert query(RUNS) == [("rollback", "it's bad", sentence, True)]
    assert sentence in capfd.readouterr().out
    (task,) = rollback.get_task_instances()
    assert task.xcom_pull(task_ids="roll_back") == {"version": 2, "from_version": 3, "event_seq": 4, "n_pending": 0}


def test_a_rollback_to_a_named_version(run: Run, query: Query) -> None:
    assert run(version=1, reason="2 and 3 are bad").state == "success"

    assert query("SELECT VERSION FROM CHAMPION") == [(1,)]
    assert query("SELECT VERSION FROM RECALLED_VERSIONS ORDER BY 1") == [(2,), (3,)]


def test_of_two_that_were_asked_for_at_once_the_second_is_told(
    run: Run, query: Query, capfd: pytest.CaptureFixture[str]
) -> None:
    asked_at = datetime.now(UTC)

    first = run(asked_at=asked_at, reason="ann's")
    second = run(asked_at=asked_at + timedelta(milliseconds=1), reason="bob's")

    assert (first.state, second.state) == ("success", "failed")
    told = (
        "the champion has changed since this rollback was asked for (version 3 → 2): look at ./driftgate status, and "
        "ask again if it is still wanted"
    )
    assert told in capfd.readouterr().out
    assert query(EVENTS) == [("ROLLED_BACK", 2, 3, "dag_test", "ann's")]
    assert [outcome for _, _, outcome, _ in query(RUNS)][1:] == [f"failed: {told}"]
    # And: asked for again, with the new champion in sight, it is done
    assert run(reason="bob's").state == "success"
    assert query("SELECT VERSION FROM CHAMPION") == [(1,)]


class Mails:
    """What a mail server was given."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: ARG002, N802
        body = message_from_bytes(envelope.content, policy=policy.default).get_body(("plain",))
        self.texts.append(body.get_content())
        return "250 OK"


@pytest.fixture
def mails(monkeypatch: pytest.MonkeyPatch, unused_port: int) -> Iterator[Mails]:
    """What arrives at the mail server that Airflow's connection leads to."""
    received = Mails()
    server = Controller(received, hostname="127.0.0.1", port=unused_port)
    server.start()
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", smtp_connection(unused_port))
    yield received
    server.stop()


def test_the_mail_tells_who_rolled_back_and_why(run: Run, mails: Mails) -> None:
    assert run(reason="takes every 7 for a 1", emails=("oncall@example.com",)).state == "success"

    (text,) = mails.texts
    assert "rolled back from version 3 to version 2" in " ".join(text.split()).lower()
    assert "takes every 7 for a 1" in text
    assert "dag_test" in text


def test_a_refused_rollback_is_told_by_mail(run: Run, mails: Mails, query: Query) -> None:
    assert run(version=7, reason="bad", emails=("oncall@example.com",)).state == "failed"

    (text,) = mails.texts
    assert "roll_back failed in run" in " ".join(text.split())
    assert "_rollback failed" in text
    assert query("SELECT FINISHED_AT IS NOT NULL FROM RUNS") == [(True,)]


def test_a_mail_server_that_is_down_fails_nothing(
    run: Run, query: Query, monkeypatch: pytest.MonkeyPatch, unused_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_SMTP_DEFAULT", smtp_connection(unused_port))

    assert run(reason="bad", emails=("oncall@example.com",)).state == "success"

    assert "rolled back from version 3 to version 2' was not sent: " in caplog.text
    assert query("SELECT VERSION FROM CHAMPION") == [(2,)]


def smtp_connection(port: int) -> str:
    extra = {"from_email": "driftgate@example.com", "disable_ssl": True, "disable_tls": True, "retry_limit": 1}
    return json.dumps({"conn_type": "smtp", "host": "127.0.0.1", "port": port, "extra": extra})


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
    assert run(**params).state == "failed"

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
        run(**params)

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


def test_a_drift_check_rolls_back_for_its_reasons_and_only_its_champion(
    three_versions: None,
    warehouse: Warehouse,
    config: PipelineConfig,
    query: Query,
    airflow_home: Path,
) -> None:
    from airflow.sdk import DAG
    from airflow.sdk.exceptions import AirflowSkipException

    from driftgate.operators.roll_back import RollBackOperator
    from include.catalog.runs import open_run
    from include.drift.check import Check

    check = Check(
        check_id="c0ffee",
        version=3,
        verdict="MODEL_REGRESSION",
        action="ROLL_BACK",
        reasons=("distance 0.41 is above 0.18", "version 2 is at home"),
        n_images=200,
        report_path=None,
        champion_event_seq=champion_event_seq(warehouse),
    )
    with DAG(f"{config.name}_inference", schedule=None) as dag:
        roll_back = RollBackOperator(task_id="roll_back", config=config, check=check.to_json())

    def context(run_id: str) -> Any:
        open_run(warehouse, config, run_id=f"{dag.dag_id}/{run_id}", dag_id=dag.dag_id, kind="inference", reason=None)
        return {"dag": dag, "run_id": run_id, "params": {}}

    first = context("one")
    made = roll_back.execute(first)

    assert made == {"version": 2, "from_version": 3, "event_seq": 4, "n_pending": 0}
    assert roll_back.execute(first) == made
    assert query(EVENTS) == [
        ("ROLLED_BACK", 2, 3, "driftgate", "distance 0.41 is above 0.18; version 2 is at home"),
    ]
    assert query("SELECT OUTCOME FROM RUNS") == [(None,)]
    with pytest.raises(AirflowSkipException, match=r"the champion has changed .* \(version 3 → 2\)"):
        roll_back.execute(context("two"))
    assert len(query(EVENTS)) == 1
    assert query("SELECT OUTCOME FROM RUNS WHERE RUN_ID LIKE '%two'")[0][0].startswith("not rolled back: the champion")
