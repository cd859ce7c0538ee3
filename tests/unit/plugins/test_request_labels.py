"""The task that asks for labels, on a real warehouse and a real mail server."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from driftgate.mailing import send_mail
from driftgate.operators.request_labels import RequestLabelsOperator
from include.catalog.runs import open_run
from include.catalog.sync import sync_stage
from include.config import PipelineConfig
from include.drift.check import Check
from include.models.baseline import CONFIDENCE_EDGES, Baseline
from include.notify.delivery import deliver_due
from include.notify.desk import Desk
from include.registry.ledger import register
from include.store.files import FileStore
from include.warehouse.session import Warehouse

Query = Callable[..., list[tuple[Any, ...]]]
PutImage = Callable[..., Path]


@pytest.fixture
def config(config: PipelineConfig) -> PipelineConfig:
    return PipelineConfig.model_validate(
        {
            **config.model_dump(mode="json", by_alias=True),
            "notify": {"emails": ["anna@example.com"]},
            "retraining": {"label_requests": 4},
        }
    )


@pytest.fixture
def check(warehouse: Warehouse, config: PipelineConfig, put_image: PutImage, query: Query) -> Check:
    """A check in a run of its own that wants labels, of a window of six images."""
    dag_id = f"{config.name}_inference"
    open_run(warehouse, config, run_id=f"{dag_id}/hourly", dag_id=dag_id, kind="inference", reason=None)
    for place in range(6):
        put_image(f"{place}.png", colour=(40 * place, 0, 0), stage="new")
    sync_stage(warehouse, config.stages.incoming, labels=None, accept_removals=True)
    query("UPDATE IMAGES SET CONTENT_SHA256 = RELATIVE_PATH")
    version = register(
        warehouse,
        config=config,
        snapshot_id="s",
        metrics={},
        n_training_images=7,
        artifact_path="a/",
        sha256="sha",
        temperature=1.0,
        baseline=Baseline(edges=CONFIDENCE_EDGES, counts_by_class={}, image_statistics={}),
        run_id="training",
    )
    query(
        "INSERT INTO PREDICTIONS (STAGE, RELATIVE_PATH, ETAG, VERSION, TYPE, CONFIDENCE, SCORES, PRED_TIMESTAMP, "
        "RUN_ID, COMMIT_SEQ, IS_FIRST) SELECT STAGE, RELATIVE_PATH, ETAG, %(version)s, 'a <b>hat</b>', 0.4, "
        "PARSE_JSON('[1]'), SYSDATE(), 'r', ROW_NUMBER() OVER (ORDER BY RELATIVE_PATH), TRUE FROM IMAGES",
        version=version,
    )
    query(
        "INSERT INTO DRIFT_CHECKS (CHECK_ID, RUN_ID, VERSION, CHAMPION_EVENT_SEQ, FIRST_COMMIT_SEQ, LAST_COMMIT_SEQ, "
        "N_IMAGES, STATISTICS, THRESHOLDS, VERDICT, ACTION, REASONS, CHECKED_AT) SELECT 'c1', %(run)s, %(version)s, 1, "
        "1, 6, 6, PARSE_JSON('{}'), PARSE_JSON('{}'), 'DATA_DRIFT', 'REQUEST_LABELS', PARSE_JSON(%(reasons)s), "
        "SYSDATE()",
        run=f"{dag_id}/hourly",
        version=version,
        reasons=json.dumps(["the images look otherwise"]),
    )
    return Check(
        check_id="c1",
        version=version,
        verdict="DATA_DRIFT",
        action="REQUEST_LABELS",
        reasons=("whatever an XCom says",),
        n_images=6,
        report_path=None,
        champion_event_seq=1,
    )


@pytest.fixture
def run(config: PipelineConfig, check: Check) -> Callable[[], dict[str, Any]]:
    ti = SimpleNamespace(task_id="request_labels", map_index=-1, try_number=1)
    context: Any = {"dag": SimpleNamespace(dag_id=f"{config.name}_inference"), "run_id": "hourly", "ti": ti}

    def execute() -> dict[str, Any]:
        task = RequestLabelsOperator(task_id="request_labels", config=config, check=check.to_json())
        returned: dict[str, Any] = task.execute(context)
        return returned

    return execute


@pytest.fixture
def deliver(warehouse: Warehouse, store: FileStore, config: PipelineConfig) -> Callable[[], None]:
    """A function that delivers what waits."""
    desk = Desk(warehouse=warehouse, store=store, config=config, base_url="", work_path="deliverer")

    def deliver_all() -> None:
        deliver_due(desk, send_mail=send_mail)

    return deliver_all


def test_people_get_the_images_and_the_list_and_a_retry_asks_for_the_same(
    run: Callable[[], dict[str, Any]], deliver: Callable[[], None], store: FileStore, mailbox: Any, query: Query
) -> None:
    returned = run()
    deliver()

    assert returned == {"n_requested": 4, "list_path": "label_requests/c1.csv", "sheet_path": "label_requests/c1.png"}
    [mail] = mailbox.mails()
    text = mail.get_body(("plain",)).get_content()
    assert mail["X-Driftgate-Kind"] == "labels"
    assert "4 images" in mail["Subject"]
    assert "the images look otherwise" in text
    assert "label_requests/c1.csv" in text
    [picture] = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert picture.get_content() == store.read("label_requests/c1.png")

    asked = query("SELECT * FROM LABEL_REQUESTS ORDER BY PLACE")
    assert run() == returned
    deliver()
    assert query("SELECT * FROM LABEL_REQUESTS ORDER BY PLACE") == asked
    assert len(mailbox.mails()) == 1


def test_where_there_is_nothing_left_to_ask_about_the_drift_is_told(
    run: Callable[[], dict[str, Any]], deliver: Callable[[], None], mailbox: Any, query: Query
) -> None:
    query("UPDATE IMAGES SET GONE_AT = SYSDATE()")

    assert run() == {"n_requested": 0, "list_path": None, "sheet_path": None}
    deliver()

    [mail] = mailbox.mails()
    assert "the images look otherwise" in mail.get_body(("plain",)).get_content()
    assert not [part for part in mail.walk() if part.get_content_type() == "image/png"]
