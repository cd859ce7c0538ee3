"""The verb `reproduce`: what it asks Airflow for, what it tells, and with which exit code."""

import json

import pytest
from airflow_server import airflow_server

from include.commands import follow
from include.commands.app import main

AT = "2026-01-01T00:00:00Z"
OTHER = (
    "training version 3 again gives other weights: test accuracy 0.910, the original's is 0.912 (-0.002, on the same "
    "240 images). What may explain it: torch 2.15.0, then 2.14.0"
)
COMPARISON = {"version": 3, "same_weights": False, "accuracy": 0.91, "original_accuracy": 0.912}
DAG_RUN = "/api/v2/dags/digits_reproduce"


@pytest.fixture(autouse=True)
def own_state(tmp_path, monkeypatch):
    monkeypatch.setattr(follow, "_POLL_S", 0.01)
    monkeypatch.setenv("DRIFTGATE_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("DRIFTGATE_PIPELINES", str(tmp_path))
    monkeypatch.setenv("DRIFTGATE_AIRFLOW_TOKEN", "t")
    (tmp_path / "digits.yaml").write_text(
        json.dumps({"name": "digits", "stages": {"training": {"name": "A"}, "incoming": {"name": "B"}}})
    )


@pytest.fixture
def airflow():
    """A function that starts an Airflow whose task ends in a state, with a line in its log."""

    def run_json(request, state):
        run_id = request.body["dag_run_id"] if request.body else request.path.split("/")[6]
        return 200, {
            "dag_id": "digits_reproduce",
            "dag_run_id": run_id,
            "state": state,
            "start_date": AT,
            "end_date": AT,
        }

    def start(state, line, returned=None):
        task = {"task_id": "compare", "map_index": -1, "try_number": 1, "state": state, "start_date": AT}

        def get(request):
            if request.path.endswith("/taskInstances"):
                return 200, {"task_instances": [{**task, "duration": 1.5}], "total_entries": 1}
            if request.path.endswith("/taskInstances/compare/xcomEntries/return_value"):
                return (200, {"key": "return_value", "value": returned}) if returned else (404, {"detail": "none"})
            if "/logs/" in request.path:
                return 200, {"content": [{"timestamp": AT, **line}], "continuation_token": None}
            return run_json(request, state)

        return airflow_server(
            {
                f"POST {DAG_RUN}/dagRuns": lambda request: run_json(request, "queued"),
                f"PATCH {DAG_RUN}": (200, {}),
                "GET *": get,
            }
        )

    return start


def call(*arguments):
    with pytest.raises(SystemExit) as ended:
        main(["reproduce", *arguments])
    return int(ended.value.code or 0)


def told(sentence):
    logger = "airflow.task.operators.driftgate.operators.compare.CompareOperator"
    return {"event": sentence, "logger": logger, "level": "info"}


def test_it_asks_for_a_run_of_the_version_and_other_weights_are_no_error(airflow, monkeypatch, capsys):
    with airflow("success", told(OTHER), COMPARISON) as server:
        monkeypatch.setenv("DRIFTGATE_AIRFLOW_URL", server.url)

        assert call("digits", "3", "--json") == 0

        assert [request.body["conf"] for request in server.sent("POST")] == [{"version": 3}]
        assert [request.body for request in server.sent("PATCH")] == [{"is_paused": False}]
    shown = capsys.readouterr()
    result = json.loads(shown.out)
    assert (result["outcome"], result["comparison"]) == (OTHER, COMPARISON)
    assert OTHER in shown.err


def test_for_people_it_tells_the_comparison_as_the_log_does(airflow, monkeypatch, capsys):
    with airflow("success", told(OTHER)) as server:
        monkeypatch.setenv("DRIFTGATE_AIRFLOW_URL", server.url)

        assert call("digits", "3") == 0

        assert not [request for request in server.requests if "xcomEntries" in request.path]
    assert f"compare | {OTHER}" in capsys.readouterr().out


def test_what_could_not_be_compared_has_exit_code_1_and_says_why(airflow, monkeypatch, capsys):
    line = {
        "event": "Task failed with exception",
        "level": "error",
        "logger": "task",
        "error_detail": [{"exc_type": "AirflowFailException", "exc_value": "there is no version 9 in MODEL_VERSIONS"}],
    }
    with airflow("failed", line) as server:
        monkeypatch.setenv("DRIFTGATE_AIRFLOW_URL", server.url)

        assert call("digits", "9") == 1

    assert "compare: there is no version 9 in MODEL_VERSIONS" in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "told"), [(["digits"], "VERSION"), (["digits", "0"], "VERSION")])
def test_a_wrong_call_has_exit_code_2(capsys, arguments, told):
    assert call(*arguments) == 2
    assert told in capsys.readouterr().err


def test_help_has_an_example(capsys):
    assert call("--help") == 0
    assert "./driftgate reproduce digits 3" in " ".join(capsys.readouterr().out.split())
