import httpx
import pytest
from airflow_server import airflow_server

from include.commands import follow
from include.commands.airflow_answers import DagRun
from include.commands.airflow_api import AirflowApi
from include.commands.console import Output
from include.commands.follow import RunFollower
from include.errors import CommandError, RunFailedError

BASE = "GET /api/v2/dags/digits_training/dagRuns/r1"
AT = "2026-01-01T00:00:00Z"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(follow, "_POLL_S", 0.01)


def task(task_id, state, *, map_index=-1, try_number=1):
    return {
        "task_id": task_id,
        "map_index": map_index,
        "try_number": try_number,
        "state": state,
        "start_date": AT if try_number else None,
        "duration": 1.5,
    }


def line(text, *, logger="include.models.training", level="info", **more):
    return {"event": text, "logger": logger, "level": level, "timestamp": AT, **more}


def run_json(state):
    end = AT.replace("00Z", "09Z") if state in {"success", "failed"} else None
    return {"dag_id": "digits_training", "dag_run_id": "r1", "state": state, "start_date": AT, "end_date": end}


def follow_run(rounds, logs, *, verbose=False, health="healthy"):
    """Follow a run that is in the given state, with the given tasks, one round after the other."""
    turn = iter(rounds)
    now = {}

    def run(request):
        now["state"], now["tasks"] = next(turn, rounds[-1])
        return 200, run_json(now["state"])

    def tasks(request):
        return 200, {"task_instances": now["tasks"], "total_entries": len(now["tasks"])}

    answers = {
        BASE: run,
        f"{BASE}/taskInstances": tasks,
        "GET /api/v2/monitor/health": (200, {"scheduler": {"status": health}}),
    }
    for name, content in logs.items():
        answers[f"{BASE}/taskInstances/{name}"] = (200, {"content": content, "continuation_token": None})
    with airflow_server(answers) as server, AirflowApi(server.url, httpx.Client()) as api:
        follower = RunFollower(api, Output(), verbose=verbose, start_hint="./driftgate up starts it")
        return follower.follow(DagRun("digits_training", "r1", "queued", None, None))


def test_lines_of_ours_are_shown_with_the_task_and_its_end(capsys):
    logs = {
        "train/logs/1": [
            line("Filling up the DagBag", logger="airflow.dag_processing"),
            line("epoch 1/2"),
            line("Branch into []", logger="airflow.task.operators.driftgate.operators.plan", filename="branch.py"),
            line("version 1 is champion", logger="airflow.task.operators.driftgate.operators.announce"),
            line("mail 'version 1 is champion' was sent to 1 of 1 recipients", logger="driftgate.mailing"),
            line("'version 1 is champion' was delivered through mail", logger="include.notify.delivery"),
            line(
                "what is left is delivered at noon", logger="airflow.task.operators.driftgate.operators.deliver_alerts"
            ),
        ]
    }
    running, ended = [task("train", "running")], [task("train", "success")]
    followed = follow_run([("queued", []), ("running", running), ("success", ended)], logs)

    shown = capsys.readouterr().out
    assert shown.count("train | epoch 1/2") == 1
    assert "train | success in 1.5 s" in shown
    assert "digits_training succeeded in 9.0 s" in shown
    assert "train | mail 'version 1 is champion' was sent" in shown
    assert "DagBag" not in shown
    assert "Branch into" not in shown
    assert followed.outcome == "version 1 is champion"


def test_verbose_shows_all(capsys):
    logs = {"train/logs/1": [line("Filling up the DagBag", logger="airflow.dag_processing")]}
    follow_run([("success", [task("train", "success")])], logs, verbose=True)

    assert "train | Filling up the DagBag" in capsys.readouterr().out


def test_a_failed_run_names_task_error_and_log(capsys):
    detail = [{"exc_type": "AirflowFailException", "exc_value": "stage DIGITS_TRAIN:\nno such folder"}]
    logs = {
        "preprocess/logs/1": [line("Task failed with exception", logger="task", level="error", error_detail=detail)]
    }
    tasks = [task("preprocess", "failed", map_index=2), task("train", "upstream_failed", try_number=0)]

    with pytest.raises(RunFailedError) as failed:
        follow_run([("failed", tasks)], logs)

    message = str(failed.value)
    assert "digits_training failed after 9.0 s in preprocess[2]: stage DIGITS_TRAIN: no such folder" in message
    assert "/tasks/preprocess/mapped/2" in message
    assert "train:" not in message
    assert "preprocess[2] | stage DIGITS_TRAIN: no such folder" in capsys.readouterr().out


def test_a_task_that_was_killed_has_no_error_in_its_log():
    with pytest.raises(RunFailedError, match="killed"):
        follow_run([("failed", [task("train", "failed")])], {"train/logs/1": []})


def test_each_try_of_a_task_is_shown(capsys):
    logs = {"train/logs/1": [line("first try")], "train/logs/2": [line("second try")]}
    rounds = [
        ("running", [task("train", "up_for_retry")]),
        ("running", [task("train", "up_for_retry")]),
        ("success", [task("train", "success", try_number=2)]),
    ]
    follow_run(rounds, logs)

    shown = capsys.readouterr().out
    assert "up_for_retry in 1.5 s, and is tried again" in shown
    assert shown.index("first try") < shown.index("second try")


def test_a_scheduler_that_died_ends_the_waiting(monkeypatch):
    monkeypatch.setattr(follow, "_HEALTH_CHECK_S", 0.0)

    with pytest.raises(CommandError, match=r"no scheduler runs at .*: \./driftgate up starts it"):
        follow_run([("queued", [])], {}, health="unhealthy")
