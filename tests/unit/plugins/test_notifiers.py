"""Notifiers on a real warehouse and a real mail server."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from driftgate.notifiers import ApprovalNotifier, DriftNotifier
from include.catalog.runs import open_run
from include.config import PipelineConfig
from include.config_parts import NotifyConfig
from include.store.files import FileStore
from include.warehouse.session import Warehouse


@pytest.fixture(autouse=True)
def base_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__API__BASE_URL", "https://airflow.example.com/ml")


@pytest.fixture
def config(config: PipelineConfig) -> PipelineConfig:
    return PipelineConfig.model_validate(
        {
            **config.model_dump(mode="json", by_alias=True),
            "notify": {"emails": ["anna@example.com"]},
            "retraining": {"mode": "approval", "response_hours": 48},
        }
    )


@pytest.fixture
def add_check(warehouse: Warehouse, config: PipelineConfig) -> Callable[[str], str]:
    """A function that stores a drift check and returns its id."""

    dag_id = f"{config.name}_inference"
    run_id = f"{dag_id}/scheduled__2026-01-31T10:00:00+00:00"
    open_run(warehouse, config, run_id=run_id, dag_id=dag_id, kind="inference", reason=None)

    def add(check_id: str) -> str:
        warehouse.run(
            "drift/insert_check",
            check_id=check_id,
            run_id=run_id,
            version=3,
            champion_event_seq=9,
            first_commit_seq=4,
            last_commit_seq=6,
            n_images=200,
            statistics=json.dumps({"confidences": {"distance": 1.483}, "n_new_labels": 62}),
            thresholds=json.dumps({"confidences": 0.212, "min_new_labels": 50}),
            verdict="DATA_DRIFT",
            action="REQUEST_RETRAINING",
            reasons=json.dumps([f"the answers of window {check_id} look otherwise"]),
            report_path=None,
            signal=None,
            score=None,
            threshold=None,
            p_value=None,
            smallest_shift=None,
            estimated_accuracy=None,
            evidence=None,
        )
        return check_id

    return add


def context_of(config: PipelineConfig, run_id: str) -> Any:
    dag_id = f"{config.name}_training"
    ti = SimpleNamespace(dag_id=dag_id, run_id=run_id, task_id="approve", map_index=-1)
    return {"ti": ti, "run_id": run_id, "answer": f"check-of-{run_id}"}


def open_training(warehouse: Warehouse, config: PipelineConfig, run_id: str, check_id: str | None) -> None:
    dag_id = f"{config.name}_training"
    open_run(
        warehouse,
        config,
        run_id=f"{dag_id}/{run_id}",
        dag_id=dag_id,
        kind="training",
        reason=None,
        check_id=check_id,
    )


def test_a_request_is_mailed_with_its_evidence_and_both_answers(
    warehouse: Warehouse, config: PipelineConfig, add_check: Any, mailbox: Any
) -> None:
    # Given: a training run that a check has asked for; whoever triggers it cannot say so in its conf
    open_training(warehouse, config, "drift__1", add_check("1"))

    # When
    ApprovalNotifier(config)({**context_of(config, "drift__1"), "params": {"check_id": "another"}})

    # Then
    [mail] = mailbox.mails()
    text = mail.get_body(("plain",)).get_content()
    page = f"https://airflow.example.com/ml/dags/{config.name}_training/runs/drift__1/tasks/approve/required_actions"
    assert mail["X-Driftgate-Kind"] == "approval"
    assert mail["To"] == "anna@example.com"
    assert "the answers of window 1 look otherwise" in text
    assert "within 48 hours" in " ".join(text.split())
    assert f"{page}?_options=%5B%22Approve%22%5D&map_index=-1" in text
    assert f"{page}?_options=%5B%22Reject%22%5D&map_index=-1" in text
    assert f"/dags/{config.name}_inference/runs/scheduled__2026-01-31T10%3A00%3A00%2B00%3A00" in text


@pytest.mark.parametrize("check_id", [None, "unknown"])
def test_a_run_without_a_check_asks_nobody_and_fails_nothing(
    check_id: str | None, warehouse: Warehouse, config: PipelineConfig, mailbox: Any, caplog: pytest.LogCaptureFixture
) -> None:
    open_training(warehouse, config, "manual__1", check_id)

    ApprovalNotifier(config)(context_of(config, "manual__1"))

    assert mailbox.mails() == []
    assert "no mail was sent: UnknownCheckError" in caplog.text


def test_a_mail_server_that_is_down_fails_nothing(
    warehouse: Warehouse, config: PipelineConfig, add_check: Any, connect_smtp: Any, unused_port: int, caplog: Any
) -> None:
    open_training(warehouse, config, "drift__1", add_check("1"))
    connect_smtp(unused_port)

    ApprovalNotifier(config)(context_of(config, "drift__1"))

    assert "was not sent: [Errno 111] Connection refused" in caplog.text


def test_a_warehouse_that_is_missing_fails_nothing(
    config: PipelineConfig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_WAREHOUSE", raising=False)

    ApprovalNotifier(config)(context_of(config, "drift__1"))

    assert "no mail was sent: ConfigError: Airflow has no connection 'warehouse'" in caplog.text


def test_drift_is_mailed_for_each_run_that_the_notifier_serves(
    config: PipelineConfig, add_check: Any, mailbox: Any
) -> None:
    add_check("check-of-first")
    add_check("check-of-second")
    notifier = DriftNotifier(config, check="{{ answer }}")

    for run_id in ("first", "second"):
        notifier(context_of(config, run_id))

    first, second = (mail.get_body(("plain",)).get_content() for mail in mailbox.mails())
    assert "the answers of window check-of-first look otherwise" in first
    assert "the answers of window check-of-second look otherwise" in second
    assert [mail["X-Driftgate-Kind"] for mail in mailbox.mails()] == ["drift", "drift"]


def test_mails_show_the_picture_of_their_check(
    warehouse: Warehouse, store: FileStore, config: PipelineConfig, add_check: Any, mailbox: Any
) -> None:
    store.write("reports/with.png", b"a picture")
    open_training(warehouse, config, "drift__1", add_check("with"))
    add_check("without")

    DriftNotifier(config, check="with")(context_of(config, "first"))
    ApprovalNotifier(config)(context_of(config, "drift__1"))
    DriftNotifier(config, check="without")(context_of(config, "first"))

    drift, approval, plain = mailbox.mails()
    for mail in (drift, approval):
        [picture] = [part for part in mail.walk() if part.get_content_maintype() == "image"]
        assert picture.get_content() == b"a picture"
        assert picture.get_filename() == "drift-with.png"
    assert plain.get_content_type() == "multipart/alternative"


def test_whoever_the_run_was_opened_to_tell_is_told_of_its_drift(
    config: PipelineConfig, add_check: Any, mailbox: Any
) -> None:
    check_id = add_check("7")
    by_now = config.model_copy(update={"notify": NotifyConfig(emails=("by.now@example.com",))})

    DriftNotifier(by_now, check=check_id)(context_of(config, "first"))

    assert [mail["To"] for mail in mailbox.mails()] == ["anna@example.com"]


def test_what_check_drift_returned_names_the_check_too(config: PipelineConfig, add_check: Any, mailbox: Any) -> None:
    notifier = DriftNotifier(config, check={"check_id": add_check("7"), "verdict": "DATA_DRIFT"})

    notifier(context_of(config, "first"))

    assert len(mailbox.mails()) == 1


def test_a_template_that_fails_fails_nothing(
    config: PipelineConfig, mailbox: Any, caplog: pytest.LogCaptureFixture
) -> None:
    DriftNotifier(config, check="{{ answer.nothing.there }}")(context_of(config, "first"))

    assert mailbox.mails() == []
    assert "no mail was sent" in caplog.text
