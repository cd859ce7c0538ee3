"""The verb `rollback`: what it asks Airflow for, and what it says when that is refused."""

import json

import httpx
import pytest
from airflow_server import airflow_server

from include.commands import follow
from include.commands.airflow_api import AirflowApi
from include.commands.app import main
from include.commands.console import Output
from include.commands.lifecycle import release_dags

AT = "2026-01-01T00:00:00Z"
CHANGED = "the champion has changed since this rollback was asked for (version 3 → 2): look at ./driftgate status"


@pytest.fixture(autouse=True)
def own_state(tmp_path, monkeypatch):
    monkeypatch.setattr(follow, "_POLL_S", 0.01)
    monkeypatch.setenv("DRIFTGATE_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("DRIFTGATE_PIPELINES", str(tmp_path))
    (tmp_path / "digits.yaml").write_text(
        json.dumps({"name": "digits", "stages": {"training": {"name": "A"}, "incoming": {"name": "B"}}})
    )


@pytest.fixture
def airflow(monkeypatch):
    """A function that starts an Airflow whose task ends in a state, with a line in its log."""

    def run_json(request, state):
        run_id = request.body["dag_run_id"] if request.body else request.path.split("/")[6]
        return 200, {
            "dag_id": "digits_rollback",
            "dag_run_id": run_id,
            "state": state,
            "start_date": AT,
            "end_date": AT,
        }

    def start(state, line):
        task = {"task_id": "roll_back", "map_index": -1, "try_number": 1, "state": state, "start_date": AT}

        def get(request):
            if request.path.endswith("/taskInstances"):
                return 200, {"task_instances": [{**task, "duration": 1.5}], "total_entries": 1}
            if "/logs/" in request.path:
                return 200, {"content": [{"timestamp": AT, **line}], "continuation_token": None}
            return run_json(request, state)

        return airflow_server(
            {
                "POST /api/v2/dags/digits_rollback/dagRuns": lambda request: run_json(request, "queued"),
                "PATCH /api/v2/dags/digits_rollback": (200, {}),
                "GET *": get,
            }
        )

    monkeypatch.setenv("DRIFTGATE_AIRFLOW_TOKEN", "t")
    return start


def call(*arguments):
    with pytest.raises(SystemExit) as ended:
        main(["rollback", *arguments])
    return int(ended.value.code or 0)


@pytest.mark.parametrize(
    ("arguments", "conf"),
    [
        (["--reason", "it's bad"], {"reason": "it's bad"}),
        (["--to", "2", "--reason", "it's bad"], {"version": 2, "reason": "it's bad"}),
    ],
)
def test_it_asks_for_a_run_with_the_version_and_the_reason(airflow, monkeypatch, capsys, arguments, conf):
    sentence = "version 2 is champion again, in place of version 3"
    logger = "airflow.task.operators.driftgate.operators.roll_back.RollBackOperator"
    with airflow("success", {"event": sentence, "logger": logger, "level": "info"}) as server:
        monkeypatch.setenv("DRIFTGATE_AIRFLOW_URL", server.url)

        assert call("digits", *arguments, "--json") == 0

        assert [request.body["conf"] for request in server.sent("POST")] == [conf]
        assert [request.body for request in server.sent("PATCH")] == [{"is_paused": False}]
    shown = capsys.readouterr()
    assert json.loads(shown.out)["outcome"] == sentence
    assert "roll_back | success" in shown.err


def test_a_refused_rollback_has_exit_code_1_and_says_why(airflow, monkeypatch, capsys):
    line = {
        "event": "Task failed with exception",
        "level": "error",
        "logger": "task",
        "error_detail": [{"exc_type": "AirflowFailException", "exc_value": CHANGED}],
    }
    with airflow("failed", line) as server:
        monkeypatch.setenv("DRIFTGATE_AIRFLOW_URL", server.url)

        assert call("digits", "--reason", "bad") == 1

    assert f"roll_back: {CHANGED}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["digits"], "--reason"),
        (["digits", "--reason", "bad", "--to", "0"], "--to"),
        (["digits", "--reason", "bad", "--to", "two"], "--to"),
    ],
)
def test_a_wrong_call_has_exit_code_2(capsys, arguments, told):
    assert call(*arguments) == 2
    assert told in capsys.readouterr().err


def test_without_airflow_it_says_what_starts_it(capsys):
    assert call("digits", "--reason", "bad") == 3
    assert "Airflow is not running: ./driftgate up starts it" in capsys.readouterr().err


def test_help_has_an_example(capsys):
    assert call("--help") == 0
    assert "./driftgate rollback digits --to 1 --reason" in " ".join(capsys.readouterr().out.split())


def test_up_waits_for_the_dags_that_are_read_last_and_lets_them_run(tmp_path):
    # Given: an Airflow that reads the DAG files one after the other
    kinds = ["training", "inference", "rollback", "reproduce", "alerts"]
    read = iter([kinds[:1], kinds[:2], kinds])

    def dags(request):
        names = [{"dag_id": f"digits_{kind}"} for kind in next(read)]
        return 200, {"dags": names, "total_entries": len(names)}

    with airflow_server({"GET /api/v2/dags": dags, "PATCH *": (200, {})}) as server:
        with AirflowApi(server.url, httpx.Client()) as api:
            release_dags(api, tmp_path, Output())

        released = {request.path.rpartition("/")[2] for request in server.sent("PATCH")}

    assert released == {f"digits_{kind}" for kind in kinds}
