"""The buttons: they ask first, act once and in the name of whoever presses, and only for those who may."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from include.config import PipelineConfig
from include.warehouse.session import Warehouse

Browser = Callable[[str | None], TestClient]
Query = Callable[..., list[tuple[Any, ...]]]

NONCE = "0123456789abcdef"


@pytest.fixture
def dags(airflow_app: Any, pipeline_file: Path) -> Any:
    """The pipeline's DAGs, known to Airflow."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db

    DagBundlesManager().sync_bundles_to_db()
    bag = DagBag(Path(__file__).parents[4] / "dags")
    sync_bag_to_db(bag, "dags-folder", None)
    return bag


def runs_of(dag_id: str) -> list[Any]:
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as session:
        return list(session.scalars(select(DagRun).where(DagRun.dag_id == dag_id)))


def is_paused(dag_id: str) -> bool:
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session

    with create_session() as session:
        return bool(session.get_one(DagModel, dag_id).is_paused)


def press(client: TestClient, config: PipelineConfig, action: str, **form: str) -> Any:
    headers = {"HX-Request": "true", "Sec-Fetch-Site": "same-origin"}
    data = {"nonce": NONCE, **form}
    return client.post(f"/driftgate/pipelines/{config.name}/actions/{action}", data=data, headers=headers)


def test_a_check_pressed_twice_is_one_run_in_the_name_of_who_pressed(
    browser: Browser, config: PipelineConfig, dags: Any
) -> None:
    # Given somebody who presses the dialog's button twice
    client = browser("admin")
    first, second = press(client, config, "check"), press(client, config, "check")

    # Then one run was started, which only checks, and it can run
    (run,) = runs_of(f"{config.name}_inference")
    assert (first.status_code, second.status_code) == (200, 200)
    assert "started already" in second.text
    assert run.conf == {"only_check": True}
    assert run.triggering_user_name == "admin"
    assert not is_paused(run.dag_id)


def test_a_rollback_wants_a_reason_and_takes_a_version(browser: Browser, config: PipelineConfig, dags: Any) -> None:
    client = browser("admin")

    refused = press(client, config, "rollback", reason="  ")
    press(client, config, "rollback", reason="takes every 7 for a 1", version="2")

    (run,) = runs_of(f"{config.name}_rollback")
    assert refused.status_code == 422
    assert "needs a reason" in refused.text
    assert run.conf == {"reason": "takes every 7 for a 1", "version": 2}


def test_a_dialog_says_what_will_happen(browser: Browser, config: PipelineConfig, warehouse: Warehouse) -> None:
    client = browser("admin")

    dialog = client.get(f"/driftgate/pipelines/{config.name}/actions/rollback").text

    assert "takes over at once" in dialog
    assert "required" in dialog


@pytest.mark.parametrize("form", [{"nonce": "../../etc"}, {"version": "1; DROP"}, {"reason": "r" * 1001}])
def test_a_form_that_no_dialog_has_made_starts_nothing(
    browser: Browser, config: PipelineConfig, form: dict[str, str]
) -> None:
    assert press(browser("admin"), config, "rollback", **{"reason": "why", **form}).status_code == 422
    assert runs_of(f"{config.name}_rollback") == []


def test_a_viewer_is_told_that_nothing_may_be_pressed(browser: Browser, config: PipelineConfig) -> None:
    client = browser("viewer")

    shown = client.get(f"/driftgate/pipelines/{config.name}/actions").text
    pressed = press(client, config, "train")

    assert "Nothing may be pressed here" in shown
    assert pressed.status_code == 403
    assert runs_of(f"{config.name}_training") == []


def ask(config: PipelineConfig, dags: Any, query: Query, *, body: str) -> str:
    """Let a training run wait for a person, as the scheduler and the task leave it; return the request."""
    from airflow.models.hitl import HITLDetail
    from airflow.utils.session import create_session

    from driftgate.operators.approve import APPROVE, REJECT

    dag_id = f"{config.name}_training"
    with create_session() as session:
        (run,) = runs_of(dag_id)
        ti = session.merge(run).get_task_instance("approve", session=session)
        session.add(
            HITLDetail(
                ti_id=ti.id, options=[APPROVE, REJECT], subject="shall it train?", body=body, multiple=False, params={}
            )
        )
    request_id = "00aa11bb22cc33dd"
    query(
        "INSERT INTO RUNS (RUN_ID, DAG_ID, KIND, CONFIG, CONFIG_DIGEST, STARTED_AT) SELECT %(run)s, %(dag)s, "
        "'training', PARSE_JSON('{}'), 'c0', SYSDATE()",
        run=f"{dag_id}/{run.run_id}",
        dag=dag_id,
    )
    query(
        "INSERT INTO APPROVAL_REQUESTS (REQUEST_ID, RUN_ID, KIND, VERSION, CHAMPION_EVENT_SEQ, EVIDENCE, APPROVERS, "
        "N_NEEDED, REQUESTED_AT, EXPIRES_AT) SELECT %(id)s, %(run)s, 'retraining', 1, 1, PARSE_JSON(%(evidence)s), "
        "PARSE_JSON('[]'), 1, SYSDATE(), DATEADD(HOUR, 1, SYSDATE())",
        id=request_id,
        run=f"{dag_id}/{run.run_id}",
        evidence=json.dumps({}),
    )
    return request_id


def test_an_approval_is_given_in_the_name_of_who_presses_and_once(
    browser: Browser, config: PipelineConfig, warehouse: Warehouse, query: Query, dags: Any
) -> None:
    # Given a run that waits, whose evidence names a class that looks like a script
    from airflow.models.hitl import HITLDetail
    from airflow.utils.session import create_session
    from sqlalchemy import select

    client = browser("admin")
    press(client, config, "train")
    request_id = ask(
        config, dags, query, body="**DATA_DRIFT** of `<script>alert(1)</script>` <script>alert(2)</script>"
    )
    address = f"/driftgate/pipelines/{config.name}/approvals/{request_id}"

    # When somebody looks, approves, and approves again
    head = client.get(f"/driftgate/pipelines/{config.name}/head").text
    dialog = client.get(address).text
    answers = [client.post(address, data={"task_id": "approve", "chosen": "Approve"}) for _ in range(2)]

    # Then the page says that somebody is waited for, shows the evidence as text, and one answer was taken
    assert "Waits for a person" in head
    assert "<strong>DATA_DRIFT</strong>" in dialog
    assert "<script>" not in dialog
    assert [answer.status_code for answer in answers] == [200, 409]
    with create_session() as session:
        detail = session.scalars(select(HITLDetail).where(HITLDetail.subject == "shall it train?")).one()
        assert detail.chosen_options == ["Approve"]
        assert detail.responded_by["name"] == "admin"
        session.delete(detail)


def test_an_answer_to_what_nobody_asks_is_refused(
    browser: Browser, config: PipelineConfig, warehouse: Warehouse
) -> None:
    address = f"/driftgate/pipelines/{config.name}/approvals/00aa11bb22cc33dd"

    assert browser("admin").post(address, data={"task_id": "approve", "chosen": "Approve"}).status_code == 404
    assert browser("admin").post(address, data={"task_id": "approve", "chosen": "Perhaps"}).status_code == 422
