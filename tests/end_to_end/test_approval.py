"""A training run that drift asks for waits for a person, whom the REST API knows; the real scheduler resumes it."""

import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import pytest
from PIL import Image
from running_instance import RunningInstance
from snowflake import connector

from include.commands.airflow_answers import DagRun
from include.commands.airflow_api import AirflowApi

pytestmark = pytest.mark.end_to_end

NAME = "colours"
COLOURS = {"blue": (0, 0, 1), "green": (0, 1, 0), "red": (1, 0, 0)}
PATIENCE_S = 120.0
APPROVE = {"chosen_options": ["Approve"], "params_input": {}}

FoundT = TypeVar("FoundT")


def test_a_person_decides_whether_drift_is_trained_on(instance: RunningInstance) -> None:
    # Given: a champion that knows three colours, in mode approval
    instance.write_pipeline(
        NAME,
        preprocessing={"size": 16},
        training={"n_epochs": 12, "batch_size": 16},
        gate={"min_accuracy": 0.5},
        drift={"window": 20, "min_image_jump": 10},  # grey images are brighter than blue ones
        retraining={"mode": "approval", "min_new_labels": 5},
        notify={"emails": ["oncall@example.com"]},
    )
    for label, (red, green, blue) in COLOURS.items():
        for shade in range(120, 240, 3):
            put(instance, f"train/{label}/{shade}.png", (red * shade, green * shade, blue * shade))
    instance.images(NAME, "new").mkdir()
    instance.driftgate("setup", NAME)
    assert "version 1 is champion" in instance.json("train", NAME)["outcome"]

    # When: images come that it has never seen the like of, and labels for some
    for shade in range(100, 196, 2):
        put(instance, f"new/{shade}.png", (shade, shade, shade))
    for shade in range(80, 86):
        put(instance, f"train/red/grey {shade}.png", (shade, shade, shade))
    inference = instance.json("infer", NAME)

    # Then: a training run waits before any work
    assert inference["outcome"].endswith("DATA_DRIFT, REQUEST_RETRAINING")
    ((check_id,),) = query(instance, "SELECT CHECK_ID FROM DRIFT_CHECKS")
    with instance.log_in("admin") as admin:
        run = wait_for(lambda: admin.find_run(f"{NAME}_training", f"drift__{check_id}"))
        url = wait_for(lambda: parked(admin, run))
        time.sleep(2)  # an answer in the same round of the scheduler in which a task parks can be lost
        assert {task.task_id for task in admin.task_instances(run) if task.is_finished} >= {"open_run", "not_needed"}
        assert "DATA\\_DRIFT" in admin.client.get(url).json()["body"]

        # When: somebody without a login, or who may only look, approves
        anonymous = httpx.patch(url, json=APPROVE, trust_env=False)
        with instance.log_in("viewer") as viewer:
            not_allowed = viewer.client.patch(url, json=APPROVE)

        # Then: that is refused, and the run goes on waiting
        assert anonymous.status_code == httpx.codes.UNAUTHORIZED
        assert not_allowed.status_code == httpx.codes.FORBIDDEN
        assert parked(admin, run)

        # When: the admin approves
        assert admin.client.patch(url, json=APPROVE).status_code == httpx.codes.OK
        assert admin.client.patch(url, json=APPROVE).status_code == httpx.codes.CONFLICT

        # Then: the run trains, and the ledger names who allowed it
        ended = wait_for(lambda: finished(admin, run))
        assert ended.state == "success"
        of_task = {task.task_id: task.state for task in admin.task_instances(run)}
        assert of_task["rejected"] == of_task["not_needed"] == "skipped"
        assert of_task["approved"] == of_task["train"] == of_task["promote"] == of_task["announce"] == "success"
    (event,) = query(instance, "SELECT VERSION, ACTOR, REASON FROM MODEL_EVENTS WHERE EVENT = 'APPROVED'")
    assert event[:2] == (1, "admin")
    assert event[2].startswith("approved by admin at 20")
    assert query(instance, "SELECT COUNT(*) FROM MODEL_VERSIONS") == [(2,)]
    subjects = [path.read_text(encoding="utf-8") for path in instance.state.root.rglob("*.eml")]
    assert any("may a new model be trained? (drift of version 1)" in " ".join(mail.split()) for mail in subjects)


def put(instance: RunningInstance, path: str, colour: tuple[int, int, int]) -> None:
    stage, _, below = path.partition("/")
    target = instance.images(NAME, stage) / below
    target.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 20), colour).save(target)


def parked(api: AirflowApi, run: DagRun) -> str | None:
    """Return the address of the request of a run that waits for its answer, None while it does not."""
    if not any(task.task_id == "approve" and task.state == "awaiting_input" for task in api.task_instances(run)):
        return None
    of_run = f"{api.url}/api/v2/dags/{quote(run.dag_id)}/dagRuns/{quote(run.run_id, safe='')}"
    return f"{of_run}/taskInstances/approve/-1/hitlDetails"


def finished(api: AirflowApi, run: DagRun) -> DagRun | None:
    now = api.run(run.dag_id, run.run_id)
    return now if now.is_finished else None


def wait_for(find: Callable[[], FoundT | None]) -> FoundT:
    deadline = time.monotonic() + PATIENCE_S
    while (found := find()) is None:
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.5)
    return found


def query(instance: RunningInstance, sql: str) -> list[tuple[Any, ...]]:
    settings = instance.state.read_settings()
    connection = connector.connect(
        user="driftgate",
        password=instance.state.secret("warehouse_password"),
        account="embedded",
        host="127.0.0.1",
        port=settings.warehouse_port,
        protocol="http",
        database="DRIFTGATE",
        schema=NAME.upper(),
    )
    try:
        rows: list[tuple[Any, ...]] = connection.cursor().execute(sql).fetchall()
        return rows
    finally:
        connection.close()
