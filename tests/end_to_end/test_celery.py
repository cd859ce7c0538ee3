"""The loop as docker-compose.yaml runs it: PostgreSQL, Redis and two Celery workers, one of which is killed at work."""

import json
import os
import secrets
import socket
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from celery_instance import PORTS, CeleryInstance, all_stopped, kill, missing_programs
from snowflake import connector

from include.commands.airflow_api import AirflowApi
from include.commands.local.digits import write_digits

pytestmark = [pytest.mark.end_to_end, pytest.mark.celery]

REQUIRED_VARIABLE = "DRIFTGATE_CELERY_TEST"
"""`make test-celery` sets it: then what is missing is a failure."""
AT_WORK = "Snowflake Connector for Python Version"
"""What a task logs when it opens its session: all that it does comes after."""
N_NEW = 300
BATCH_SIZE = 100
PATIENCE_S = 90.0


class Killed(NamedTuple):
    """What a worker was at when it was killed."""

    worker: str
    task_id: str
    map_index: int
    try_number: int


@pytest.fixture
def celery_instance(tmp_path: Path) -> Iterator[CeleryInstance]:
    """Airflow with the CeleryExecutor and two workers, with the pipeline `digits`."""
    if reason := missing_programs():
        if os.environ.get(REQUIRED_VARIABLE):
            pytest.fail(reason)
        pytest.skip(reason)
    instance = CeleryInstance(tmp_path, _free_ports(), _new_variables(tmp_path / "images"))
    try:
        _write_pipeline(instance)
        # The warehouse is set up while Airflow starts.
        instance.start({"warehouse"})
        instance.driftgate("setup", "digits")
        instance.start(instance.services)
        yield instance
    finally:
        instance.down()


def test_a_worker_that_is_killed_in_mid_batch_costs_no_answer(celery_instance: CeleryInstance) -> None:
    instance = celery_instance
    folders = (instance.images / "train", instance.images / "new")
    truth = write_digits(*folders, n_training=400, n_new=N_NEW).truth

    # Given: a champion, trained by the workers
    training = instance.json("train", "digits")
    assert "version 1 is champion" in training["outcome"]
    assert training["page"].startswith(instance.airflow_url)

    # When: a worker is killed, with all that it started, while one of its tasks classifies
    with ThreadPoolExecutor(1) as pool, instance.log_in() as api:
        following = pool.submit(instance.json, "infer", "digits")
        killed = kill_in_mid_batch(instance, api, "predict")
        inference = following.result(timeout=PATIENCE_S * 2)

        # Then: its batch is tried again by the other worker, and the run ends well
        assert inference["state"] == "success"
        batches = [task for task in inference["tasks"] if task["task_id"] == "predict"]
        assert len(batches) == N_NEW // BATCH_SIZE
        assert {task["state"] for task in batches} == {"success"}
        again = task_instances(api, inference["run_id"], killed.task_id)[killed.map_index]
        assert again["try_number"] == killed.try_number + 1
        assert instance.processes.find_running(killed.worker) is None

        # and what both tries logged can be read, though each ran in a worker of its own
        logs = f"{api.url}{run_path(inference['run_id'])}/taskInstances/{killed.task_id}/logs"
        for number in (killed.try_number, again["try_number"]):
            answer = api.client.get(f"{logs}/{number}", params={"map_index": killed.map_index})
            assert AT_WORK in answer.text

    # and each image has one answer, nearly all of them right
    rows = query(instance, "SELECT RELATIVE_PATH, TYPE FROM PREDICTIONS")
    assert len(rows) == N_NEW
    answers = dict(rows)
    assert set(answers) == set(truth)
    assert sum(answers[path] == label for path, label in truth.items()) > 0.8 * N_NEW
    # and they were checked for drift, once
    assert query(instance, "SELECT COUNT(*), MIN(VERDICT) FROM DRIFT_CHECKS") == [(1, "STABLE")]


def kill_in_mid_batch(instance: CeleryInstance, api: AirflowApi, task_id: str) -> Killed:
    """Kill the worker that is at work on a batch of this task, and return which.

    All are stopped as soon as a try's log tells that it has begun. If it has not ended then, as Airflow knows it, it is
    in the middle of its work; else they go on, and the next batch is waited for.
    """
    deadline = time.monotonic() + PATIENCE_S
    seen: set[Path] = set()
    while time.monotonic() < deadline:
        logs = set(instance.task_logs.glob(f"dag_id=digits_inference/*/task_id={task_id}/map_index=*/attempt=1.log"))
        for log in sorted(logs - seen):
            if AT_WORK not in log.read_text(encoding="utf-8", errors="replace"):
                continue
            seen.add(log)
            with all_stopped(instance.running_workers()):
                time.sleep(0.3)  # what they have sent by now has arrived
                (run_id,) = unfinished_runs(api)
                found = task_instances(api, run_id, task_id)[int(log.parent.name.removeprefix("map_index="))]
                at_it = instance.worker_of(found["pid"]) if found["state"] == "running" else None
                if at_it:
                    kill(at_it)
                    return Killed(at_it.name, task_id, found["map_index"], found["try_number"])
        time.sleep(0.02)
    raise AssertionError(f"no batch of {task_id} was seen at work")


def unfinished_runs(api: AirflowApi) -> list[str]:
    runs = api.client.get(f"{api.url}/api/v2/dags/digits_inference/dagRuns").json()["dag_runs"]
    return [run["dag_run_id"] for run in runs if run["state"] in {"queued", "running"}]


def task_instances(api: AirflowApi, run_id: str, task_id: str) -> dict[int, dict[str, Any]]:
    """Return the instances of a task by their map index, as the REST API tells them."""
    answer = api.client.get(f"{api.url}{run_path(run_id)}/taskInstances").json()
    return {task["map_index"]: task for task in answer["task_instances"] if task["task_id"] == task_id}


def run_path(run_id: str) -> str:
    return f"/api/v2/dags/digits_inference/dagRuns/{quote(run_id, safe='')}"


def query(instance: CeleryInstance, sql: str) -> list[tuple[Any, ...]]:
    connection = connector.connect(
        user="driftgate",
        password=instance.variables["WAREHOUSE_PASSWORD"],
        account="embedded",
        host="127.0.0.1",
        port=instance.ports["warehouse"],
        protocol="http",
        database="DRIFTGATE",
        schema="DIGITS",
    )
    try:
        rows: list[tuple[Any, ...]] = connection.cursor().execute(sql).fetchall()
        return rows
    finally:
        connection.close()


def _write_pipeline(instance: CeleryInstance) -> None:
    pipeline = {
        "name": "digits",
        "stages": {
            "training": {"name": "TRAINING_IMAGES", "url": f"file://{instance.images}/train/"},
            "incoming": {"name": "INCOMING_IMAGES", "url": f"file://{instance.images}/new/"},
        },
        "schedule": None,
        "preprocessing": {"size": 16},
        "training": {"n_epochs": 6, "batch_size": 32, "horizontal_flip": False},
        "gate": {"min_accuracy": 0.5},
        "inference": {"batch_size": BATCH_SIZE},
    }
    instance.images.mkdir()
    instance.pipelines.mkdir()
    (instance.pipelines / "digits.yaml").write_text(json.dumps(pipeline), encoding="utf-8")


def _new_variables(images: Path) -> dict[str, str]:
    """Return what a user writes into .env, as .env.example says."""
    made = ("ADMIN", "VIEWER", "POSTGRES", "REDIS", "WAREHOUSE")
    return {
        **{f"{name}_PASSWORD": secrets.token_hex(24) for name in made},
        "JWT_SECRET": secrets.token_hex(48),
        "API_SECRET": secrets.token_hex(48),
        "FERNET_KEY": urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "IMAGES_FOLDER": str(images),
        "WORKER_CONCURRENCY": "1",
        "TASK_SLOTS": "4",
    }


def _free_ports() -> dict[str, int]:
    with ExitStack() as stack:
        sockets = {name: stack.enter_context(socket.socket()) for name in PORTS}
        for candidate in sockets.values():
            candidate.bind(("127.0.0.1", 0))
        return {name: candidate.getsockname()[1] for name, candidate in sockets.items()}
