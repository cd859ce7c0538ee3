"""From images to answers, through the real scheduler and the REST API, by the command."""

from typing import get_args

import httpx
import pytest
from running_instance import COMPONENTS, RunningInstance

from include.commands.airflow_api import AirflowApi
from include.commands.local.state import SecretName
from include.errors import CommandError

pytestmark = pytest.mark.end_to_end


def test_from_images_to_answers(instance: RunningInstance) -> None:
    # Given: a pipeline with labelled and new images, in a warehouse that is set up for it (twice: that changes nothing)
    instance.driftgate("setup", "digits")
    instance.driftgate("setup", "digits")

    # When: it is trained
    training = instance.json("train", "digits", "--reason", "the first")

    # Then: a version is champion, and the run tells so
    assert training["state"] == "success"
    assert "version 1 is champion" in training["outcome"]
    of_task = {task["task_id"]: task["state"] for task in training["tasks"]}
    asking = ("approve", "approved", "rejected", "deliver_request", "deliver_answer")
    not_asked = {f"{task}{which}" for task in asking for which in ("", "_promotion")}
    assert {task for task, state in of_task.items() if state == "skipped"} == not_asked
    assert {state for task, state in of_task.items() if task not in not_asked} == {"success"}

    # When: the new images are classified
    first = instance.driftgate("infer", "digits")

    # Then: each has one answer, and the user saw what the tasks logged
    assert "predict[0] | success" in first.stdout
    (pipeline,) = instance.json("status", "digits")["pipelines"]
    assert pipeline["champion"]["version"] == 1
    assert pipeline["champion"]["metrics"]["accuracy"] >= 0.5
    assert (pipeline["n_answered"], pipeline["n_pending"], pipeline["n_predictions"]) == (50, 0, 50)

    # When: that is done again
    second = instance.json("infer", "digits")

    # Then: nothing is left to do but to check for drift, it says so, and no row is added
    assert second["outcome"].startswith("nothing new to classify; drift check ")
    ran = {task["task_id"] for task in second["tasks"] if task["state"] == "success"}
    assert ran == {"sync_catalog", "plan", "check_drift", "nothing", "deliver_alerts"}
    assert instance.json("status", "digits")["pipelines"][0]["n_predictions"] == 50


def test_a_failed_run_says_why_and_what_to_do(instance: RunningInstance) -> None:
    # Given: a pipeline that is not set up, and whose folders are not there
    # When
    failed = instance.driftgate("train", "empty", expect=1)

    # Then: the error names the task, the reason, the next step, and the page with the log
    assert "error: empty_training failed" in failed.stderr
    assert "./driftgate setup" in failed.stderr
    assert "/tasks/open_run" in failed.stderr
    assert "Traceback" not in failed.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (("train", "nothing"), 2, ["'nothing'", "digits, empty"]),
        (("train", "wrong"), 1, ["wrong.yaml", "model.architecture", "'resnet1'", "small_cnn"]),
        (("train", "digits", "--base-lr", "nan"), 1, ["training.base_lr", "less than or equal to 1", "got nan"]),
        (("train", "digits", "--n-epochs", "0"), 1, ["training.n_epochs", "greater than or equal to 1", "got 0"]),
    ],
)
def test_a_wrong_call_is_refused_before_anything_runs(
    instance: RunningInstance, arguments: tuple[str, ...], code: int, named: list[str]
) -> None:
    refused = instance.driftgate(*arguments, expect=code)

    assert refused.stderr.startswith("error: ")
    assert all(part in refused.stderr for part in named), refused.stderr
    assert len(refused.stderr.splitlines()) == 1


def test_up_again_says_that_it_runs(instance: RunningInstance) -> None:
    again = instance.driftgate("up")

    assert "everything runs already" in again.stdout
    assert instance.state.read_settings().airflow_url in again.stdout
    assert "wrong.yaml" in again.stdout  # a wrong file is told, and keeps nothing else from running
    with instance.log_in("admin") as api:
        assert {"digits_training", "digits_inference"} <= api.dag_ids()
        assert any("pipeline_files.py" in error for error in api.import_errors())


def test_up_starts_only_what_was_killed(instance: RunningInstance) -> None:
    # Given
    killed = instance.kill("dag-processor")

    # When
    again = instance.json("up")

    # Then
    assert again["started"] == ["dag-processor"]
    assert again["running"] == COMPONENTS
    assert not killed.is_running()


def test_only_who_may_can_trigger(instance: RunningInstance) -> None:
    url = instance.state.read_settings().airflow_url

    # Nobody
    anonymous = httpx.post(f"{url}/api/v2/dags/digits_training/dagRuns", json={"logical_date": None}, trust_env=False)
    assert anonymous.status_code == httpx.codes.UNAUTHORIZED

    # Somebody who may look only
    with instance.log_in("viewer") as api:
        assert "digits_training" in api.dag_ids()
        with pytest.raises(CommandError, match="may not"):
            api.trigger("digits_training", {}, say=print)

    # Somebody with a wrong password
    with pytest.raises(CommandError, match="refuses the password of 'admin'"):
        AirflowApi.log_in(url, user="admin", password="a guess", start_hint="")

    # Somebody with a token that is none
    wrong = instance.driftgate(
        "train", "digits", expect=1, DRIFTGATE_AIRFLOW_URL=url, DRIFTGATE_AIRFLOW_TOKEN="no token at all"
    )
    assert "refuses the token" in wrong.stderr


def test_no_secret_is_in_a_log_or_in_the_list_of_processes(instance: RunningInstance) -> None:
    secrets = [*(instance.state.secret(name) for name in get_args(SecretName)), "signature="]

    logs = [path for path in instance.state.logs.rglob("*") if path.is_file()]
    texts = {str(path): path.read_text(errors="replace") for path in logs}
    texts |= {f"process {process.pid}": " ".join(process.cmdline()) for process in instance.processes()}

    assert len(logs) > len(COMPONENTS)
    assert [where for where, text in texts.items() for secret in secrets if secret in text] == []
