import httpx
import pytest
from airflow_server import airflow_server

from include.commands import airflow_api
from include.commands.airflow_answers import DagRun, LogPosition, TaskInstance
from include.commands.airflow_api import AirflowApi
from include.errors import CommandError

RUN = DagRun("digits_training", "manual__1", "running", None, None)
TASK = TaskInstance("train", -1, 1, "running", None, None)
LOG_PATH = "GET /api/v2/dags/digits_training/dagRuns/manual__1/taskInstances/train/logs/1"
RUN_JSON = {"dag_id": "digits_training", "dag_run_id": "x", "state": "queued", "start_date": None, "end_date": None}


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr(airflow_api, "_PAUSE_S", 0.01)


def api_of(server):
    return AirflowApi(server.url, httpx.Client(headers={"Authorization": "Bearer t"}), "./driftgate up starts it")


def test_it_logs_in_and_shows_the_token():
    answers = {
        "POST /auth/token": (201, {"access_token": "secret"}),
        "GET /api/v2/dags": (200, {"dags": [{"dag_id": "a"}], "total_entries": 1}),
    }
    with airflow_server(answers) as server:
        with AirflowApi.log_in(server.url, user="admin", password="pw", start_hint="") as api:
            assert api.dag_ids() == {"a"}

        assert server.requests[0].body == {"username": "admin", "password": "pw"}
        assert server.requests[1].authorization == "Bearer secret"


def test_a_wrong_password_is_told_and_not_shown():
    answers = {"POST /auth/token": (401, {"detail": "Invalid credentials"})}
    with (
        airflow_server(answers) as server,
        pytest.raises(CommandError, match="refuses the password of 'admin'") as refused,
    ):
        AirflowApi.log_in(server.url, user="admin", password="my-secret", start_hint="")

    assert "my-secret" not in str(refused.value)


def test_nobody_answers():
    with airflow_server({}) as server:
        gone = api_of(server)

    with gone, pytest.raises(CommandError, match=r"does not answer at http://127.*: \./driftgate up starts it"):
        gone.dag_ids()


def test_lists_longer_than_a_page_are_read_to_their_end():
    everything = [{"dag_id": f"dag_{i}"} for i in range(230)]

    def page(request):
        begin, size = int(request.query["offset"]), int(request.query["limit"])
        return 200, {"dags": everything[begin : begin + size], "total_entries": len(everything)}

    with airflow_server({"GET /api/v2/dags": page}) as server, api_of(server) as api:
        assert len(api.dag_ids()) == 230
        assert len(server.requests) == 3


def test_a_new_dag_is_waited_for_and_triggered_once():
    # Given: a DAG that the trigger knows only after a while
    n_unknown = iter(range(3))

    def trigger(request):
        if next(n_unknown, None) is not None:
            return 404, {"detail": "Dag with dag_id: 'digits_training' not found"}
        return 200, {**RUN_JSON, "dag_run_id": request.body["dag_run_id"]}

    told = []
    with airflow_server({"POST /api/v2/dags/digits_training/dagRuns": trigger}) as server, api_of(server) as api:
        run = api.trigger("digits_training", {"n_epochs": 3}, say=told.append)

        assert told == ["waiting for Airflow to read digits_training"]
        bodies = [request.body for request in server.sent("POST")]
        assert {body["dag_run_id"] for body in bodies} == {run.run_id}
        assert bodies[-1]["conf"] == {"n_epochs": 3}
        assert bodies[-1]["logical_date"] is None


def test_a_trigger_whose_answer_was_lost_starts_no_second_run():
    # Given: a server that starts the run, and answers the first time with an error of its own
    runs = []

    def trigger(request):
        if request.body["dag_run_id"] in runs:
            return 409, {"detail": "DAGRun with this id exists"}
        runs.append(request.body["dag_run_id"])
        return 503, b"busy"

    with airflow_server({"POST /api/v2/dags/digits_training/dagRuns": trigger}) as server, api_of(server) as api:
        server.answers["GET *"] = (200, {**RUN_JSON, "dag_run_id": "the one that was started"})
        assert api.trigger("digits_training", {}, say=print).run_id == "the one that was started"

        assert len(runs) == 1
        assert server.sent("GET")[-1].path.endswith(runs[0])


def test_a_dag_that_never_comes_is_told_with_the_import_errors(monkeypatch):
    monkeypatch.setattr(airflow_api, "DAG_PATIENCE_S", 0.05)
    broken = {"filename": "training.py", "stack_trace": "Traceback…\nModuleNotFoundError: No module named 'x'\n"}
    answers = {"GET /api/v2/importErrors": (200, {"import_errors": [broken], "total_entries": 1})}

    with (
        airflow_server(answers) as server,
        api_of(server) as api,
        pytest.raises(CommandError, match=r"no DAG digits_training: training.py: ModuleNotFoundError"),
    ):
        api.trigger("digits_training", {}, say=print)


@pytest.mark.parametrize(
    ("status", "detail", "told"),
    [
        (400, "Invalid input for param n_epochs: 0 is less than the minimum of 1\n\nFailed…", r"minimum of 1$"),
        (422, [{"loc": ["body", "conf"], "msg": "should be a dictionary"}], "body.conf: should be a dictionary"),
        (401, "Not authenticated", "refuses the token"),
        (403, "Invalid JWT token", "refuses the token"),
        (403, "Forbidden", "may not do that"),
        (500, "oh", "answers 500"),
    ],
)
def test_each_refusal_is_one_clear_line(status, detail, told):
    answers = {"POST /api/v2/dags/digits_training/dagRuns": (status, {"detail": detail})}
    with airflow_server(answers) as server, api_of(server) as api, pytest.raises(CommandError, match=told) as refused:
        api.trigger("digits_training", {}, say=print)

    assert "\n" not in str(refused.value)


def test_a_busy_server_is_asked_again():
    codes = iter([500, 503, 200])

    def dags(request):
        return next(codes), {"dags": [], "total_entries": 0}

    with airflow_server({"GET /api/v2/dags": dags}) as server, api_of(server) as api:
        assert api.dag_ids() == set()


def test_log_lines_come_once_each_however_the_log_is_cut():
    # Given: a log that grows; while the task runs a token marks the place, at the end there is none
    header = [{"event": "::group::Log message source details"}, {"event": "/a"}, {"event": "::endgroup::"}]
    lines = [{"event": f"line {i}", "level": "info", "logger": "include.x"} for i in range(6)]
    answers = iter(
        [
            (header + lines[:2], "first"),
            (lines[2:4], "second"),
            (lines[4:5], None),  # the task has ended, but its last line is still on the way
            (lines[4:6], None),
            (lines[4:6], None),
        ]
    )
    tokens = []

    def log(request):
        tokens.append(request.query.get("token"))
        content, token = next(answers)
        return 200, {"content": content, "continuation_token": token}

    position = LogPosition()
    with airflow_server({LOG_PATH: log}) as server, api_of(server) as api:
        read = [[line.text for line in api.read_log(RUN, TASK, position)] for _ in range(5)]

    assert read == [["line 0", "line 1"], ["line 2", "line 3"], ["line 4"], ["line 5"], []]
    assert tokens == [None, "first", "second", "second", "second"]


def test_a_log_that_is_not_there_yet_has_no_lines():
    with airflow_server({}) as server, api_of(server) as api:
        assert api.read_log(RUN, TASK, LogPosition()) == []


def test_an_address_in_the_environment_needs_a_token(monkeypatch):
    monkeypatch.delenv("DRIFTGATE_AIRFLOW_URL", raising=False)
    assert AirflowApi.from_environment() is None

    monkeypatch.setenv("DRIFTGATE_AIRFLOW_URL", "https://airflow.example.com/")
    monkeypatch.delenv("DRIFTGATE_AIRFLOW_TOKEN", raising=False)
    with pytest.raises(CommandError, match="DRIFTGATE_AIRFLOW_TOKEN is not"):
        AirflowApi.from_environment()

    monkeypatch.setenv("DRIFTGATE_AIRFLOW_TOKEN", "token")
    api = AirflowApi.from_environment()
    assert api is not None
    assert api.url == "https://airflow.example.com"
    assert "token" not in repr(api)


def test_a_user_and_a_password_in_the_environment_log_in(monkeypatch):
    # Given: what docker-compose.yaml tells the command, whose address is not the browser's
    monkeypatch.delenv("DRIFTGATE_AIRFLOW_TOKEN", raising=False)
    monkeypatch.setenv("DRIFTGATE_AIRFLOW_USER", "admin")
    monkeypatch.setenv("DRIFTGATE_AIRFLOW_PASSWORD", "pw")
    monkeypatch.setenv("DRIFTGATE_AIRFLOW_PAGES", "http://airflow.example.com/")
    answers = {
        "POST /auth/token": (201, {"access_token": "secret"}),
        "GET /api/v2/dags": (200, {"dags": [{"dag_id": "a"}], "total_entries": 1}),
    }
    with airflow_server(answers) as server:
        monkeypatch.setenv("DRIFTGATE_AIRFLOW_URL", f"{server.url}/")

        # When
        with AirflowApi.from_environment() as api:
            assert api.dag_ids() == {"a"}
            page = api.run_page(RUN)

        # Then
        assert server.requests[0].body == {"username": "admin", "password": "pw"}
        assert server.requests[1].authorization == "Bearer secret"
        assert page == "http://airflow.example.com/dags/digits_training/runs/manual__1"


def test_a_wrong_password_in_the_environment_is_told_with_its_variable(monkeypatch):
    monkeypatch.delenv("DRIFTGATE_AIRFLOW_TOKEN", raising=False)
    monkeypatch.setenv("DRIFTGATE_AIRFLOW_USER", "admin")
    monkeypatch.setenv("DRIFTGATE_AIRFLOW_PASSWORD", "my-secret")
    with airflow_server({"POST /auth/token": (401, {"detail": "Invalid credentials"})}) as server:
        monkeypatch.setenv("DRIFTGATE_AIRFLOW_URL", server.url)
        with pytest.raises(CommandError, match=r"'admin': is DRIFTGATE_AIRFLOW_PASSWORD right\?") as refused:
            AirflowApi.from_environment()

    assert "my-secret" not in str(refused.value)


def test_pages_of_runs_and_logs_can_be_opened():
    api = AirflowApi("http://127.0.0.1:8080", httpx.Client())
    run = RUN._replace(run_id="manual__2026-01-01T00:00:00+00:00")

    assert api.log_page(run, TASK._replace(map_index=3)) == (
        "http://127.0.0.1:8080/dags/digits_training/runs/manual__2026-01-01T00%3A00%3A00%2B00%3A00/tasks/train/mapped/3"
    )
