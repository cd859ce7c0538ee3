"""People are asked before drift is trained on and before a challenger goes live; the real scheduler and mails."""

import time
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import pytest
from PIL import Image
from running_instance import RunningInstance
from snowflake import connector

from include.commands.airflow_answers import DagRun
from include.commands.airflow_api import AirflowApi
from include.commands.local.mails import ReceivedMail, read_mails

pytestmark = pytest.mark.end_to_end

NAME = "colours"
COLOURS = {"blue": (0, 0, 1), "green": (0, 1, 0), "red": (1, 0, 0)}
PATIENCE_S = 120.0
APPROVE = {"chosen_options": ["Approve"], "params_input": {}}

FoundT = TypeVar("FoundT")


def test_people_decide_what_is_trained_and_what_goes_live(instance: RunningInstance) -> None:
    # Given: a champion that knows three colours, and from now on people who are asked about all that follows
    write_pipeline(instance)
    for label, (red, green, blue) in COLOURS.items():
        for shade in range(120, 240, 3):
            put(instance, f"train/{label}/{shade}.png", (red * shade, green * shade, blue * shade))
    instance.images(NAME, "new").mkdir()
    instance.driftgate("setup", NAME)
    assert "version 1 is champion" in instance.json("train", NAME)["outcome"]
    write_pipeline(instance, promotion={"approval": True})

    # When: images come that it has never seen the like of, and labels for some; the mail server is down meanwhile
    for shade in range(100, 196, 2):
        put(instance, f"new/{shade}.png", (shade, shade, shade))
    for shade in range(101, 197, 2):
        put(instance, f"train/red/grey {shade}.png", (shade, shade, shade))
    instance.kill("mail-catcher")
    inference = instance.json("infer", NAME)
    assert instance.json("up")["started"] == ["mail-catcher"]

    # Then: the run has not failed of that, and a training run waits before any work
    assert inference["outcome"].endswith("DATA_DRIFT, REQUEST_RETRAINING")
    ((check_id,),) = query(instance, "SELECT CHECK_ID FROM DRIFT_CHECKS")
    with instance.log_in("admin") as admin:
        run = wait_for(lambda: admin.find_run(f"{NAME}_training", f"drift__{check_id}"))
        url = wait_for(lambda: parked(admin, run, "approve"))
        assert {task.task_id for task in admin.task_instances(run) if task.is_finished} >= {"open_run", "not_needed"}
        assert "DATA\\_DRIFT" in admin.client.get(url).json()["body"]

        # And: what could not be told then is told now, once, with the picture and the links
        wait_for(lambda: {"drift", "approval"} <= set(kinds(instance)) or None)
        assert sorted(kinds(instance)) == ["approval", "drift", "promoted"]
        asked = mail_of(instance, "approval")
        assert "/tasks/approve/required_actions?_options=%5B%22Approve%22%5D" in text_of(asked)
        assert [part.get_content_type() for part in asked.walk()].count("image/png") == 1

        # When: somebody without a login, or who may only look, approves
        anonymous = httpx.patch(url, json=APPROVE, trust_env=False)
        with instance.log_in("viewer") as viewer:
            not_allowed = viewer.client.patch(url, json=APPROVE)

        # Then: that is refused, and the run goes on waiting
        assert anonymous.status_code == httpx.codes.UNAUTHORIZED
        assert not_allowed.status_code == httpx.codes.FORBIDDEN
        assert parked(admin, run, "approve")

        # When: the admin approves
        assert admin.client.patch(url, json=APPROVE).status_code == httpx.codes.OK
        assert admin.client.patch(url, json=APPROVE).status_code == httpx.codes.CONFLICT

        # Then: the run trains, and asks once more before the challenger goes live
        url = wait_for(lambda: parked(admin, run, "approve_promotion"))
        page = admin.client.get(url).json()["body"]
        assert "version 2" in page
        assert query(instance, "SELECT VERSION FROM CHAMPION") == [(1,)]

        # When: that is approved, too
        answer(admin, url, "Approve")

        # Then: the challenger is champion, and the ledger names who has let it in
        assert wait_for(lambda: finished(admin, run)).state == "success"
        assert query(instance, "SELECT VERSION FROM CHAMPION") == [(2,)]
        answers = query(instance, "SELECT VERSION, EVENT, ACTOR FROM MODEL_EVENTS WHERE REQUEST_ID IS NOT NULL")
        assert answers == [(1, "APPROVED", "admin"), (2, "APPROVED", "admin")]
        wait_for(lambda: kinds(instance).count("promoted") == 2 or None)
        assert sorted(kinds(instance)) == [*["answered"] * 2, *["approval"] * 2, "drift", *["promoted"] * 2]

    # And: the history tells it
    (second,) = [version for version in instance.json("history", NAME)["versions"] if version["version"] == 2]
    assert [answer["actor"] for answer in second["approvals"]] == ["admin", "admin"]


def test_what_is_rejected_left_unanswered_or_approved_too_late_does_not_go_live(instance: RunningInstance) -> None:
    # Given: a champion, and two challengers that wait for an answer
    name = "tints"
    for label, (red, green, blue) in COLOURS.items():
        for shade in range(120, 240, 3):
            put(instance, f"train/{label}/{shade}.png", (red * shade, green * shade, blue * shade), name=name)
    instance.images(name, "new").mkdir()
    write_pipeline(instance, name)
    instance.driftgate("setup", name)
    assert "version 1 is champion" in instance.json("train", name)["outcome"]
    write_pipeline(instance, name, promotion={"approval": True})
    dag_id = f"{name}_training"

    with instance.log_in("admin") as admin:
        runs = [admin.trigger(dag_id, {}, say=print) for _ in range(2)]
        requests = [wait_for(lambda run=run: parked(admin, run, "approve_promotion")) for run in runs]

        # When: the first is approved and promoted, and then the second is approved
        for run, url in zip(runs, requests, strict=True):
            answer(admin, url, "Approve")
            assert wait_for(lambda run=run: finished(admin, run)).state == "success"

        # Then: what the second was to replace is no longer there, and it is refused
        champion = query(instance, "SELECT VERSION FROM CHAMPION", name=name)
        assert champion != [(1,)]
        (refused,) = query(instance, "SELECT OUTCOME FROM RUNS WHERE OUTCOME LIKE '%is not promoted%'", name=name)
        assert "champion" in refused[0]

        # When: of the next two one is rejected, and nobody answers the other
        write_pipeline(instance, name, promotion={"approval": True, "response_hours": 0.01})
        runs = [admin.trigger(dag_id, {}, say=print) for _ in range(2)]
        answer(admin, wait_for(lambda: parked(admin, runs[0], "approve_promotion")), "Reject")
        ended = [wait_for(lambda run=run: finished(admin, run)) for run in runs]

        # Then: both runs have ended well, nothing was promoted, and the ledger says who did not want it
        assert [run.state for run in ended] == ["success", "success"]
        assert query(instance, "SELECT VERSION FROM CHAMPION", name=name) == champion
        rejected = query(instance, "SELECT ACTOR FROM MODEL_EVENTS WHERE EVENT = 'REJECTED' ORDER BY ACTOR", name=name)
        assert [actor for (actor,) in rejected] == ["admin", "driftgate", "nobody"]
        assert "refused" in kinds(instance, name)


def write_pipeline(instance: RunningInstance, name: str = NAME, **fields: Any) -> None:
    instance.write_pipeline(
        name,
        preprocessing={"size": 16},
        training={"n_epochs": 12, "batch_size": 16},
        gate={"min_accuracy": 0.5},
        drift={"window": 20, "min_image_jump": 10},  # grey images are brighter than blue ones
        retraining={"mode": "approval", "min_new_labels": 5},
        notify={"emails": [f"{name}@example.com"]},
        registry={"function": None},  # each promotion would start a worker that imports torch
        **fields,
    )


def mails(instance: RunningInstance, name: str = NAME) -> list[ReceivedMail]:
    """Return a pipeline's mails; other tests of the same instance send some, too."""
    return [mail for mail in read_mails(instance.state.mails) if name in mail.to]


def kinds(instance: RunningInstance, name: str = NAME) -> list[str]:
    return [mail.kind for mail in mails(instance, name)]


def mail_of(instance: RunningInstance, kind: str) -> EmailMessage:
    (mail,) = [mail for mail in mails(instance) if mail.kind == kind]
    return message_from_bytes(mail.path.read_bytes(), policy=policy.default)


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return "".join(str(body.get_content()).split())


def put(instance: RunningInstance, path: str, colour: tuple[int, int, int], *, name: str = NAME) -> None:
    stage, _, below = path.partition("/")
    target = instance.images(name, stage) / below
    target.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 20), colour).save(target)


def parked(api: AirflowApi, run: DagRun, task_id: str) -> str | None:
    """Return the address of the request of a task that waits for its answer, None while it does not."""
    if not any(task.task_id == task_id and task.state == "awaiting_input" for task in api.task_instances(run)):
        return None
    of_run = f"{api.url}/api/v2/dags/{quote(run.dag_id)}/dagRuns/{quote(run.run_id, safe='')}"
    return f"{of_run}/taskInstances/{task_id}/-1/hitlDetails"


def answer(api: AirflowApi, url: str, option: str) -> None:
    time.sleep(2)  # an answer in the same round of the scheduler in which a task parks can be lost
    assert api.client.patch(url, json=APPROVE | {"chosen_options": [option]}).status_code == httpx.codes.OK


def finished(api: AirflowApi, run: DagRun) -> DagRun | None:
    now = api.run(run.dag_id, run.run_id)
    return now if now.is_finished else None


def wait_for(find: Callable[[], FoundT | None]) -> FoundT:
    deadline = time.monotonic() + PATIENCE_S
    while (found := find()) is None:
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.5)
    return found


def query(instance: RunningInstance, sql: str, *, name: str = NAME) -> list[tuple[Any, ...]]:
    settings = instance.state.read_settings()
    connection = connector.connect(
        user="driftgate",
        password=instance.state.secret("warehouse_password"),
        account="embedded",
        host="127.0.0.1",
        port=settings.warehouse_port,
        protocol="http",
        database="DRIFTGATE",
        schema=name.upper(),
    )
    try:
        rows: list[tuple[Any, ...]] = connection.cursor().execute(sql).fetchall()
        return rows
    finally:
        connection.close()
